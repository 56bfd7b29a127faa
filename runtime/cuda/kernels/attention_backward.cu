#include "runtime/cpu/instantiate.hpp"
#include "runtime/cuda/kernels/attention.hpp"
#include "runtime/cuda/kernels/attention_backward_bodies.hpp"
#include "runtime/cuda/kernels/attention_launch.hpp"

namespace forerun::cuda {

template <class T>
void attention_backward(cudaStream_t stream, const AttentionShape& s, const AttentionInput<T>& in,
                        const std::int32_t* query_positions, const std::int32_t* key_positions, Matrix<const T> out,
                        const Arithmetic<T>* log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                        Matrix<T> dv, Arithmetic<T>* delta) {
  BackwardData<T> data{s, in.q, in.k, in.v, query_positions, key_positions, dout, log_sum_exp, delta, {}};
  launch_attention(stream, AttentionDelta<T>{s, out, dout, delta}, threads_of_rows, AttentionDelta<T>::bytes);
  using KeyMemory = BackwardMemory<T, true>;
  data.tiles = tiles_on_this_device<T, KeyMemory>(s);
  launch_attention(stream, AttentionKeyGradient<T>{data, dk, dv}, threads_of_tiles, bytes_of<KeyMemory>(data.tiles));
  using QueryMemory = BackwardMemory<T, false>;
  data.tiles = tiles_on_this_device<T, QueryMemory>(s);
  launch_attention(stream, AttentionQueryGradient<T>{data, dq}, threads_of_tiles, bytes_of<QueryMemory>(data.tiles));
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ATTENTION_BACKWARD(T)                                                                                  \
  template void attention_backward<T>(cudaStream_t, const AttentionShape&, const AttentionInput<T>&,                   \
                                      const std::int32_t*, const std::int32_t*, Matrix<const T>, const Arithmetic<T>*, \
                                      Matrix<const T>, Matrix<T>, Matrix<T>, Matrix<T>, Arithmetic<T>*);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ATTENTION_BACKWARD)

}  // namespace forerun::cuda

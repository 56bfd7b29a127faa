#include "runtime/cpu/instantiate.hpp"
#include "runtime/cuda/kernels/attention.hpp"
#include "runtime/cuda/kernels/attention_forward_bodies.hpp"
#include "runtime/cuda/kernels/attention_launch.hpp"

namespace forerun::cuda {

template <class T>
void attention_forward(cudaStream_t stream, const AttentionShape& s, const AttentionInput<T>& in,
                       const std::int32_t* query_positions, const std::int32_t* key_positions, Matrix<T> out,
                       Arithmetic<T>* log_sum_exp) {
  const AttentionTiles tiles = tiles_on_this_device<T, ForwardMemory<T>>(s);
  const AttentionForward<T> body{s, in.q, in.k, in.v, query_positions, key_positions, out, log_sum_exp, tiles};
  launch_attention(stream, body, threads_of_tiles, bytes_of<ForwardMemory<T>>(tiles));
}

template <class T>
void merge_attention(cudaStream_t stream, const AttentionShape& s, Matrix<const T> out,
                     const Arithmetic<T>* log_sum_exp, Arithmetic<T>* sum, Arithmetic<T>* sum_log_sum_exp) {
  launch_attention(stream, MergeAttention<T>{s, out, log_sum_exp, sum, sum_log_sum_exp}, threads_of_rows,
                   MergeAttention<T>::bytes);
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ATTENTION_FORWARD(T)                                                                           \
  template void attention_forward<T>(cudaStream_t, const AttentionShape&, const AttentionInput<T>&,            \
                                     const std::int32_t*, const std::int32_t*, Matrix<T>, Arithmetic<T>*);     \
  template void merge_attention<T>(cudaStream_t, const AttentionShape&, Matrix<const T>, const Arithmetic<T>*, \
                                   Arithmetic<T>*, Arithmetic<T>*);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ATTENTION_FORWARD)

}  // namespace forerun::cuda

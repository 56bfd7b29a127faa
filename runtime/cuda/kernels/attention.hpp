// Causal attention on a GPU: what runtime/cpu/attention.hpp says, put in line on a stream. All pointers, the positions'
// too, are the device's; the spans of the input's positions are not read. What CUDA refuses is thrown as
// std::runtime_error.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "runtime/cpu/attention.hpp"

namespace forerun::cuda {

template <class T>
void attention_forward(cudaStream_t, const AttentionShape&, const AttentionInput<T>&,
                       const std::int32_t* query_positions, const std::int32_t* key_positions, Matrix<T> out,
                       Arithmetic<T>* log_sum_exp);

template <class T>
void merge_attention(cudaStream_t, const AttentionShape&, Matrix<const T> out, const Arithmetic<T>* log_sum_exp,
                     Arithmetic<T>* sum, Arithmetic<T>* sum_log_sum_exp);

// delta: scratch of sequences x queries x heads elements.
template <class T>
void attention_backward(cudaStream_t, const AttentionShape&, const AttentionInput<T>&,
                        const std::int32_t* query_positions, const std::int32_t* key_positions, Matrix<const T> out,
                        const Arithmetic<T>* log_sum_exp, Matrix<const T> dout, Matrix<T> dq, Matrix<T> dk,
                        Matrix<T> dv, Arithmetic<T>* delta);

}  // namespace forerun::cuda

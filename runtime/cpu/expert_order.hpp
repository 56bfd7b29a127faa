// Copies of tokens in the order of their experts, none dropped, and the weighted sum of what the experts made of them.
//
// Dispatch is gather_rows by `token` (elementwise.hpp), its backward combine_forward with weights of 1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/cpu/number.hpp"

namespace forerun {

// By expert, then by token.
struct ExpertOrder {
  std::vector<std::int32_t> token;  // of each copy
  std::vector<std::int32_t> place;  // among the copies: of token t's j-th choice at t * top_k + j
  std::vector<std::int64_t> rows;   // of each expert
};

// chosen: [tokens, top_k], each an expert below `experts`.
ExpertOrder order_by_expert(int experts, int top_k, std::span<const std::int32_t> chosen);

// y[t] = sum over j of weights[t, j] x[place[t, j]]. Rows of `width` elements; x holds a row a copy.
template <class T>
void combine_forward(std::int64_t width, int top_k, std::span<const T> x, std::span<const std::int32_t> place,
                     std::span<const Arithmetic<T>> weights, std::span<T> y);

// Writes the gradients of all copies and weights.
template <class T>
void combine_backward(std::int64_t width, int top_k, std::span<const T> x, std::span<const std::int32_t> place,
                      std::span<const Arithmetic<T>> weights, std::span<const T> dy, std::span<T> dx,
                      std::span<Arithmetic<T>> dweights);

}  // namespace forerun

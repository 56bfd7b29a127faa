// Top-k routing of tokens to experts: scores are the softmax over all experts; a token goes to the `top_k` best, the
// lower number first among equals. Its weights are those scores, or those scores over their sum (Mixtral).
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/number.hpp"

namespace forerun {

struct RouterShape {
  std::int64_t rows = 0;
  int experts = 0, top_k = 0;
  bool renormalise = false;
};

// logits, scores: [rows, experts]; chosen, weights: [rows, top_k], best first. Scores are saved for backward.
template <class T>
void router_forward(RouterShape, std::span<const T> logits, std::span<Arithmetic<T>> scores,
                    std::span<std::int32_t> chosen, std::span<Arithmetic<T>> weights);

// The choice itself has no gradient.
template <class T>
void router_backward(RouterShape, std::span<const Arithmetic<T>> scores, std::span<const std::int32_t> chosen,
                     std::span<const Arithmetic<T>> dweights, std::span<T> dlogits);

}  // namespace forerun

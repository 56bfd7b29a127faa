// Elementwise parts of feed-forward layers. Backward reads what forward read, and writes the gradient of its input.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/number.hpp"

namespace forerun {

// y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): GPT-2's form of GELU (Hendrycks and Gimpel 2016).
template <class T>
void gelu_forward(std::span<const T> x, std::span<T> y);
template <class T>
void gelu_backward(std::span<const T> x, std::span<const T> dy, std::span<T> dx);

// Rows of x hold [g, u], `width` elements each; y = g / (1 + e^-g) u: SwiGLU (Shazeer 2020). A rank's slice holds its g
// beside its u.
template <class T>
void swiglu_forward(std::int64_t width, std::span<const T> x, std::span<T> y);
template <class T>
void swiglu_backward(std::int64_t width, std::span<const T> x, std::span<const T> dy, std::span<T> dx);

}  // namespace forerun

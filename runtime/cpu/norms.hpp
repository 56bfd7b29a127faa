// Norms of rows of `width` elements (the size of the weight): RMSNorm (Zhang and Sennrich 2019) and LayerNorm (Ba et
// al. 2016).
//
// Nothing but x is saved; backward finds the statistics again. Gradients of weights are added up, in rows' order; that
// of x is written.
#pragma once

#include <span>

#include "runtime/cpu/number.hpp"

namespace forerun {

// y = x / rms(x) w, rms(x) = sqrt(mean(x^2) + epsilon).
template <class T>
void rms_norm_forward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<T> y);
template <class T>
void rms_norm_backward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> dy,
                       std::span<T> dx, std::span<Arithmetic<T>> dw);

// y = (x - mean(x)) / sqrt(variance(x) + epsilon) w + b. b and db may be empty: no bias.
template <class T>
void layer_norm_forward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> b,
                        std::span<T> y);
template <class T>
void layer_norm_backward(double epsilon, std::span<const T> x, std::span<const T> w, std::span<const T> dy,
                         std::span<T> dx, std::span<Arithmetic<T>> dw, std::span<Arithmetic<T>> db);

}  // namespace forerun

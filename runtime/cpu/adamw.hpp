// AdamW (Loshchilov and Hutter 2019) on master weights.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/number.hpp"

namespace forerun {

struct AdamW {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, decay = 0.01;
};

// Step `step` (from 1) on a shard: g = gradient_scale gradient; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2)
// g^2; master -= rate (m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon) + decay master). `parameters` get
// the master rounded; they may be the master's own memory, or be empty.
template <class T>
void adamw_update(const AdamW&, std::int64_t step, Arithmetic<T> gradient_scale,
                  std::span<const Arithmetic<T>> gradient, std::span<Arithmetic<T>> m, std::span<Arithmetic<T>> v,
                  std::span<Arithmetic<T>> master, std::span<T> parameters);

}  // namespace forerun

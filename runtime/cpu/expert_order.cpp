#include "runtime/cpu/expert_order.hpp"

#include <cassert>
#include <numeric>

#include "runtime/cpu/instantiate.hpp"

namespace forerun {

ExpertOrder order_by_expert(int experts, int top_k, std::span<const std::int32_t> chosen) {
  ExpertOrder order;
  order.rows.resize(static_cast<std::size_t>(experts));
  for (const std::int32_t expert : chosen) ++order.rows[static_cast<std::size_t>(expert)];
  std::vector<std::int64_t> next(order.rows.size());
  std::exclusive_scan(order.rows.begin(), order.rows.end(), next.begin(), std::int64_t{0});
  order.token.resize(chosen.size());
  order.place.resize(chosen.size());
  for (std::size_t copy = 0; copy < chosen.size(); ++copy) {
    const std::int64_t place = next[static_cast<std::size_t>(chosen[copy])]++;
    order.place[copy] = static_cast<std::int32_t>(place);
    order.token[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(copy / static_cast<std::size_t>(top_k));
  }
  return order;
}

template <class T>
void combine_forward(std::int64_t width, int top_k, std::span<const T> x, std::span<const std::int32_t> place,
                     std::span<const Arithmetic<T>> weights, std::span<T> y) {
  using A = Arithmetic<T>;
  const auto k = static_cast<std::size_t>(top_k), n = static_cast<std::size_t>(width);
  assert(place.size() == weights.size() && y.size() * k == place.size() * n);
  std::vector<A> sum(n);
  for (std::size_t token = 0; token * k < place.size(); ++token) {
    std::fill(sum.begin(), sum.end(), A(0));
    for (std::size_t copy = token * k; copy < (token + 1) * k; ++copy) {
      const T* row = x.data() + place[copy] * width;
      for (std::size_t i = 0; i < n; ++i) sum[i] += weights[copy] * A(row[i]);
    }
    for (std::size_t i = 0; i < n; ++i) y[token * n + i] = T(sum[i]);
  }
}

template <class T>
void combine_backward(std::int64_t width, int top_k, std::span<const T> x, std::span<const std::int32_t> place,
                      std::span<const Arithmetic<T>> weights, std::span<const T> dy, std::span<T> dx,
                      std::span<Arithmetic<T>> dweights) {
  using A = Arithmetic<T>;
  const auto k = static_cast<std::size_t>(top_k), n = static_cast<std::size_t>(width);
  assert(place.size() == weights.size() && dweights.size() == weights.size() && dx.size() == x.size());
  for (std::size_t copy = 0; copy < place.size(); ++copy) {
    const T *row = x.data() + place[copy] * width, *gradient = dy.data() + copy / k * n;
    T* out = dx.data() + place[copy] * width;
    A along = 0;
#pragma omp simd reduction(+ : along)
    for (std::size_t i = 0; i < n; ++i) {
      along += A(row[i]) * A(gradient[i]);
      out[i] = T(weights[copy] * A(gradient[i]));
    }
    dweights[copy] = along;
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_COMBINE(T)                                                                                \
  template void combine_forward<T>(std::int64_t, int, std::span<const T>, std::span<const std::int32_t>,  \
                                   std::span<const Arithmetic<T>>, std::span<T>);                         \
  template void combine_backward<T>(std::int64_t, int, std::span<const T>, std::span<const std::int32_t>, \
                                    std::span<const Arithmetic<T>>, std::span<const T>, std::span<T>,     \
                                    std::span<Arithmetic<T>>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_COMBINE)

}  // namespace forerun

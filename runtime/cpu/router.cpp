#include "runtime/cpu/router.hpp"

#include <algorithm>
#include <cassert>

#include "runtime/cpu/exponential.hpp"
#include "runtime/cpu/instantiate.hpp"

namespace forerun {
namespace {

template <class T>
void softmax(std::span<const T> logits, std::span<Arithmetic<T>> scores) {
  using A = Arithmetic<T>;
  const A largest = *std::ranges::max_element(logits);
  A sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) sum += scores[i] = exponential(A(logits[i]) - largest);
  for (A& score : scores) score /= sum;
}

// Experts are few: the best of those left, top_k times.
template <class A>
void choose(std::span<const A> scores, std::span<std::int32_t> chosen) {
  for (auto next = chosen.begin(); next != chosen.end(); ++next) {
    std::int32_t best = -1;
    for (std::int32_t e = 0; e < std::ssize(scores); ++e) {
      if (std::find(chosen.begin(), next, e) != next) continue;
      if (best < 0 || scores[static_cast<std::size_t>(e)] > scores[static_cast<std::size_t>(best)]) best = e;
    }
    *next = best;
  }
}

template <class A>
A sum_of_chosen(std::span<const A> scores, std::span<const std::int32_t> chosen) {
  A sum = 0;
  for (const std::int32_t e : chosen) sum += scores[static_cast<std::size_t>(e)];
  return sum;
}

}  // namespace

template <class T>
void router_forward(RouterShape s, std::span<const T> logits, std::span<Arithmetic<T>> scores,
                    std::span<std::int32_t> chosen, std::span<Arithmetic<T>> weights) {
  using A = Arithmetic<T>;
  assert(s.top_k <= s.experts);
  const auto experts = static_cast<std::size_t>(s.experts), k = static_cast<std::size_t>(s.top_k);
  for (std::size_t row = 0; row < static_cast<std::size_t>(s.rows); ++row) {
    const auto row_scores = scores.subspan(row * experts, experts);
    const auto row_chosen = chosen.subspan(row * k, k);
    softmax<T>(logits.subspan(row * experts, experts), row_scores);
    choose<A>(row_scores, row_chosen);
    const A sum = s.renormalise ? sum_of_chosen<A>(row_scores, row_chosen) : A(1);
    for (std::size_t j = 0; j < k; ++j)
      weights[row * k + j] = row_scores[static_cast<std::size_t>(row_chosen[j])] / sum;
  }
}

// With p the scores, c the sum of the chosen (or 1) and w = p / c: dp = (dw - [renormalised] sum(dw w)) / c for the
// chosen, 0 for the others; dlogits = p (dp - sum(dp p)).
template <class T>
void router_backward(RouterShape s, std::span<const Arithmetic<T>> scores, std::span<const std::int32_t> chosen,
                     std::span<const Arithmetic<T>> dweights, std::span<T> dlogits) {
  using A = Arithmetic<T>;
  const auto experts = static_cast<std::size_t>(s.experts), k = static_cast<std::size_t>(s.top_k);
  for (std::size_t row = 0; row < static_cast<std::size_t>(s.rows); ++row) {
    const auto p = scores.subspan(row * experts, experts);
    const auto of = chosen.subspan(row * k, k);
    const auto dw = dweights.subspan(row * k, k);
    const auto score = [&](std::size_t j) { return p[static_cast<std::size_t>(of[j])]; };
    const A c = s.renormalise ? sum_of_chosen<A>(p, of) : A(1);
    A common = 0;
    for (std::size_t j = 0; j < k; ++j) common += dw[j] * score(j) / c;
    if (!s.renormalise) common = 0;
    A along = 0;
    for (std::size_t j = 0; j < k; ++j) along += (dw[j] - common) / c * score(j);
    for (std::size_t e = 0; e < experts; ++e) {
      const auto at = std::ranges::find(of, static_cast<std::int32_t>(e));
      const A dp = at == of.end() ? A(0) : (dw[static_cast<std::size_t>(at - of.begin())] - common) / c;
      dlogits[row * experts + e] = T(p[e] * (dp - along));
    }
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define FORERUN_ROUTER(T)                                                                                             \
  template void router_forward<T>(RouterShape, std::span<const T>, std::span<Arithmetic<T>>, std::span<std::int32_t>, \
                                  std::span<Arithmetic<T>>);                                                          \
  template void router_backward<T>(RouterShape, std::span<const Arithmetic<T>>, std::span<const std::int32_t>,        \
                                   std::span<const Arithmetic<T>>, std::span<T>);
// NOLINTEND(bugprone-macro-parentheses)
FORERUN_FOR_EACH_NUMBER(FORERUN_ROUTER)

}  // namespace forerun

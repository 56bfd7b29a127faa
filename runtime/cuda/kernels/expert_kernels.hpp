// Routing (runtime/cpu/router.hpp) and the weighted sum of experts (runtime/cpu/expert_order.hpp).
#pragma once

#include <cmath>

#include "runtime/cpu/router.hpp"
#include "runtime/cuda/kernels/each_element.hpp"

namespace forerun::cuda {

template <class A>
FORERUN_ANYWHERE A sum_of_chosen(const A* scores, const std::int32_t* chosen, int top_k) {
  A sum = 0;
  for (int j = 0; j < top_k; ++j) sum += scores[chosen[j]];
  return sum;
}

// An item is a row.
template <class T>
struct RouterForward {
  using A = Arithmetic<T>;
  RouterShape shape;
  const T* logits;
  A* scores;
  std::int32_t* chosen;
  A* weights;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const int experts = shape.experts;
    const T* const in = logits + row * experts;
    A* const p = scores + row * experts;
    const A most = largest_of_each<A>(team, experts, [=](std::int64_t e) { return A(in[e]); });
    A mine = 0;
    for (int e = team.rank(); e < experts; e += team.size()) mine += p[e] = std::exp(A(in[e]) - most);
    const A sum = team.sum(mine);
    for (int e = team.rank(); e < experts; e += team.size()) p[e] /= sum;
    std::int32_t* const best = chosen + row * shape.top_k;
    for (int j = 0; j < shape.top_k; ++j) {
      const std::int32_t next = best_of_those_left(team, p, best, j);
      if (team.rank() == 0) best[j] = next;
      team.sync();
    }
    const A all = shape.renormalise ? sum_of_chosen(p, best, shape.top_k) : A(1);
    for (int j = team.rank(); j < shape.top_k; j += team.size()) weights[row * shape.top_k + j] = p[best[j]] / all;
  }

 private:
  // The first of those with the largest score; a score that is no number is worse than all that are.
  template <class Team>
  FORERUN_ANYWHERE std::int32_t best_of_those_left(Team& team, const A* p, const std::int32_t* best, int count) const {
    const A none = -std::numeric_limits<A>::infinity();
    A score = none;
    int at = shape.experts;
    for (int e = team.rank(); e < shape.experts; e += team.size()) {
      bool left = true;
      for (int j = 0; j < count; ++j) left = left && best[j] != e;
      const A here = p[e] >= 0 ? p[e] : none;
      if (left && (at == shape.experts || here > score)) score = here, at = e;
    }
    const A most = team.largest(score);
    return -static_cast<std::int32_t>(
        team.largest(score == most ? static_cast<A>(-at) : static_cast<A>(-shape.experts)));
  }
};

// An item is a row. With p the scores, c the sum of the chosen (or 1) and w = p / c: dp = (dw - [renormalised] sum(dw
// w)) / c for the chosen, 0 for the others; dlogits = p (dp - sum(dp p)).
template <class T>
struct RouterBackward {
  using A = Arithmetic<T>;
  RouterShape shape;
  const A* scores;
  const std::int32_t* chosen;
  const A* dweights;
  T* dlogits;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t row) const {
    const A *p = scores + row * shape.experts, *dw = dweights + row * shape.top_k;
    const std::int32_t* const of = chosen + row * shape.top_k;
    A c = 1, common = 0, along = 0;  // few terms: each thread finds them
    if (shape.renormalise) {
      c = sum_of_chosen(p, of, shape.top_k);
      for (int j = 0; j < shape.top_k; ++j) common += dw[j] * p[of[j]] / c;
    }
    for (int j = 0; j < shape.top_k; ++j) along += (dw[j] - common) / c * p[of[j]];
    for (int e = team.rank(); e < shape.experts; e += team.size()) {
      A dp = 0;
      for (int j = 0; j < shape.top_k; ++j) dp = of[j] == e ? (dw[j] - common) / c : dp;
      dlogits[row * shape.experts + e] = T(p[e] * (dp - along));
    }
  }
};

// An item is a token: y = sum over j of weights[j] x[place[j]].
template <class T>
struct CombineForward {
  using A = Arithmetic<T>;
  std::int64_t width;
  int top_k;
  const T* x;
  const std::int32_t* place;
  const A* weights;
  T* y;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t token) const {
    const std::int64_t n = width;
    const int k = top_k;
    const T* const copies = x;
    const std::int32_t* const at = place + token * k;
    const A* const weight = weights + token * k;
    write_each(
        team, 0, n,
        [=](std::int64_t i) {
          A sum = 0;
          for (int j = 0; j < k; ++j) sum += weight[j] * A(copies[at[j] * n + i]);
          return sum;
        },
        y + token * n);
  }
};

// An item is a copy of a token.
template <class T>
struct CombineBackward {
  using A = Arithmetic<T>;
  std::int64_t width;
  int top_k;
  const T* x;
  const std::int32_t* place;
  const A* weights;
  const T* dy;
  T* dx;
  A* dweights;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t copy) const {
    const T *row = x + place[copy] * width, *gradient = dy + copy / top_k * width;
    const A along = sum_of_each<A>(team, width, [=](std::int64_t i) { return A(row[i]) * A(gradient[i]); });
    if (team.rank() == 0) dweights[copy] = along;
    const A weight = weights[copy];
    write_each(team, 0, width, [=](std::int64_t i) { return weight * A(gradient[i]); }, dx + place[copy] * width);
  }
};

}  // namespace forerun::cuda

// Loops of a team over elements, of which each thread takes every size()-th from its rank on.
#pragma once

#include <limits>

#include "runtime/cpu/number.hpp"
#include "runtime/cuda/kernels/team.hpp"

namespace forerun::cuda {

// to[i] = f(i) for i in [first, last). `f` may read to[i]. A thread loads a batch before it stores any of it, so that
// several loads are on their way at once.
template <class Team, class F, class To>
FORERUN_ANYWHERE void write_each(const Team& team, std::int64_t first, std::int64_t last, F f, To* to) {
  constexpr int batch = 16 / static_cast<int>(sizeof(To));
  const std::int64_t stride = team.size();
  std::int64_t i = first + team.rank();
  for (; i + (batch - 1) * stride < last; i += batch * stride) {
    To values[batch];
    for (int b = 0; b < batch; ++b) values[b] = To(f(i + b * stride));
    for (int b = 0; b < batch; ++b) to[i + b * stride] = values[b];
  }
  for (; i < last; i += stride) to[i] = To(f(i));
}

// Over i in [0, count), by all threads of the team.
template <class A, class Team, class F>
FORERUN_ANYWHERE A sum_of_each(const Team& team, std::int64_t count, F f) {
  A sum = 0;
  for (std::int64_t i = team.rank(); i < count; i += team.size()) sum += f(i);
  return team.sum(sum);
}
template <class A, class Team, class F>
FORERUN_ANYWHERE A largest_of_each(const Team& team, std::int64_t count, F f) {
  A most = -std::numeric_limits<A>::infinity();
  for (std::int64_t i = team.rank(); i < count; i += team.size()) {
    const A here = f(i);
    most = here > most ? here : most;
  }
  return team.largest(most);
}

// An item is a tile of so many elements.
inline constexpr std::int64_t tile_elements = 2048;
constexpr std::int64_t tiles(std::int64_t elements, std::int64_t of = tile_elements) {
  return (elements + of - 1) / of;
}

// A body: to[i] = f(i) for all `count` elements.
template <class To, class F>
struct WriteEach {
  std::int64_t count;
  F f;
  To* to;

  template <class Team>
  FORERUN_ANYWHERE void operator()(Team& team, std::int64_t tile) const {
    const std::int64_t first = tile * tile_elements, last = first + tile_elements;
    write_each(team, first, last < count ? last : count, f, to);
  }
};

}  // namespace forerun::cuda

// Launches of bodies (team.hpp), for what nvcc compiles.
#pragma once

#include <stdexcept>

#include "runtime/cuda/check.hpp"
#include "runtime/cuda/kernels/team.hpp"

namespace forerun::cuda {

inline constexpr std::int64_t most_items = 0x7fffffff;

// A team for each item: none where there is none.
template <class Body>
void launch(cudaStream_t stream, std::int64_t items, int threads, const Body& body) {
  if (items == 0) return;
  if (items > most_items) throw std::runtime_error("a kernel of too many items for a GPU's grid");
  for_each_team<<<static_cast<unsigned>(items), static_cast<unsigned>(threads), 0, stream>>>(body);
  check(cudaGetLastError(), "kernel launch");
}

}  // namespace forerun::cuda

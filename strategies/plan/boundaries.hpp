// What lies between neighbouring stages of a pipeline: how far two ranks that hand activations on are apart.
#pragma once

#include <cstddef>
#include <vector>

#include "costmodel/collectives/collective.hpp"
#include "strategies/plan/plan.hpp"

namespace forerun {

struct Topology;

// Between two stages. All ranks of a stage send at once, each to the rank with its place in the other stage; where some
// of these pairs lie farther apart than others, all are charged as the farthest. Messages that cross other boundaries
// at the same time, and those of the other direction, are taken to disturb nobody.
struct Boundary {
  std::size_t level = 0;  // of the topology: the innermost that both have in common
  BytesPerSecond share;  // what one rank may send across, the narrowest on the way; inside a node not read

  bool operator==(const Boundary&) const = default;
};

// [s]: between stage s and the next one; the last: between the last stage and the first. None without a pipeline.
std::vector<Boundary> boundaries_of(const Topology&, const Plan&);

// Which of them two stages that send to each other have between them.
constexpr std::size_t boundary_between(int stage, int other, int stages) {
  const int low = stage < other ? stage : other, high = stage < other ? other : stage;
  return static_cast<std::size_t>(high - low == 1 ? low : stages - 1);
}

Placement placement_of(const Topology&, const Boundary&);  // of such a pair

}  // namespace forerun

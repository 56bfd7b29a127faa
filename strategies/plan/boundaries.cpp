#include "strategies/plan/boundaries.hpp"

#include <algorithm>

#include "hardware/topology.hpp"

namespace forerun {
namespace {

// Most ranks of one component of so many devices whose messages leave it: rank r of [first, first + ranks) sends to
// rank r + distance, or back from there.
int most_that_leave(int first, int ranks, int distance, int component) {
  int most = 0;
  const auto each_component = [&](int begin, auto leaving) {
    for (int from = begin; from < begin + ranks;) {
      const int start = from / component * component, end = std::min(start + component, begin + ranks);
      most = std::max(most, std::clamp(leaving(start, from, end), 0, end - from));
      from = end;
    }
  };
  each_component(first, [&](int start, int, int end) { return end + distance - (start + component); });
  each_component(first + distance, [&](int start, int from, int) { return start + distance - from; });
  return most;
}

Boundary boundary(const Topology& topology, int ranks, int low, int high) {
  Boundary found{.level = 0, .share = BytesPerSecond::infinity()};
  for (std::size_t level = 1; level < topology.levels.size(); ++level) {
    const int leaving = most_that_leave(low * ranks, ranks, (high - low) * ranks, topology.levels[level - 1].size);
    if (leaving == 0) break;
    const Level& crossed = topology.levels[level];
    found.level = level;
    found.share = min(found.share, min(crossed.per_device, crossed.per_component / static_cast<double>(leaving)));
  }
  return found;
}

}  // namespace

std::vector<Boundary> boundaries_of(const Topology& topology, const Plan& plan) {
  std::vector<Boundary> list;
  if (plan.pp == 1) return list;
  const int ranks = plan.tp * plan.cp * plan.dp;
  for (int stage = 0; stage + 1 < plan.pp; ++stage) list.push_back(boundary(topology, ranks, stage, stage + 1));
  list.push_back(boundary(topology, ranks, 0, plan.pp - 1));
  return list;
}

Placement placement_of(const Topology& topology, const Boundary& boundary) {
  return place_pair(topology, boundary.level, boundary.share);
}

}  // namespace forerun

#include "strategies/programs/memory_use.hpp"

#include <algorithm>

#include "strategies/plan/scenario.hpp"

namespace forerun {

namespace {

// Ranks of a stage are neighbours, so a node holds one stage or several.
Bytes fullest_node(const std::vector<Bytes>& on_host, int ranks_of_stage, int node) {
  Bytes fullest{0};
  const int stages = static_cast<int>(on_host.size());
  for (int first = 0; first < stages * ranks_of_stage;) {
    Bytes sum{0};
    for (int rank = first; rank < std::min(first + node, stages * ranks_of_stage); ++rank)
      sum += on_host[static_cast<std::size_t>(rank / ranks_of_stage)];
    fullest = max(fullest, sum);
    // Nodes within a stage are alike: on to the last that begins in it.
    const int left = (first / ranks_of_stage + 1) * ranks_of_stage - first;
    first += left > 2 * node ? (left - 1) / node * node : node;
  }
  return fullest;
}

}  // namespace

void finish(const PricedScenario& scenario, const Plan& plan, MemoryUse& use) {
  const Stack& stack = scenario.given.stack;
  use.peak_stage = 0;
  for (std::size_t stage = 0; stage < use.stages.size(); ++stage) {
    if (use.stages[stage].allocated() > use.peak().allocated()) use.peak_stage = static_cast<int>(stage);
  }
  const int communicators =
      (plan.tp > 1) + (plan.cp > 1) + (plan.ep > 1 || plan.etp > 1) + (plan.dp > 1) + (plan.pp > 1);
  use.reserve = stack.allocator_reserve * use.peak().allocated();
  use.context = stack.context + static_cast<double>(communicators) * stack.communicator;
  use.capacity = scenario.device().memory.capacity;
  const Node& node = node_of(scenario.given.cluster);
  use.host_capacity = node.host_memory;
  const bool any = std::ranges::any_of(use.on_host, [](Bytes bytes) { return bytes > Bytes{0}; });
  use.host = any ? fullest_node(use.on_host, plan.tp * plan.cp * plan.dp, node.devices) : Bytes{0};
}

}  // namespace forerun

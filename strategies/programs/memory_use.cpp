#include "strategies/programs/memory_use.hpp"

#include "strategies/plan/scenario.hpp"

namespace forerun {

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
}

}  // namespace forerun

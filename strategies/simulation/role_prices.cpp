#include "strategies/simulation/role_prices.hpp"

#include "costmodel/collectives/collective.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {
namespace {

Placements placements_of(const Topology& topology, const Plan& plan, int rank) {
  const RankGrid grid(plan);
  Placements list;
  for (std::size_t k = 0; k < group_count; ++k) {
    const auto kind = static_cast<GroupKind>(k);
    if (grid.size(kind) == 1) {
      list[k] = place(topology, {{1, 1}});
    } else if (kind == GroupKind::next_stage) {
      list[k] = place(topology, {grid.axis(kind)});
    } else {
      list[k] = place_members(topology, grid.members(kind, rank));
    }
  }
  return list;
}

}  // namespace

std::vector<WorkPrice> prices_of_role(const PricedScenario& scenario, const Program& program, std::uint32_t role) {
  const StageProgram& stage = program.stages[program.roles[role].program];
  const Placements placements = placements_of(scenario.topology, program.plan, program.roles[role].ranks.front());
  std::vector<WorkPrice> prices;
  for (std::size_t b = 0; b < stage.first_work.size(); ++b) {
    const std::size_t from = stage.first_work[b],
                      to = b + 1 < stage.first_work.size() ? stage.first_work[b + 1] : stage.works.size();
    const std::vector<Work> block(stage.works.begin() + static_cast<std::ptrdiff_t>(from),
                                  stage.works.begin() + static_cast<std::ptrdiff_t>(to));
    const auto priced = price_works(scenario, block, placements);
    prices.insert(prices.end(), priced.begin(), priced.end());
  }
  return prices;
}

}  // namespace forerun

#include "strategies/simulation/role_prices.hpp"

#include "costmodel/collectives/collective.hpp"
#include "strategies/plan/boundaries.hpp"
#include "strategies/plan/rank_grid.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {
namespace {

Placements placements_of(const Topology& topology, const Plan& plan, int rank) {
  const RankGrid grid(plan);
  Placements list;
  for (std::size_t k = 0; k < group_count; ++k) {
    const auto kind = static_cast<GroupKind>(k);
    if (grid.size(kind) == 1 || kind == GroupKind::next_stage) {
      list[k] = place(topology, {{1, 1}});  // of messages: by boundary
    } else {
      list[k] = place_members(topology, grid.members(kind, rank));
    }
  }
  return list;
}

// Each message by what lies between its two stages.
void price_messages(const PricedScenario& scenario, const Plan& plan, const StageProgram& stage,
                    const Placements& placements, std::vector<WorkPrice>& prices) {
  const std::vector<Boundary> boundaries = boundaries_of(scenario.topology, plan);
  for (const Body& body : stage.bodies) {
    for (const Instruction& in : body.instructions) {
      if (in.code != Code::run || !body.to_stage) continue;
      const Communication* c = std::get_if<Communication>(&stage.works[in.work]);
      if (c == nullptr || c->group != GroupKind::next_stage) continue;
      const Boundary& boundary = boundaries[boundary_between(stage.stage, *body.to_stage, plan.pp)];
      prices[in.work] = price_message_over(scenario, *c, placements, boundary);
    }
  }
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
  price_messages(scenario, program.plan, stage, placements, prices);
  return prices;
}

}  // namespace forerun

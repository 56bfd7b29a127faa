#include "executor/ranks/rank_groups.hpp"

#include <set>

#include "strategies/plan/chunks.hpp"

namespace forerun {
namespace {

// NCCL connects two ranks at their first message, and the host of either waits there for the other's. Where both send
// first (DualPipe) they would wait for ever: so they meet in calls that send and receive at once.
void greet(RankContext& context, const Neighbours& stages) {
  Communicator& among = *stages.among;
  const int n = among.size(), own = among.rank();
  if (!among.queues() || n == 1) return;
  constexpr std::int64_t size = 8;
  const Allocation out = context.uncounted.allocate("greeting", size),
                   in = context.uncounted.allocate("greeting", size);
  context.backend.use_lane(stages.lane);
  context.backend.clear(out.as<std::byte>().data(), size);
  for (const int step : {1, n - 1})
    among.shift((own + step) % n, Elements(out.as<std::byte>()), (own + n - step) % n, Elements(in.as<std::byte>()));
  context.backend.use_lane(0);
  context.backend.finish();
}

}  // namespace

RankGroups::RankGroups(RankContext& context) {
  make_groups(context);
  if (context.plan.pp > 1) make_neighbours(context);
}

// Of each kind and lane that any stage names, in the same order on all ranks.
void RankGroups::make_groups(RankContext& context) {
  std::set<std::pair<GroupKind, Lane>> named;
  for (const StageProgram& stage : context.program.stages) {
    for (const Work& work : stage.works) {
      if (const Communication* c = std::get_if<Communication>(&work); c != nullptr && c->group != GroupKind::next_stage)
        named.insert({c->group, lane_of(c->flow)});
    }
  }
  for (const auto& key : named) {
    if (const std::vector<int> list = context.grid.members(key.first, context.rank); !list.empty())
      groups_[key] = context.talk.group(list);
  }
}

void RankGroups::make_neighbours(RankContext& context) {
  const std::vector<int> stages = context.grid.members(GroupKind::next_stage, context.rank);
  for (const Lane lane : {Lane::pp_forward, Lane::pp_backward}) {
    for (int chunk = 0; chunk < chunks_per_stage(context.plan); ++chunk) {
      for (const bool to_later : {false, true}) {
        const auto own_lane = static_cast<int>(lane_count + neighbours_.size());
        Neighbours& made = neighbours_[{lane, chunk, to_later}];
        made.among = context.talk.group(stages);
        made.lane = own_lane;
      }
    }
  }
  for (const auto& [key, one] : neighbours_) greet(context, one);
}

void RankGroups::forget_marks() {
  for (auto& [key, one] : neighbours_) one.sent.reset();
}

}  // namespace forerun

#include "strategies/held_memory.hpp"

#include "strategies/shard.hpp"
#include "strategies/work_price.hpp"

namespace forerun {
namespace {

double sharded(std::int64_t parameters, int degree) { return static_cast<double>(shard_sizes(parameters, degree).largest); }

}  // namespace

int dense_shards(const Plan& plan) { return size_of_group(GroupKind::shard, plan); }
int expert_shards(const Plan& plan) { return size_of_group(GroupKind::expert_shard, plan); }

std::int64_t second_table(const Model& model, const Plan& plan) {
  return model.tied_embeddings && plan.pp > 1 && plan.schedule != ScheduleKind::zb_v && plan.schedule != ScheduleKind::dualpipe
             ? std::int64_t{shard_vocab(model.vocab, plan.tp)} * model.hidden
             : 0;
}

HeldMemory held_memory(const Scenario& given, const Plan& plan, std::int64_t dense, std::int64_t expert, Bytes boundary) {
  const StateBytes state = state_bytes(given.stack.precision, given.job);
  const Bytes fp8_copies = given.job.dtype == DType::fp8 ? given.stack.fp8_weights : Bytes{0};
  // Every rank keeps its share of what ZeRO cuts; routed experts have fewer copies than the rest.
  const auto share = [&](int from_zero) {
    const bool cut = plan.zero >= from_zero;
    return sharded(dense, cut ? dense_shards(plan) : 1) + sharded(expert, cut ? expert_shards(plan) : 1);
  };
  HeldMemory held;
  // Below ZeRO-3 the copy in the compute format is whole; what is stored wider is sharded with the optimizer from ZeRO-2 on.
  held.parameters = plan.zero == 3 ? share(3) * state.parameter
                                   : share(state.working > Bytes{0} ? 2 : 3) * state.parameter + share(3) * (state.working + fp8_copies);
  held.gradients = share(2) * state.gradient;
  held.optimizer = plan.offload.optimizer ? Bytes{0} : share(1) * state.optimizer;
  if (plan.pp > 1) held.communication = 2.0 * boundary;  // sends are buffered: one forward, one backward
  held.workspace = given.stack.workspace;
  return held;
}

}  // namespace forerun

#include "strategies/programs/steps/inference/forward_batch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {
namespace {

// The plan with a job that fits it: what is left to say is about the plan and the model.
Problems check_apart_from_the_batch(const Scenario& given, const Plan& plan) {
  if (std::min({plan.tp, plan.cp, plan.dp, plan.pp, plan.micro_batch}) < 1) return check_plan(given, plan);
  Scenario fitting = given;
  fitting.job.sequence = 2 * plan.cp * plan.tp;
  fitting.job.global_batch = 2 * plan.pp * plan.dp * plan.micro_batch;
  return check_plan(fitting, plan);
}

class ForwardCheck {
 public:
  ForwardCheck(const Scenario& given, const Plan& plan, Problems problems)
      : given_(given), plan_(plan), problems_(std::move(problems)) {}

  Problems operator()(const ForwardBatch& batch) {
    training_only();
    refuse(batch.empty(), "a forward step without micro-batches", "give at least one");
    for (std::size_t m = 0; m < batch.size(); ++m) micro_batch(m, batch[m]);
    return std::move(problems_);
  }

 private:
  void refuse(bool wrong, std::string what, std::string hint) {
    if (wrong) problems_.push_back({{}, std::move(what), std::move(hint)});
  }

  void training_only() {
    refuse(plan_.zero > 0, fmt::format("zero {} in a forward step, which has no gradients to shard", plan_.zero),
           "write zero: 0");
    refuse(plan_.offload.activations || plan_.offload.optimizer,
           "offload in a forward step, which keeps neither activations nor optimiser states", "leave offload out");
    refuse(plan_.recompute != Recompute::none,
           fmt::format("recompute {} in a forward step, which has no backward", to_string(plan_.recompute)),
           "write recompute: none");
    refuse(plan_.pp > 1 && traits(plan_.schedule).route != ChunkRoute::round_robin,
           fmt::format("schedule {} in a forward step: its chunks lie where backwards need them",
                       to_string(plan_.schedule)),
           "write schedule: 1f1b, or interleaved with virtual stages");
  }

  // Pieces into which context parallelism cuts a sequence: from the front and from the back, or (Ulysses) in order.
  [[nodiscard]] int pieces() const {
    if (plan_.cp == 1) return 1;
    return plan_.cp_kind == CpKind::ulysses ? plan_.cp : 2 * plan_.cp;
  }

  void micro_batch(std::size_t m, const MicroBatch& batch) {
    refuse(batch.sequences.empty(), fmt::format("micro-batch {} without sequences", m), "give at least one length");
    for (const SequenceLengths& run : batch.sequences) {
      refuse(run.length < 1 || run.count < 1,
             fmt::format("micro-batch {}: {} sequences of {} tokens", m, run.count, run.length),
             "give lengths of at least 1");
      refuse(run.length % pieces() != 0,
             fmt::format("micro-batch {}: {} tokens cannot be cut into the {} equal pieces that cp {} needs", m,
                         run.length, pieces(), plan_.cp),
             fmt::format("use a multiple of {}", pieces()));
      refuse(given_.model.positions == Positions::learned && run.length > given_.model.max_positions,
             fmt::format("micro-batch {}: a sequence of {} tokens, but {} has {} positions", m, run.length,
                         given_.model.name, given_.model.max_positions),
             "use shorter sequences");
    }
    const std::int64_t here = tokens_of(batch) / std::max(1, plan_.cp);
    refuse(plan_.sp && plan_.tp > 1 && here % plan_.tp != 0,
           fmt::format("micro-batch {}: sp: the {} tokens of a rank are not a multiple of tp {}", m, here, plan_.tp),
           fmt::format("use lengths whose sum cp x tp = {} divides", plan_.cp * plan_.tp));
  }

  const Scenario& given_;
  const Plan& plan_;
  Problems problems_;
};

}  // namespace

Problems check_forward(const Scenario& given, const Plan& plan, const ForwardBatch& batch) {
  return ForwardCheck(given, plan, check_apart_from_the_batch(given, plan))(batch);
}

}  // namespace forerun

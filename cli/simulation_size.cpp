#include "cli/simulation_size.hpp"

#include <algorithm>
#include <numeric>

#include "strategies/plan/shard.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/search/simulated_ranking.hpp"

namespace forerun::cli {
namespace {

double tasks_with(PricedScenario scenario, const Plan& plan, bool every_rank, std::int64_t micro_batches) {
  scenario.given.job.global_batch = static_cast<int>(micro_batches * plan.dp * plan.micro_batch);
  return static_cast<double>(instructions_run(lower(scenario, plan, {.every_rank = every_rank, .different = {}})));
}

}  // namespace

// A line through two programs; every schedule is full after twice as many micro-batches as stages, and takes whole
// groups of as many as there are stages.
SimulationSize::SimulationSize(const PricedScenario& scenario, const Plan& plan, bool every_rank)
    : micro_batches_(micro_batches_of(scenario.given.job, plan)),
      sequences_(micro_batches_ * plan.micro_batch),
      step_(plan.pp),
      micro_batch_(plan.micro_batch),
      replicas_(plan.dp) {
  for (const Stage& stage : plan.stages) step_ = std::lcm(step_, stage.micro_batch.value_or(1));
  const std::int64_t few = 4 * step_, more = 8 * step_;
  if (micro_batches_ <= more) {
    fixed_ = tasks_with(scenario, plan, every_rank, micro_batches_);
    return;
  }
  const double a = tasks_with(scenario, plan, every_rank, few), b = tasks_with(scenario, plan, every_rank, more);
  each_ = (b - a) / static_cast<double>(more - few);
  fixed_ = a - each_ * static_cast<double>(few);
}

double SimulationSize::of(std::int64_t micro_batches) const {
  return fixed_ + each_ * static_cast<double>(micro_batches);
}

std::int64_t SimulationSize::largest_batch(double tasks) const {
  if (each_ <= 0) return 0;
  const auto most = static_cast<std::int64_t>((tasks - fixed_) / each_) / step_ * step_;
  return std::max<std::int64_t>(0, most) * micro_batch_ * replicas_;
}

std::int64_t SimulationSize::least_micro_batch(double tasks) const {
  for (std::int64_t size = micro_batch_; size <= sequences_; ++size) {
    const std::int64_t count = sequences_ / size;
    if (sequences_ % size == 0 && count % step_ == 0 && of(count) <= tasks) return size;
  }
  return 0;
}

}  // namespace forerun::cli

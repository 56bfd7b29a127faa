// Does any plan and any job, sensible or not, survive being written as YAML or as JSON and being read?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "strategies/plan/plan_fields.hpp"
#include "tests/support/random_fields.hpp"
#include "workloads/jobs/job_fields.hpp"

namespace forerun {
namespace {

using namespace test;

int some_degree() { return *rc::gen::oneOf(rc::gen::inRange(1, 9), rc::gen::inRange(1, most_devices + 1)); }

Stage some_stage() {
  return {.blocks = *rc::gen::inRange(0, 100001),
          .tp = perhaps<int>(some_degree),
          .micro_batch = perhaps<int>(some_degree),
          .device = perhaps<std::string>(some_text)};
}

Plan any_plan() {
  Plan plan{.tp = some_degree(),
            .sp = some_flag(),
            .cp = some_degree(),
            .cp_kind = any_of(CpKind::ulysses),
            .pp = some_degree(),
            .virtual_stages = some_degree(),
            .schedule = any_of(ScheduleKind::zb_auto),
            .activation_limit = some_number(1, 64),
            .cut = any_of(StageCut::list)};
  for (int left = plan.cut == StageCut::list ? *rc::gen::inRange(0, 6) : 0; left > 0; --left)
    plan.stages.push_back(some_flag() ? some_stage() : Stage{.blocks = left});
  plan.ep = some_degree();
  plan.etp = some_flag() ? 1 : some_degree();
  plan.dp = some_degree();
  plan.zero = *rc::gen::inRange(0, 4);
  plan.sharding_group = some_flag() ? 0 : some_degree();
  plan.micro_batch = some_degree();
  plan.recompute = any_of(Recompute::full);
  plan.offload = {.optimizer = some_flag(), .activations = some_flag()};
  plan.overlap = {.tp = perhaps<bool>(some_flag),
                  .cp = perhaps<bool>(some_flag),
                  .ep = perhaps<bool>(some_flag),
                  .dp = perhaps<bool>(some_flag),
                  .pp = perhaps<bool>(some_flag)};
  return plan;
}

Tuning any_tuning() {
  Tuning tuning{.kind = any_of(TuningKind::qlora)};
  if (is_low_rank(tuning)) {
    tuning.rank = some_flag() ? 0 : *rc::gen::inRange(1, 65537);
    for (int target = 0; target <= static_cast<int>(LowRankTarget::linear_fc2); ++target) {
      if (some_flag()) tuning.target.push_back(static_cast<LowRankTarget>(target));
    }
  }
  if (tuning.kind == TuningKind::adapter) tuning.width = *rc::gen::inRange(1, 65537);
  if (tuning.kind == TuningKind::frozen) {
    tuning.trainable_blocks = *rc::gen::inRange(0, 65537);
    tuning.train_head = some_flag();
  }
  return tuning;
}

Job any_job() {
  Job job{.kind = any_of(JobKind::finetune),
          .sequence = *rc::gen::inRange(1, 1 << 24),
          .global_batch = *rc::gen::inRange(1, 1 << 24),
          .dtype = *rc::gen::element(DType::bf16, DType::fp16, DType::fp8, DType::fp32, DType::fp64),
          .optimizer = any_of(Optimizer::adamw),
          .expert_skew = some_number(1, 4096)};
  if (job.kind == JobKind::finetune) job.tuning = any_tuning();
  if (job.tuning.kind == TuningKind::qlora && job.dtype == DType::fp8) job.dtype = DType::bf16;  // refused
  return job;
}

RC_GTEST_PROP(AnyPlan, IsReadAsItWasWritten, ()) {
  for (int i = 0; i < values_a_case; ++i) expect_to_survive(plan_fields(), any_plan());
}

RC_GTEST_PROP(AnyJob, IsReadAsItWasWritten, ()) {
  for (int i = 0; i < values_a_case; ++i) expect_to_survive(job_fields(), any_job());
}

}  // namespace
}  // namespace forerun

// Does every valid plan survive being written and read?
#include "strategies/plan/plan_file.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "strategies/plan/check_plan.hpp"
#include "tests/support/lowered_plans.hpp"

namespace forerun {
namespace {

RC_GTEST_PROP(PlanFiles, ReadBackEqual, ()) {  // I-50
  Scenario given = test::some_scenario();
  given.model = *find_model(
      *rc::gen::element<std::string>("llama2-7b", "mixtral-8x7b", "gpt2-xl", "deepseek-v2-lite", "gemma2-9b"));
  given.stack = *find_stack(given.stack.name);
  given.job.kind = *rc::gen::element(JobKind::pretrain, JobKind::finetune);
  if (given.job.kind == JobKind::finetune) test::change_tuning(given, {});
  const std::vector<Plan> plans = test::all_plans(given);
  RC_PRE(!plans.empty());
  Plan plan = *rc::gen::elementOf(plans);
  if (plan.pp > 1 && *rc::gen::arbitrary<bool>()) {  // written out: one block each, the rest on the last chunk
    plan.cut = StageCut::list;
    plan.stages.assign(static_cast<std::size_t>(plan.pp * plan.virtual_stages), {.blocks = 1});
    plan.stages.back().blocks = static_cast<int>(given.model.blocks.size()) - plan.pp * plan.virtual_stages + 1;
    RC_PRE(is_valid(given, plan));
  }
  if (*rc::gen::arbitrary<bool>())
    plan.overlap = {.tp = *rc::gen::arbitrary<bool>(), .pp = *rc::gen::arbitrary<bool>()};
  if (!is_valid(given, plan)) plan.overlap = {};  // of what the stack cannot overlap
  const std::string path =
      std::filesystem::temp_directory_path() / ("forerun-plan-" + std::to_string(getpid()) + ".yaml");
  const std::string text = to_yaml({given, plan, "", "", ""});
  std::ofstream(path) << text;
  const auto again = read_plan_file(path);
  std::filesystem::remove(path);
  RC_LOG() << text << (again ? "" : to_string(again.error()));
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->plan == plan);
  RC_ASSERT(again->scenario == given);
  RC_ASSERT(to_yaml(*again) == text);
}

}  // namespace
}  // namespace forerun

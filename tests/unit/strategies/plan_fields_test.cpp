// Does every key of a plan and of a job change the value, and does writing show it?
#include "strategies/plan/plan_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strategies/plan/plan_file.hpp"
#include "tests/support/field_changes.hpp"
#include "tests/support/scenarios.hpp"
#include "workloads/jobs/job_fields.hpp"

namespace forerun {
namespace {

using testing::HasSubstr;

const Plan of_stages{.pp = 2, .cut = StageCut::list, .stages = {{.blocks = 3, .tp = 2}, {.blocks = 4}}};

TEST(PlanFields, AllCount) {
  test::expect_every_key_to_count(plan_fields(), {Plan{}, of_stages}, {"order"});  // ranks have one order so far
}

TEST(JobFields, AllCount) {
  const auto tuned = [](Tuning tuning) {
    return Job{.kind = JobKind::finetune, .sequence = 16, .global_batch = 2, .tuning = std::move(tuning)};
  };
  test::expect_every_key_to_count(
      job_fields(), {Job{.sequence = 16, .global_batch = 2}, tuned({}), tuned({.kind = TuningKind::lora}),
                     tuned({.kind = TuningKind::adapter, .width = 8}), tuned({.kind = TuningKind::frozen})});
}

// A table without the member of one row, or whose row is not written, must not pass.
TEST(FieldChanges, FindRowsThatAreReadOrWrittenNowhere) {
  struct Lamp {
    int power = 1;
    bool operator==(const Lamp&) const = default;
  };
  const fields::Info info{.key = "power", .words = {"integer", "", "1 to 9"}, .otherwise = "", .what = ""};
  using fields::Table;
  const auto good = Table<Lamp>().usual("power", &Lamp::power, fields::integer(1, 9), "");
  fields::Kind<int> unread = fields::integer(1, 9), unwritten = unread;
  unread.read = [](int&, const YamlNode&) {};
  unwritten.write = [](const int&, fields::Defaults) { return fields::Value{std::int64_t{1}}; };
  EXPECT_GE(test::surviving_values(good, Lamp{}, info), 2U);
  EXPECT_LT(test::surviving_values(Table<Lamp>().usual("power", &Lamp::power, unread, ""), Lamp{}, info), 2U);
  EXPECT_LT(test::surviving_values(Table<Lamp>().usual("power", &Lamp::power, unwritten, ""), Lamp{}, info), 2U);
}

TEST(PlanFields, WriteStagesOfTheirOwnKind) {
  EXPECT_THAT(fields::flow_yaml(plan_fields().write(of_stages)), HasSubstr("stages: [{blocks: 3, tp: 2}, 4]"));
}

TEST(PlanFields, SumAPlanUp) {
  EXPECT_EQ(summary({}), "tp 1, pp 1, dp 1, zero 0, micro-batch 1");
  const Plan rich{.tp = 4,
                  .sp = true,
                  .cp = 2,
                  .cp_kind = CpKind::ulysses,
                  .pp = 4,
                  .virtual_stages = 5,
                  .schedule = ScheduleKind::zb_auto,
                  .activation_limit = 1.5,
                  .cut = StageCut::even_with_ends,
                  .ep = 8,
                  .etp = 2,
                  .dp = 16,
                  .zero = 1,
                  .sharding_group = 8,
                  .micro_batch = 3,
                  .recompute = Recompute::full,
                  .offload = {.optimizer = true, .activations = true}};
  EXPECT_EQ(summary(rich),
            "tp 4 sp, cp 2 ulysses, pp 4 x5 zb-auto limit 1.5 even_with_ends, ep 8, etp 2, dp 16, zero 1, micro-batch "
            "3, sharded over 8, offload optimizer, offload activations, recompute full");
}

TEST(PathsIntoPlanFiles, ReadAndChangeThem) {
  const Scenario given =
      test::scenario(*find_model("llama2-7b"), "dgx-h100", 8, {.sequence = 4096, .global_batch = 64});
  PlanFile file{given, {.dp = 8}, "", "", ""};
  EXPECT_TRUE(set(file, "plan.tp", "4"));
  EXPECT_TRUE(set(file, "plan.dp", "2"));
  EXPECT_TRUE(set(file, "plan.offload.optimizer", "true"));
  EXPECT_TRUE(set(file, "job.sequence", "2048"));
  EXPECT_TRUE(set(file, "model", "llama2-13b"));
  EXPECT_EQ(file.plan, (Plan{.tp = 4, .dp = 2, .offload = {.optimizer = true}}));
  EXPECT_EQ(file.scenario.job.sequence, 2048);
  EXPECT_EQ(file.scenario.model.name, "llama2-13b");
  EXPECT_EQ(fields::flow_yaml(*get(file, "plan.offload")), "{optimizer: true, activations: false}");
  EXPECT_EQ(fields::flow_yaml(*get(file, "cluster")), "{use: dgx-h100, gpus: 8}");

  const PlanFile before = file;
  const auto problems = [&](const char* path, const char* text) {
    const auto done = set(file, path, text);
    return done ? "" : to_string(done.error());
  };
  EXPECT_THAT(problems("plan.tq", "2"), HasSubstr("did you mean 'plan.tp'?"));
  EXPECT_THAT(problems("model", "llama2-7"), HasSubstr("did you mean 'llama2-7b'?"));
  EXPECT_THAT(problems("job.rank", "8"), HasSubstr("tuning full has no rank"));
  EXPECT_EQ(file.plan, before.plan);
  EXPECT_EQ(file.scenario, before.scenario);
}

}  // namespace
}  // namespace forerun

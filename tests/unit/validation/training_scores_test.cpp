// Do errors, fits and regret follow from predicted and measured runs as the header says?
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reports/scores/runs_report.hpp"
#include "reports/scores/validation_report.hpp"

namespace forerun {
namespace {

ScoredRun run(std::string source, std::string plan, double predicted, double measured) {
  ScoredRun r;
  r.run_id = plan;
  r.source = std::move(source), r.stack = "stack", r.gpu = "gpu", r.workload = r.source, r.plan = std::move(plan);
  r.predicted_time = Seconds{predicted}, r.measured_time = Seconds{measured};
  r.predicted_mfu = 0.5;
  r.fits = true;
  return r;
}

TEST(Regret, IsWhatTheFastestPredictedPlanLosesWithRepeatsAveraged) {
  TrainingValidation v;
  // Plan a is predicted fastest and measured twice, 10 s and 14 s: 12 s. The best measured is b with 8 s: regret 12 / 8
  // - 1 = 0.5.
  v.runs = {run("one", "a", 5, 10), run("one", "a", 5, 14), run("one", "b", 6, 8), run("one", "c", 7, 9),
            run("two", "a", 5, 10), run("two", "b", 6, 1)};  // two plans only: no choice to speak of
  score(v);
  EXPECT_EQ(v.regret.workloads, 1U);
  EXPECT_DOUBLE_EQ(v.regret.mean, 0.5);
  EXPECT_DOUBLE_EQ(v.regret.max, 0.5);
}

TEST(Scores, SourcesCountEquallyFromFiveRunsOnAndSweepsApart) {
  TrainingValidation v;
  for (int i = 0; i < 5; ++i) v.runs.push_back(run("a", "p", 11, 10));  // 10 % each
  for (int i = 0; i < 10; ++i) v.runs.push_back(run("b", "p", 13, 10));  // 30 % each
  v.runs.push_back(run("c", "p", 100, 10));  // a single run
  for (int i = 0; i < 9; ++i) v.runs.push_back(run("d", "p", 100, 10));
  for (ScoredRun& r : v.runs) r.sweep = r.source == "d";
  score(v);
  EXPECT_NEAR(v.mean_over_sources.value(), 0.2, 1e-12);
  ASSERT_EQ(v.by_source.size(), 4U);
  EXPECT_NEAR(v.by_source[1].errors.bias, 0.3, 1e-12);
  EXPECT_NEAR(*v.by_source[1].constant_mfu, 0, 1e-12);  // all reached the same MFU, so one guess is exact
}

TEST(Scores, OfNothingAreNoneNotPerfect) {
  TrainingValidation v;
  v.runs = {run("a", "p", 11, 10)};  // fewer than five
  score(v);
  EXPECT_EQ(v.mean_over_sources, std::nullopt);
  EXPECT_EQ(v.memory_mean_over_sources, std::nullopt);
  const std::string text = to_text(v, 120);
  EXPECT_THAT(text, testing::HasSubstr("mean over sources (5 runs or more, sweeps apart): none\n"));
  EXPECT_THAT(text, testing::HasSubstr("mean over sources: none\n"));
  EXPECT_THAT(text, testing::HasSubstr("sweeps apart: none, for no workload"));
  EXPECT_TRUE(to_json(v)["mean_over_sources"].is_null());
}

TEST(Scores, FitsAreCountedBothWays) {
  TrainingValidation v;
  const auto with = [](const char* source, double predicted, bool predicted_fits, std::optional<bool> fits) {
    ScoredRun r = run(source, "p", 1, 1);
    r.capacity = Bytes{100}, r.predicted_total = Bytes{predicted}, r.predicted_fits = predicted_fits, r.fits = fits,
    r.sweep = r.source == "sweep";
    return r;
  };
  v.runs = {with("sweep", 60, true, false),  // far below the capacity: a crash
            with("sweep", 80, true, false),  // a false fit, but not far below
            with("sweep", 95, true, false),  // within a tenth of the capacity: not counted against us
            with("x", 80, true, false),  // a false fit
            with("x", 110, false, false),  // foreseen
            with("x", 110, false, true),  // ran all the same
            with("x", 50, true, true),      with("x", 50, true, std::nullopt)};
  score(v);
  EXPECT_EQ(v.fit.failed, 2U);
  EXPECT_EQ(v.fit.false_fits, 1U);
  EXPECT_EQ(v.fit.sweep_failed, 3U);
  EXPECT_EQ(v.fit.suspected_crashes, 1U);
  EXPECT_EQ(v.fit.sweep_false_fits, 1U);
  EXPECT_EQ(v.fit.ran, 2U);
  EXPECT_EQ(v.fit.false_ooms, 1U);
}

TEST(Scores, BandsAndOrders) {
  TrainingValidation v;
  // Predicted 1, 2, 3, 4 s; measured 2, 1, 3, 4 s: of 6 pairs one is the wrong way round. Only the band of the last
  // holds its time.
  const double measured[] = {2, 1, 3, 4};
  for (int i = 0; i < 4; ++i) {
    v.runs.push_back(run("sweep", std::to_string(i), i + 1, measured[i]));
    v.runs.back().sweep = true;
    v.runs.back().low = Seconds{3.9}, v.runs.back().high = Seconds{4.1};
  }
  score(v);
  EXPECT_DOUBLE_EQ(*v.by_source.at(0).in_band, 0.25);
  EXPECT_NEAR(*v.by_source.at(0).kendall_tau, 4.0 / 6, 1e-12);
  for (std::size_t i = 0; i < 4; ++i)
    v.runs[i].size = std::to_string(i / 2);  // two sizes of one pair each: one agrees, one does not
  score(v);
  EXPECT_NEAR(*v.by_source.at(0).kendall_tau, 0, 1e-12);
}

TEST(Scores, RunsAreListedWorstFirstWithTheirBreakdown) {
  TrainingValidation v;
  v.runs = {run("a", "good", 11, 10), run("a", "bad", 20, 10), run("a", "unknown", 20, 10)};
  v.runs[2].measured_time.reset();
  score(v);
  const nlohmann::ordered_json list = runs_to_json(v);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["run_id"], "bad");
  EXPECT_DOUBLE_EQ(list[0]["error"].get<double>(), 1.0);
  for (const char* key : {"measured_s", "predicted_s", "low", "high", "evidence", "breakdown", "memory"})
    EXPECT_TRUE(list[0].contains(key)) << key;
  EXPECT_EQ(runs_to_json(v, 1).size(), 1U);
  EXPECT_THAT(runs_text(v, 1, 200), testing::AllOf(testing::HasSubstr("bad"), testing::HasSubstr("+100.0 %"),
                                                   testing::Not(testing::HasSubstr("good"))));
}

TEST(Scores, JsonHasTheDocumentedKeys) {
  TrainingValidation v;
  v.rows = 7;
  v.runs = {run("a", "p", 11, 10)};
  v.skipped = {{"r9", "PEFT"}};
  score(v);
  const nlohmann::ordered_json json = to_json(v);
  for (const char* key : {"rows", "stated", "scored", "assumed", "skipped", "by_source", "by_stack",
                          "mean_over_sources", "memory", "fit", "regret"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["skipped"][0]["reason"], "PEFT");
  for (const char* key : {"name", "n", "mape", "median", "p90", "worst", "bias", "constant_mfu"})
    EXPECT_TRUE(json["by_source"][0].contains(key)) << key;
  EXPECT_TRUE(json["memory"]["overall"].contains("mape"));
  EXPECT_THAT(to_text(v, 100), testing::HasSubstr("+10.0 %"));
}

TEST(ValidateTraining, ScoresAFileOfSixRuns) {
  const std::string path = (std::filesystem::temp_directory_path() / "forerun_six_runs.csv").string();
  // Three plans of one workload, one repeated; one run that nothing could do; one that ran out of memory.
  std::ofstream(path) << "run_id,source,stack,model,tuning,gpu,layers,hidden,heads,vocab,seq,global_batch,micro_batch,"
                         "gpus,tp,pp,dp,zero,sp,recompute,dtype,"
                         "step_time_s,fits\n"
                         "1,s,megatron-core,GPT,pretrain,a100,24,2048,16,51200,2048,64,4,8,1,1,8,1,0,none,bf16,1.0,\n"
                         "2,s,megatron-core,GPT,pretrain,a100,24,2048,16,51200,2048,64,4,8,8,1,1,0,1,none,bf16,2.0,\n"
                         "3,s,megatron-core,GPT,pretrain,a100,24,2048,16,51200,2048,64,4,8,2,1,4,1,1,none,bf16,1.5,\n"
                         "4,s,megatron-core,GPT,pretrain,a100,24,2048,16,51200,2048,64,4,8,2,1,4,1,1,none,bf16,1.7,\n"
                         "5,s,megatron-core,GPT,qlora,a100,24,2048,16,51200,2048,64,4,8,1,1,8,1,0,none,fp8,1.0,\n"
                         "6,s,megatron-core,GPT,pretrain,a100,96,12288,96,51200,2048,64,4,8,1,1,8,1,0,none,bf16,,no\n";
  std::size_t seen = 0;
  const auto v = validate_training(path, [&](std::size_t done, std::size_t total) {
    seen = done;
    EXPECT_EQ(total, 6U);
  });
  std::filesystem::remove(path);
  ASSERT_TRUE(v) << to_string(v.error());
  EXPECT_EQ(seen, 6U);
  EXPECT_EQ(v->rows, 6U);
  EXPECT_EQ(v->stated, 6U);
  EXPECT_EQ(v->scored, 5U);
  ASSERT_EQ(v->skipped.size(), 1U);
  EXPECT_EQ(v->skipped[0].run_id, "5");
  EXPECT_EQ(v->by_source.at(0).errors.n, 4U);
  EXPECT_EQ(v->fit.ran, 4U);
  EXPECT_EQ(v->fit.failed, 1U);
  EXPECT_EQ(v->fit.false_fits, 0U);  // 175 billion parameters at 6 bytes and more do not fit 80 GB
  EXPECT_EQ(v->regret.workloads, 1U);
  EXPECT_EQ(v->regret.mean, 0);  // without tensor parallelism less is sent: predicted and measured fastest
}

}  // namespace
}  // namespace forerun

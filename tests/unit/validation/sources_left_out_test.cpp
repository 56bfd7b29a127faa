// Is a source that is left out predicted without anything that it taught?
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "costmodel/stacks/stack_parameters.hpp"
#include "tests/support/stack_runs.hpp"
#include "validation/training/stack_fit.hpp"
#include "validation/training/training_validation.hpp"

namespace forerun {
namespace {

std::string saved(const std::vector<TrainingRow>& rows) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("forerun_left_out_" + std::to_string(::getpid()) + ".csv")).string();
  std::ofstream file(path);
  file << "run_id,source,stack,model,gpu,dtype,recompute,layers,hidden,heads,vocab,seq,global_batch,micro_batch,gpus,"
          "tp,sp,pp,dp,zero,step_time_s\n";
  for (const TrainingRow& r : rows) {
    file << fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", r.run_id, r.source, r.stack,
                        r.model, r.gpu, r.dtype, r.recompute, *r.layers, *r.hidden, *r.heads, *r.vocab, *r.seq,
                        *r.global_batch, *r.micro_batch, *r.gpus, *r.tp, *r.sp, *r.pp, *r.dp, *r.zero,
                        r.step_time->value());
  }
  return path;
}

// "somewhere" ran these models; "elsewhere" ran those of `layers`. Both took 1.4 times what the stack states.
std::vector<TrainingRow> two_sources(std::initializer_list<int> here, std::initializer_list<int> there) {
  std::vector<TrainingRow> rows;
  for (TrainingRow r : test::runs_of(*find_stated_stack("megatron-lm"))) {
    r.step_time = 1.4 * *r.step_time;
    if (std::count(here.begin(), here.end(), *r.layers) > 0) rows.push_back(r);
    r.source = "elsewhere";
    if (std::count(there.begin(), there.end(), *r.layers) > 0) rows.push_back(r);
  }
  return rows;
}

LeftOutScore left_out_of(const std::string& source, const std::vector<TrainingRow>& rows) {
  const std::string path = saved(rows);
  auto validation = validate_training(path);
  EXPECT_TRUE(validation && leave_sources_out(*validation, path));
  std::filesystem::remove(path);
  for (const NamedErrors& e : validation->by_source) {
    if (e.name == source) return e.left_out.value();
  }
  return {};
}

TEST(SourcesLeftOut, LearnFromOtherModelsOfOtherSources) {
  EXPECT_LT(left_out_of("somewhere", two_sources({4}, {8, 12})).mape, 0.15);
}

TEST(SourcesLeftOut, LearnNothingFromTheirOwnModelsElsewhere) {
  // Nothing is left to learn from: as stated, 1 / 1.4 - 1.
  EXPECT_NEAR(left_out_of("somewhere", two_sources({4, 8}, {4, 8})).mape, 1 - 1 / 1.4, 1e-6);
}

TEST(SourcesLeftOut, ScoreEachRunOnceWhateverTheStackIsCalled) {
  std::vector<TrainingRow> rows = two_sources({4, 8}, {12});
  for (std::size_t i = 0; i < rows.size(); i += 2) rows[i].stack = "megatron-2022";
  EXPECT_EQ(left_out_of("somewhere", rows).n, 24U);
}

}  // namespace
}  // namespace forerun

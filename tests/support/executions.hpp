// Small models on as many ranks as a plan has, for the executor's tests.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

#include "base/result.hpp"
#include "executor/execute.hpp"
#include "executor/requirements.hpp"
#include "hardware/catalog.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/plan/plan.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/program_memory.hpp"
#include "strategies/programs/steps/training/lower.hpp"

namespace forerun::test {

inline Model small_model(int blocks = 2) {
  Model model{.name = "small", .hidden = 32, .vocab = 64, .positions = Positions::rotary};
  model.blocks.assign(static_cast<std::size_t>(blocks), {.hidden = 32,
                                                         .mixer = Attention{.heads = 8, .kv_heads = 4, .head_dim = 4},
                                                         .feed_forward = Mlp{.width = 48, .gated = true}});
  return model;
}

inline Model small_mixture(int blocks = 2) {
  Model model = small_model(blocks);
  for (Block& block : model.blocks) block.feed_forward = Moe{.experts = 4, .top_k = 2, .width = 24};
  return model;
}

inline Scenario on_this_machine(Model model, int ranks, Job job) {
  Scenario given{.model = std::move(model),
                 .cluster = *find_cluster("this-machine"),
                 .gpus = ranks,
                 .stack = *find_stack("forerun"),
                 .job = job};
  given.cluster.nodes.front().node.devices = ranks;
  return given;
}

inline Job small_job(DType dtype = DType::fp64) { return {.sequence = 16, .global_batch = 8, .dtype = dtype}; }

inline std::string text_of(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.message + "; ";
  return text;
}

struct Ran {
  Execution execution;
  Program program;
  PricedScenario scenario;
};

// Fails where the plan is not valid or not executable.
inline Ran run(Scenario given, const Plan& plan, RunOptions options = {.steps = 3}) {
  Ran ran;
  given.gpus = gpus(plan);
  given.cluster.nodes.front().node.devices = given.gpus;
  const Problems wrong = check_plan(given, plan), beyond = check_executable(given, plan, options.routing);
  EXPECT_TRUE(wrong.empty() && beyond.empty()) << summary(plan) << ": " << text_of(wrong) << text_of(beyond);
  if (!wrong.empty() || !beyond.empty()) return ran;
  Result<PricedScenario> priced = price(given);
  EXPECT_TRUE(priced) << (priced ? "" : text_of(priced.error()));
  if (!priced) return ran;
  ran.scenario = *priced;
  ran.program = lower(*priced, plan);
  Result<Execution> execution = execute(*priced, ran.program, options);
  EXPECT_TRUE(execution) << summary(plan) << ": " << (execution ? "" : text_of(execution.error()));
  if (execution) ran.execution = std::move(*execution);
  return ran;
}

// The category whose peak is more than 1 % off what the Program promises; "": none.
inline std::string memory_error(const Ran& ran, const RankReport& rank) {
  const StageMemory peak = program_memory(program_of(ran.program, rank.rank)).peak;
  for (std::size_t i = 0; i < memory_categories.size(); ++i) {
    const MemoryCategory& category = memory_categories[i];
    const Bytes promised = peak.*category.bytes;
    if (std::abs(static_cast<double>(rank.peak[i]) - promised.value()) > 0.01 * promised.value()) {
      return std::string(category.key) + ": " + std::to_string(rank.peak[i]) + " B instead of " +
             std::to_string(static_cast<std::int64_t>(promised.value())) + " B";
    }
  }
  return "";
}

}  // namespace forerun::test

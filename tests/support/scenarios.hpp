// Small scenarios that several test programs price.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "costmodel/stacks/stack.hpp"
#include "hardware/catalog.hpp"
#include "strategies/closed_form/closed_form.hpp"
#include "workloads/models/catalog.hpp"

namespace forerun::test {

// Sizes that powers of two up to 8 divide: heads, key-value heads, width, vocabulary.
inline Model small_dense(int layers = 8) {
  Model model{.name = "small-dense", .hidden = 512, .vocab = 4096, .max_positions = 4096};
  const Block block{.hidden = 512,
                    .mixer = Attention{.heads = 8, .kv_heads = 8, .head_dim = 64},
                    .feed_forward = Mlp{.width = 2048, .gated = true}};
  model.blocks.assign(static_cast<std::size_t>(layers), block);
  return model;
}

// A dense first block, then experts.
inline Model small_mixture(int layers = 4) {
  Model model = small_dense(layers);
  model.name = "small-mixture";
  for (std::size_t i = 1; i < model.blocks.size(); ++i) {
    model.blocks[i].feed_forward = Moe{.experts = 8, .top_k = 2, .width = 512, .shared_width = 512};
  }
  return model;
}

// The course's toy model: 12 D^2 parameters a layer, nothing else.
inline Model m7(int layers = 32) {
  Model model{.name = "m7",
              .hidden = 4096,
              .positions = Positions::none,
              .max_positions = 4096,
              .norm = NormKind::none,
              .final_norm = false};
  const Block block{.hidden = 4096,
                    .mixer = Attention{.heads = 32, .kv_heads = 32, .head_dim = 128},
                    .feed_forward = Mlp{.width = 4 * 4096}};
  model.blocks.assign(static_cast<std::size_t>(layers), block);
  return model;
}

inline Scenario scenario(Model model, const std::string& cluster, int gpus, const Job& job,
                         const std::string& stack = "megatron-core") {
  return {.model = std::move(model),
          .cluster = *find_cluster(cluster),
          .gpus = gpus,
          .stack = *find_stack(stack),
          .job = job};
}

inline Scenario course_scenario(int gpus, Job job = {.sequence = 4096, .global_batch = 128, .dtype = DType::fp16},
                                Model model = m7()) {
  return scenario(std::move(model), "dgx-a100", gpus, job, "course");
}

inline PricedScenario priced(const Scenario& given) {
  auto result = price(given);
  EXPECT_TRUE(result) << to_string(result.error());
  return *result;
}

inline MemoryUse memory_of(const Scenario& given, const Plan& plan) { return estimate(priced(given), plan).memory; }

}  // namespace forerun::test

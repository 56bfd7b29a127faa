// Random scenarios, and random plans that are valid for them.
#pragma once

#include <rapidcheck.h>

#include <vector>

#include "strategies/plan/check_plan.hpp"
#include "strategies/search/search_space.hpp"
#include "tests/support/scenarios.hpp"

namespace forerun::test {

// Like GPT-3: biases, layer norms, dropout, learned positions, one table for embedding and head.
inline Model small_gpt(int layers) {
  Model model = small_dense(layers);
  model.name = "small-gpt";
  model.norm = NormKind::layer;
  model.positions = Positions::learned;
  model.tied_embeddings = model.dropout = true;
  for (Block& block : model.blocks) {
    block.attention()->qkv_bias = block.attention()->output_bias = true;
    block.feed_forward = Mlp{.width = 2048, .bias = true};
  }
  return model;
}

// As wide as an 8 B model, with grouped queries.
inline Model widened(Model model) {
  model.hidden = 4096;
  for (Block& block : model.blocks) {
    block.hidden = model.hidden;
    block.mixer = Attention{.heads = 32, .kv_heads = 8, .head_dim = 128};
    if (Mlp* mlp = std::get_if<Mlp>(&block.feed_forward)) mlp->width = 14336;
  }
  return model;
}

inline Model some_model() {
  const int layers = *rc::gen::inRange(2, 13);
  const int which = *rc::gen::inRange(0, 3);
  Model model = which == 0 ? small_dense(layers) : which == 1 ? small_mixture(layers) : small_gpt(layers);
  return *rc::gen::arbitrary<bool>() ? widened(std::move(model)) : model;
}

inline Scenario some_scenario(const std::vector<int>& sizes = {1, 2, 4, 8, 16, 32, 64}) {
  const std::string cluster = *rc::gen::element<std::string>("dgx-h100", "dgx-a100", "gb200-nvl72");
  const bool fp8 = cluster != "dgx-a100" && *rc::gen::arbitrary<bool>();
  const Job job{.sequence = *rc::gen::element(512, 1024, 2048),
                .global_batch = *rc::gen::inRange(1, 13) * *rc::gen::element(1, 4, 16),
                .dtype = fp8 ? DType::fp8 : *rc::gen::element(DType::bf16, DType::fp16),
                .optimizer = *rc::gen::element(Optimizer::sgd, Optimizer::adamw)};
  const std::string stack = *rc::gen::elementOf(stack_names());
  Scenario given = scenario(some_model(), cluster, *rc::gen::elementOf(sizes), job, stack);
  if (!node_of(given.cluster).device.peak.contains(given.job.dtype))
    given.job.dtype = DType::bf16;  // no fp8 before Hopper
  if (*rc::gen::arbitrary<bool>())
    given.stack.host_per_kernel = given.stack.host_per_step = Seconds{0};  // the device alone sets the pace
  return given;
}

inline std::vector<Plan> all_plans(const Scenario& given) {
  std::vector<Plan> list;
  for (const Split& split : splits(given)) for_each_plan(given, split, [&](const Plan& plan) { list.push_back(plan); });
  return list;
}

struct Drawn {
  Scenario given;
  Plan plan;
};

inline Drawn some_plan() {
  const Scenario given = some_scenario();
  const std::vector<Plan> plans = all_plans(given);
  RC_PRE(!plans.empty());
  Plan plan = *rc::gen::elementOf(plans);
  if (plan.pp > 1 && plan.virtual_stages == 1 && *rc::gen::arbitrary<bool>()) plan.schedule = ScheduleKind::gpipe;
  if (*rc::gen::arbitrary<bool>()) plan.overlap.tp = plan.overlap.dp = *rc::gen::arbitrary<bool>();
  if (!is_valid(given, plan)) plan.overlap = {};  // of what the stack cannot overlap
  RC_LOG() << given.model.name << " of " << given.model.blocks.size() << " on " << given.gpus << " of "
           << given.cluster.name << " with " << given.stack.name << ", batch " << given.job.global_batch << " x "
           << given.job.sequence << ": " << summary(plan) << '\n';
  return {given, plan};
}

}  // namespace forerun::test

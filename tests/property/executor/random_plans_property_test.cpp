// Does any plan train what one rank trains, whatever it combines? And are its gradients those of its loss?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <mutex>

#include "executor/comparison.hpp"
#include "executor/rank_executor.hpp"
#include "executor/ranks/numbers/flat_weights.hpp"
#include "runtime/communication/rank_threads.hpp"
#include "strategies/plan_runs.hpp"
#include "tests/support/executions.hpp"

namespace forerun {
namespace {

using namespace test;

template <class T>
T one_of(std::initializer_list<T> list) {
  return *rc::gen::elementOf(std::vector<T>(list));
}

// On 2, 4 or 8 ranks; cut as the model allows. Not every draw is valid.
Plan some_executable_plan(bool experts) {
  Plan plan;
  const int ranks = one_of({2, 4, 8});
  int rest = ranks;
  const auto take = [&rest](std::initializer_list<int> list) {
    const int n = one_of(list);
    if (rest % n != 0) return 1;
    rest /= n;
    return n;
  };
  plan.pp = take({1, 1, 2, 4});
  plan.tp = take({1, 2, 2});
  plan.cp = take({1, 1, 2, 4});
  plan.dp = rest;
  plan.sp = plan.tp > 1 && (experts || one_of({true, false}));
  plan.cp_kind = one_of({CpKind::ring, CpKind::all_gather, CpKind::ulysses});
  plan.zero = plan.dp * plan.cp == 1 ? 0 : one_of({0, 1, 2, 3});
  if (plan.dp * plan.cp == 4 && plan.zero > 0) plan.sharding_group = one_of({0, 1, 2});
  plan.micro_batch = one_of({1, 2});
  plan.recompute = one_of({Recompute::none, Recompute::selective, Recompute::full});
  if (experts) plan.ep = one_of({1, 2, 4}), plan.etp = one_of({1, 1, 2, 4});
  if (plan.pp > 1) {
    plan.schedule = static_cast<ScheduleKind>(one_of({0, 1, 2, 3, 4, 5, 6, 7}));
    if (plan.schedule == ScheduleKind::interleaved || plan.schedule == ScheduleKind::zb_v) plan.virtual_stages = 2;
  }
  return plan;
}

struct Drawn {
  Scenario given;
  Plan plan;
};

Drawn some_execution(DType dtype) {
  const bool experts = dtype == DType::fp64 && one_of({true, false, false});
  Model model = experts ? small_mixture(4) : small_model(4);
  if (!experts && one_of({true, false})) {
    model.norm = NormKind::layer;
    for (Block& block : model.blocks) std::get<Mlp>(block.feed_forward).gated = false;
  }
  model.tied_embeddings = one_of({true, false});
  model.positions = one_of({Positions::rotary, Positions::rotary, Positions::none});
  Plan plan = some_executable_plan(experts);
  if (plan.cp == 1 || plan.cp_kind != CpKind::ring) {  // rings of windows are refused
    for (Block& block : model.blocks) block.attention()->window = one_of<std::optional<int>>({std::nullopt, 1, 7});
  }
  Scenario given = on_this_machine(model, gpus(plan), {.sequence = 32, .global_batch = 16, .dtype = dtype});
  RC_PRE(check_plan(given, plan).empty() && check_executable(given, plan, Routing::balanced).empty());
  return {given, plan};
}

// What goes over the links is promised of the rank that sends most.
bool links_as_promised(const Ran& ran) {
  const auto [promised, sent] = busiest_traffic(ran.program, ran.execution);
  for (std::size_t f = 0; f < flow_count; ++f) {
    const auto flow = static_cast<Flow>(f);
    if (promised[flow].wire != sent[flow].wire) return false;
  }
  return true;
}

bool promised(const Ran& ran) {
  if (!links_as_promised(ran)) return false;
  for (const RankReport& rank : ran.execution.ranks) {
    const Traffic promise = promised_traffic(ran.program, rank.rank);
    for (std::size_t f = 0; f < flow_count; ++f) {
      if (rank.traffic[static_cast<Flow>(f)].api != promise[static_cast<Flow>(f)].api) return false;
    }
    if (!memory_error(ran, rank).empty()) return false;
  }
  return true;
}

// Updates change what later steps see: eight of them carry an error on.
constexpr std::size_t steps = 8;

RC_GTEST_PROP(ExecutedPlans, TrainWhatOneRankTrains, ()) {
  const auto [given, plan] = some_execution(DType::fp64);
  RC_LOG() << summary(plan) << '\n';
  const RunOptions options{.steps = steps, .routing = Routing::balanced};
  const Ran one = run(given, one_rank(plan), options), many = run(given, plan, options);
  RC_ASSERT(one.execution.losses.size() == steps && many.execution.losses.size() == steps);
  for (std::size_t i = 0; i < steps; ++i)
    RC_ASSERT(std::abs(one.execution.losses[i] - many.execution.losses[i]) < 1e-9);
  RC_ASSERT(promised(many));
}

RC_GTEST_PROP(ExecutedPlans, TrainWhatOneRankTrainsInFp32, ()) {
  const auto [given, plan] = some_execution(DType::fp32);
  RC_LOG() << summary(plan) << '\n';
  const RunOptions options{.steps = steps};
  const Ran one = run(given, one_rank(plan), options), many = run(given, plan, options);
  const auto differs = [&](std::size_t i) {
    return std::abs(one.execution.losses.at(i) / many.execution.losses.at(i) - 1);
  };
  RC_ASSERT(promised(many));
  RC_ASSERT(differs(0) < 1e-6);
  RC_ASSERT(differs(steps - 1) < 1e-3);
}

// --- gradients -------------------------------------------------------------------------------------------------------

// The loss, or the gradient of one weight, after one step without an update; the weight is `change` further than at
// first.
struct Probe {
  UnitKind unit{};
  int layer = 0;
  WeightKind kind{};
  int expert = -1;
  std::int64_t at = 0;  // in the whole weight
};

double loss_with(const PricedScenario& scenario, const Program& program, const Probe& probe, double change,
                 double* gradient) {
  double loss = 0;
  std::mutex one_at_a_time;  // all replicas hold the same gradient
  run_ranks(static_cast<int>(program.role_of_rank.size()), [&](Communicator& world) {
    const RankMachine machine = on_the_cpu(world);
    RankExecutor rank(scenario, program, {world, world, *machine.backend}, {.steps = 1, .routing = Routing::balanced});
    FlatWeights<double>& weights = rank.weights<double>();
    const auto& units = rank.program().units;
    const auto visit = [&](auto use) {
      for (std::size_t u = 0; u < units.size(); ++u) {
        const bool there = units[u].kind == probe.unit && units[u].layer == probe.layer;
        for (const Weight& w : weights.weights(u)) {
          if (w.kind != probe.kind || w.expert != probe.expert || !(there || w.kind == WeightKind::table))
            continue;  // both copies of a table
          for (std::int64_t i = 0; i < w.count; ++i) {
            if (whole_index(w, i) == probe.at) use(u, w, i);
          }
        }
      }
    };
    visit([&](std::size_t u, const Weight& w, std::int64_t i) {
      weights.parameters(u, w.of_experts())[static_cast<std::size_t>(w.first + i)] += change;
    });
    rank.step(false);
    std::vector<double> sum{rank.report().losses.back()};
    world.all_reduce(Elements(std::span(sum)), Reduction::sum);
    if (world.rank() == 0) loss = sum[0] / static_cast<double>(tokens_per_step(scenario.given.job));
    if (gradient == nullptr) return;
    const std::scoped_lock lock(one_at_a_time);
    visit([&](std::size_t u, const Weight& w, std::int64_t i) {
      *gradient = weights.gradients(u, w.of_experts())[static_cast<std::size_t>(w.first + i)];
    });
  });
  return loss;
}

RC_GTEST_PROP(ExecutedPlans, HaveTheGradientsOfTheirLoss, ()) {
  auto [given, plan] = some_execution(DType::fp64);
  plan.zero = 0;  // where each rank holds all gradients of its weights
  RC_PRE(plan.schedule != ScheduleKind::dualpipe || plan.pp == 1);  // of two copies of a weight, one would be changed
  RC_LOG() << summary(plan) << '\n';
  const Result<PricedScenario> scenario = price(given);
  const Program program = lower(*scenario, plan);
  // Any weight of the whole model.
  Plan one;
  const UnitKind kind =
      one_of({UnitKind::embedding, UnitKind::block, UnitKind::block, UnitKind::block, UnitKind::head});
  const Unit unit{.kind = kind,
                  .layer = kind == UnitKind::block  ? *rc::gen::inRange(0, 4)
                           : kind == UnitKind::head ? 4
                                                    : 0};
  const std::vector<Weight> weights = weights_of(given, one, unit, 0);
  const Weight& w = weights[*rc::gen::inRange<std::size_t>(0, weights.size())];
  const Probe probe{kind, unit.layer, w.kind, w.expert, *rc::gen::inRange<std::int64_t>(0, w.count)};
  double gradient = std::nan("");  // until the weight is found
  constexpr double h = 1e-4;
  loss_with(*scenario, program, probe, 0, &gradient);
  // Four places: the error is of the order of h^4.
  const auto f = [&](double change) { return loss_with(*scenario, program, probe, change, nullptr); };
  const double near = (f(h) - f(-h)) / (2 * h), far = (f(2 * h) - f(-2 * h)) / (4 * h);
  // Where a token goes to another expert on the way, the loss jumps and has no gradient.
  RC_PRE(std::abs(near - far) < 1e-3 * (1 + std::abs(near)));
  const double difference = (4 * near - far) / 3;
  RC_LOG() << to_string(w.kind) << " of layer " << unit.layer << ": " << gradient << " against " << difference << '\n';
  RC_ASSERT(std::abs(gradient - difference) < 1e-6 * std::abs(gradient) + 1e-10);
}

}  // namespace
}  // namespace forerun

// Do the closed form, the folded simulation and that of every rank say the same of any plan, and do simulations keep
// their own books?
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "sim/critical_path.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/blocks/lower_block.hpp"
#include "strategies/simulation/check_order.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/lowered_plans.hpp"

namespace forerun {
namespace {

using test::Pipelines;
using test::some_lowered_plan;

const std::vector<int> sizes{1, 2, 4, 8, 16, 32, 64};

constexpr int twice = 2;  // in each of the 100 calls of a property

bool near(Seconds a, Seconds b, double tolerance = 1e-9) { return std::abs((a - b) / max(a, b)) < tolerance; }

// --- closed form and simulation

std::array<Bytes, 8> parts(const StageMemory& m) {
  return {m.parameters, m.gradients, m.optimizer, m.activations, m.gathered, m.transient, m.communication, m.workspace};
}

RC_GTEST_PROP(Simulations, HoldTheMemoryOfTheClosedForm, ()) {
  for (int i = 0; i < twice; ++i) {
    const auto [given, plan] = some_lowered_plan();
    const PricedScenario scenario = test::priced(given);
    const MemoryUse expected = estimate(scenario, plan).memory, found = simulate(scenario, plan).memory;
    RC_ASSERT(expected.stages.size() == found.stages.size());
    for (std::size_t s = 0; s < found.stages.size(); ++s) {
      RC_LOG() << "stage " << s << ": " << expected.stages[s].allocated().value() << " "
               << found.stages[s].allocated().value() << '\n';
      RC_ASSERT(expected.stages[s].allocated() == found.stages[s].allocated());
      RC_ASSERT(expected.on_host[s] == found.on_host[s]);
      for (const MemoryCategory& category : memory_categories) {
        const Bytes closed = expected.stages[s].*category.bytes, drawn = found.stages[s].*category.bytes;
        RC_LOG() << category.key << ": " << closed.value() << " " << drawn.value() << '\n';
        RC_ASSERT(closed == drawn);
      }
    }
    RC_ASSERT(expected.total() == found.total());
  }
}

RC_GTEST_PROP(Simulations, SendWhatTheClosedFormCounts, ()) {
  const auto [given, plan] =
      some_lowered_plan(sizes, Pipelines::none);  // of a pipeline the closed form counts the stage that works longest
  const PricedScenario scenario = test::priced(given);
  const Traffic expected = estimate(scenario, plan).traffic;
  const std::vector<RoleReport> roles = simulate(scenario, plan).roles;
  for (std::size_t i = 0; i < flow_count; ++i) {
    const auto flow = static_cast<Flow>(i);
    Volume most;  // skewed experts draw more rows on some ranks
    for (const RoleReport& role : roles)
      most = {max(most.api, role.traffic[flow].api), max(most.wire, role.traffic[flow].wire)};
    RC_LOG() << to_string(dimension_of(flow)) << ' ' << name_of(flow) << ": " << expected[flow].api.value() << ' '
             << most.api.value() << '\n';
    RC_ASSERT(expected[flow].api == most.api && expected[flow].wire == most.wire);
  }
}

RC_GTEST_PROP(Simulations, OfOneStageWithoutOverlapTakeTheTimeOfTheClosedForm, ()) {
  auto [given, plan] = some_lowered_plan(sizes, Pipelines::none);
  given.job.expert_skew = 1,
  plan.offload.activations = false;  // the closed form takes the busiest rank for all, and copies as waited for alone
  plan.overlap = {.tp = false, .cp = false, .ep = false, .dp = false, .pp = false};
  const PricedScenario scenario = test::priced(given);
  const Seconds expected = estimate(scenario, plan).step.median, found = simulate(scenario, plan).step;
  RC_LOG() << expected.value() << ' ' << found.value() << '\n';
  RC_ASSERT(near(expected, found));
}

// Not a promise of accuracy: the two are far apart only where one of them is wrong.
TEST(ClosedForm, IsNearTheSimulation) {
  std::vector<double> ratios;
  const bool all_near = rc::check("the closed form is near the simulation", [&] {
    const auto [given, plan] = some_lowered_plan();
    const PricedScenario scenario = test::priced(given);
    const Estimate e = estimate(scenario, plan);
    const Seconds simulated = simulate(scenario, plan).step;
    ratios.push_back(e.step.median / simulated);
    RC_LOG() << "lower bound " << e.lower_bound.value() << " of " << simulated.value() << '\n';
    RC_ASSERT(e.lower_bound <= (1 + 1e-6) * simulated);  // ticks round
    RC_LOG() << "ratio " << ratios.back() << '\n';
    RC_ASSERT(ratios.back() > 0.5 && ratios.back() < 1.5);
  });
  EXPECT_TRUE(all_near);
  std::sort(ratios.begin(), ratios.end());
  const auto share = [&](double part) {
    return ratios[static_cast<std::size_t>(part * static_cast<double>(ratios.size() - 1))];
  };
  fmt::print("closed form over simulation: least {:.4f}, 5 % {:.4f}, median {:.4f}, 95 % {:.4f}, most {:.4f}\n",
             ratios.front(), share(0.05), share(0.5), share(0.95), ratios.back());
}

// --- one rank for many, and every rank

void expect_same(Seconds a, Seconds b, double slack) {
  RC_ASSERT(std::abs((a - b).value()) * ticks_per_second < slack + 0.5);
}

void expect_same(const Breakdown& a, const Breakdown& b, double slack) {
  for (const TimeCategory& category : time_categories) {
    expect_same(category.exposed(a), category.exposed(b), slack);
    expect_same(category.hidden(a), category.hidden(b), slack);
  }
}

void expect_same(const Traffic& a, const Traffic& b) {
  for (std::size_t i = 0; i < flow_count; ++i) {
    const auto flow = static_cast<Flow>(i);
    RC_ASSERT(a[flow].api == b[flow].api && a[flow].wire == b[flow].wire);
  }
}

RC_GTEST_PROP(Simulations, OfOneRankForManyAndOfEveryRankAgree, ()) {
  for (int i = 0; i < twice; ++i) {
    const auto [given, plan] = some_lowered_plan();
    const PricedScenario scenario = test::priced(given);
    const Simulation folded = simulate(scenario, plan),
                     every = simulate(scenario, plan, {.every_rank = true, .disturbances = {}, .detailed = false});
    RC_ASSERT(every.program.roles.size() == static_cast<std::size_t>(gpus(plan)));
    constexpr double slack = 0;  // to the tick
    expect_same(folded.step, every.step, slack);
    RC_ASSERT(folded.memory.total() == every.memory.total());
    for (std::size_t rank = 0; rank < every.roles.size(); ++rank) {
      const RoleReport &own = every.roles[every.program.role_of_rank[rank]],
                       &shared = folded.roles[folded.program.role_of_rank[rank]];
      RC_ASSERT(own.stage == shared.stage);
      RC_ASSERT(parts(own.memory.peak) == parts(shared.memory.peak));
      expect_same(own.traffic, shared.traffic);
      expect_same(own.breakdown, shared.breakdown, slack);
    }
  }
}

RC_GTEST_PROP(Simulations, InDetailTakeTheSameTime, ()) {
  const auto [given, plan] = some_lowered_plan({1, 2, 4, 8});
  const PricedScenario scenario = test::priced(given);
  const Simulation coarse = simulate(scenario, plan),
                   fine = simulate(scenario, plan, {.every_rank = false, .disturbances = {}, .detailed = true});
  // Computations that share processors round to a whole picosecond each time that their rate changes.
  const auto slack = static_cast<double>(2 * fine.graph.graph.size()) / ticks_per_second;
  RC_ASSERT(std::abs((coarse.step - fine.step).value()) <= slack);
}

// --- order

RC_GTEST_PROP(Programs, EndWhateverTheirTimes, ()) {
  const auto [given, plan] = some_lowered_plan();
  const PricedScenario scenario = test::priced(given);
  const Problems problems = check_order(scenario, lower(scenario, plan));
  for (const Problem& problem : problems) RC_LOG() << problem.message << '\n';
  RC_ASSERT(problems.empty());
}

// --- tensors

// Walks the tensors of a stage in the order of issue: what is allocated twice, released or read while it is not there,
// or never released.
std::string misuse(const StageProgram& stage) {
  using Id = std::pair<TensorId, std::int32_t>;  // of a micro-batch
  std::set<Id> alive;
  for (const Call& call : stage.calls) {
    const Body& body = stage.bodies[call.body];
    for (const Instruction& in : body.instructions) {
      const TensorId* touch = body.touches.data() + in.first_touch;
      const auto say = [&](std::string_view what, TensorId id) {
        return fmt::format("{} {} in pass {} of micro-batch {}, layer {}", what, stage.tensors[id].name,
                           static_cast<int>(body.kind), call.micro_batch, layer_of(stage, in));
      };
      for (int i = 0; i < in.allocates; ++i) {
        if (!alive.insert({touch[i], call.micro_batch}).second) return say("allocates again", touch[i]);
      }
      for (int i = in.interleaved ? in.reads : 0; i < in.reads + in.writes;
           ++i) {  // pieces of what an interleaved one reads are still to be made
        const TensorId id = body.operands[in.first_operand + static_cast<std::uint32_t>(i)];
        if (!alive.contains({id, call.micro_batch})) return say("uses without having", id);
      }
      for (int i = in.allocates; i < in.allocates + in.releases; ++i) {
        if (alive.erase({touch[i], call.micro_batch}) == 0) return say("releases without having", touch[i]);
      }
    }
  }
  return alive.empty() ? "" : fmt::format("keeps {}", stage.tensors[alive.begin()->first].name);
}

RC_GTEST_PROP(Programs, UseWhatIsThereAndKeepNothing, ()) {
  const auto [given, plan] = some_lowered_plan();
  const Program program = lower(test::priced(given), plan);
  for (const StageProgram& stage : program.stages) {
    const std::string wrong = misuse(stage);
    RC_LOG() << wrong << '\n';
    RC_ASSERT(wrong.empty());
  }
}

// --- books

RC_GTEST_PROP(Simulations, BreakEveryRoleDownToTheStep, ()) {
  const auto [given, plan] = some_lowered_plan();
  const Simulation s = simulate(test::priced(given), plan);
  RC_ASSERT(s.complete());
  for (const RoleReport& role : s.roles) {
    RC_ASSERT(near(role.breakdown.total(), s.step));
    const Breakdown& b = role.breakdown;
    for (const Seconds part : {b.compute, b.recompute, b.bubble, b.optimizer, b.offload, b.host})
      RC_ASSERT(part >= Seconds{-1e-12});
    for (std::size_t d = 0; d < 5; ++d) RC_ASSERT(b.exposed[d] >= Seconds{0} && b.hidden[d] >= Seconds{0});
  }
}

RC_GTEST_PROP(Simulations, LieBetweenTheLongestPathAndAllWork, ()) {  // I-31
  const auto [given, plan] = some_lowered_plan();
  const Simulation s = simulate(test::priced(given), plan);
  RC_ASSERT(near(s.path.total(), to_seconds(s.timeline.makespan)));
  RC_ASSERT(s.step <=
            (1 + 1e-12) * to_seconds(s.timeline.makespan));  // less where the next step begins before all are done
  RC_ASSERT(longest_path(s.graph.graph) <= s.timeline.makespan);
  const std::vector<Tick>& work = s.graph.graph.work;
  RC_ASSERT(s.timeline.makespan <= std::accumulate(work.begin(), work.end(), Tick{0}) + 2 * work.size());
}

RC_GTEST_PROP(Simulations, AreTheSameTwice, ()) {
  const auto [given, plan] = some_lowered_plan({1, 2, 4, 8});
  const PricedScenario scenario = test::priced(given);
  const std::uint64_t seed = *rc::gen::inRange<std::uint64_t>(1, 1000);
  const SimulationOptions noisy{.every_rank = true,
                                .disturbances = {.seed = seed, .jitter = 0.05, .stragglers = {}, .failure = {}},
                                .detailed = false};
  const Simulation first = simulate(scenario, plan, noisy), second = simulate(scenario, plan, noisy);
  RC_ASSERT(first.timeline == second.timeline);
  SimulationOptions other = noisy;
  other.disturbances.seed = seed + 1;
  RC_ASSERT(simulate(scenario, plan, other).timeline != first.timeline);
}

// --- what makes memory smaller

Bytes states(const StageMemory& m) { return m.parameters + m.gradients + m.optimizer; }

RC_GTEST_PROP(Simulations, HoldLessStateTheMoreIsSharded, ()) {  // I-17
  auto [given, plan] = some_lowered_plan();
  RC_PRE(plan.dp * plan.cp > 1);
  const PricedScenario scenario = test::priced(given);
  std::vector<Bytes> before;
  for (plan.zero = 0; plan.zero <= 3; ++plan.zero) {
    std::vector<Bytes> now;
    if (plan.zero == 0) plan.sharding_group = 0;
    for (const StageMemory& stage : simulate(scenario, plan).memory.stages) now.push_back(states(stage));
    for (std::size_t s = 0; s < before.size(); ++s) RC_ASSERT(now[s] <= before[s]);
    before = now;
  }
}

// What the last block keeps between its passes.
Bytes saved(const Scenario& given, const Split& split) {
  const BlockProgram block = lower_block(given, given.model.blocks.back(), split);
  Bytes sum{0};
  for (const TensorId id : saved_tensors(block)) sum += block.tensors[id].bytes;
  return sum;
}

RC_GTEST_PROP(Blocks, SaveWhatTheirOperatorsSay, ()) {
  const Scenario given = test::some_scenario({8});
  Split split = *rc::gen::elementOf(splits(given));
  split.recompute = Recompute::none;
  const Block &whole = given.model.blocks.back(), local = shard(whole, split.tp, split.etp);
  RC_PRE(split.cp == 1 || split.cp_kind != CpKind::ulysses);  // there, the core is that of other positions
  const auto operators = block_operators(given.model, local, local_tokens(given.job, split, whole),
                                         implementation(given.stack, given.job));
  RC_LOG() << given.model.name << " with " << given.stack.name << ": tp " << split.tp << (split.sp ? " sp" : "")
           << ", cp " << split.cp << ", ep " << split.ep << '\n';
  RC_ASSERT(saved(given, split) == saved_bytes(operators));
}

RC_GTEST_PROP(Blocks, SaveLessTheMoreIsRunAgain, ()) {
  const Scenario given = test::some_scenario({8});
  Split split = *rc::gen::elementOf(splits(given));
  Bytes before = Bytes::infinity();
  for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
    split.recompute = recompute;
    const Bytes now = saved(given, split);
    RC_ASSERT(now <= before && now >= boundary_bytes(given, split));  // the input stays
    before = now;
  }
}

RC_GTEST_PROP(Blocks, SaveLessWithSequenceParallelism, ()) {
  const Scenario given = test::some_scenario({8});
  RC_PRE(!is_mixture(given.model));
  Split split{.tp = 2 << *rc::gen::inRange(0, 3),
              .micro_batch = *rc::gen::inRange(1, 5),
              .recompute = *rc::gen::element(Recompute::none, Recompute::selective, Recompute::full)};
  const Bytes whole = saved(given, split);
  split.sp = true;
  RC_LOG() << given.model.name << " x " << given.model.hidden << " of " << given.job.sequence << " with "
           << given.stack.name << ": tp " << split.tp << ", micro-batch " << split.micro_batch << ", recompute "
           << to_string(split.recompute) << ": " << whole.value() << ", with sp " << saved(given, split).value()
           << '\n';
  RC_ASSERT(saved(given, split) < whole);
}

}  // namespace
}  // namespace forerun

// Does expert parallelism lose no token and no expert, and gain from balance?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include "strategies/programs/blocks/lower_block.hpp"
#include "strategies/plan/check_plan.hpp"
#include "strategies/plan_runs.hpp"
#include "strategies/programs/held_memory.hpp"
#include "strategies/simulation/simulation.hpp"
#include "tests/support/cases.hpp"
#include "tests/support/scenarios.hpp"
#include "strategies/plan/rank_grid.hpp"

namespace forerun {
namespace {

using test::any;

struct Case {
  PricedScenario scenario;
  Plan plan;

  [[nodiscard]] const Moe& moe() const { return std::get<Moe>(scenario.given.model.blocks.back().feed_forward); }
  [[nodiscard]] double layers() const {
    return static_cast<double>(scenario.given.model.blocks.size() - 1);
  }  // with experts: all but the first
  // Rows that a rank sends in one micro-batch, top_k for each of its tokens.
  [[nodiscard]] std::int64_t rows() const {
    return moe().top_k * std::int64_t{plan.micro_batch} * scenario.given.job.sequence / (plan.cp * plan.tp);
  }
};

// Any, or such that each rank draws whole rows. The lighter ranks may draw none.
enum class Skew : std::uint8_t { none, whole, any };

double some_skew(const Case& c, Skew kind) {
  if (c.plan.ep == 1 || kind == Skew::none) return 1;
  const auto rows = static_cast<double>(c.rows());
  const double moved =
      kind == Skew::any ? any(0, 1001) * 1e-3 * rows : static_cast<double>(any<std::int64_t>(0, c.rows() + 1));
  return 1 + (c.plan.ep - 1) * moved / rows;  // from each of the others to the busiest
}

Model some_mixture(int ep, int etp) {
  Model model = test::small_mixture(any(2, 5));
  const int experts = ep * any(1, 9), top_k = any(1, std::min(experts, 8) + 1), width = etp * any(1, 300),
            shared_width = any(0, 2) * 128;
  for (std::size_t i = 1; i < model.blocks.size(); ++i) {
    model.blocks[i].feed_forward =
        Moe{.experts = experts, .top_k = top_k, .width = width, .shared_width = shared_width, .gated = true};
  }
  return model;
}

int divisor_of(int n) { return std::gcd(n, any(1, n + 1)); }

// In one node or on two whole ones, so that no group of ranks is better connected than another of its kind.
Case some_case(Skew skew) {
  static const PricedScenario base =
      test::priced(test::scenario(test::small_mixture(), "dgx-h100", 16, {.sequence = 64, .global_batch = 16}));
  Case c{.scenario = base, .plan = {}};
  Plan& plan = c.plan;
  plan.tp = 1 << any(0, 3), plan.cp = 1 << any(0, 2), plan.sp = plan.tp > 1;
  plan.dp = any(plan.tp * plan.cp == 1 ? 2 : 1, 16 / (plan.tp * plan.cp) + 1);
  if (gpus(plan) > 8) plan.dp = 16 / (plan.tp * plan.cp);
  const int ranks = gpus(plan);
  plan.ep = divisor_of(ranks);
  if (plan.ep == 1 && skew != Skew::none) plan.ep = ranks;
  plan.etp = test::either() ? 1 : divisor_of(ranks / plan.ep);
  plan.zero = plan.dp * plan.cp > 1 ? any(0, 4) : 0, plan.micro_batch = any(1, 4);
  Scenario& given = c.scenario.given;
  given.gpus = ranks;
  given.model = some_mixture(plan.ep, plan.etp);
  given.job = {.sequence = 16 * any(1, 40), .global_batch = plan.dp * plan.micro_batch, .dtype = DType::bf16};
  given.job.expert_skew = some_skew(c, skew);
  RC_LOG() << summary(plan) << ", ep " << plan.ep << ", etp " << plan.etp << ", skew " << given.job.expert_skew
           << ", top " << c.moe().top_k << " of " << c.moe().experts << ", sequence " << given.job.sequence << '\n';
  RC_ASSERT(is_valid(given, plan));
  return c;
}

// Rows that all ranks together hand to, and get from, each all-to-all of a forward pass: dispatch, combine, dispatch of
// the next layer, ...
struct Exchanged {
  std::vector<double> sent, received;
};

void add(std::vector<double>& sums, std::size_t i, double amount) {
  if (sums.size() <= i) sums.resize(i + 1);
  sums[i] += amount;
}

Exchanged exchanged(const Case& c, const Program& program) {
  Exchanged all;
  const Bytes row = 2.0 * Bytes{static_cast<double>(c.scenario.given.model.hidden)};  // bf16
  for (const Role& role : program.roles) {
    const StageProgram& stage = program.stages[role.program];
    const auto forward = std::ranges::find_if(
        stage.bodies, [](const Body& body) { return body.chunk == 0 && body.kind == PassKind::forward; });
    std::size_t n = 0;
    for (const Instruction& in : forward->instructions) {
      const Communication* sent = in.code == Code::run ? std::get_if<Communication>(&stage.works[in.work]) : nullptr;
      if (sent == nullptr || sent->flow != Flow::ep_all_to_all) continue;
      const TensorId result = forward->operands[in.first_operand + in.reads];
      const auto ranks = static_cast<double>(role.ranks.size());
      add(all.sent, n, ranks * static_cast<double>(sent->elements) * sent->element / row);
      add(all.received, n++, ranks * (stage.tensors[result].bytes / row));
    }
  }
  return all;
}

// I-20. Each rank that draws an uneven share of the rows computes the nearest whole number of them.
void expect_all_tokens(const Case& c, double off_by) {
  const Exchanged found = exchanged(c, lower(c.scenario, c.plan));
  RC_ASSERT(found.sent.size() == (c.plan.ep > 1 ? static_cast<std::size_t>(2 * c.layers()) : 0));
  const double expected =
      c.moe().top_k * static_cast<double>(tokens_per_step(c.scenario.given.job));  // one micro-batch
  for (const double sent : found.sent) RC_ASSERT(sent == expected);
  for (const double received : found.received) RC_ASSERT(std::abs(received - expected) <= off_by);
}

RC_GTEST_PROP(Experts, GetEveryTokenAsOftenAsItIsRouted, ()) {
  for (int i = 0; i < test::per_case; ++i) expect_all_tokens(some_case(Skew::whole), 0);
}

RC_GTEST_PROP(Experts, GetEveryTokenButForHalfARowARank, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Case c = some_case(Skew::any);
    expect_all_tokens(c, 0.5 * gpus(c.plan));
  }
}

// I-20: experts x slices of their width x copies is a grid over the ranks of a stage, and what the cells of one copy
// hold together is each matrix once.
RC_GTEST_PROP(Experts, LieOnceInEachCopyOfThem, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Case c = some_case(Skew::any);
    std::set<std::array<int, 3>> cells;
    const RankGrid grid(c.plan);
    const int ranks = gpus(c.plan), copies = ranks / (c.plan.ep * c.plan.etp);
    for (int rank = 0; rank < ranks; ++rank) {
      const std::array cell{grid.place(GroupKind::etp, rank), grid.place(GroupKind::ep, rank),
                            grid.place(GroupKind::expert_dp, rank)};
      RC_ASSERT(cell[0] < c.plan.etp && cell[1] < c.plan.ep && cell[2] < copies);
      RC_ASSERT(cells.insert(cell).second);
    }
    const BlockProgram block = lower_block(c.scenario.given, c.scenario.given.model.blocks.back(), split_of(c.plan));
    RC_ASSERT(block.expert_parameters * c.plan.ep * c.plan.etp ==
              3 * std::int64_t{512} * c.moe().width * c.moe().experts);  // gated: three matrices
  }
}

// I-20, and I-17 for mixtures: what ZeRO leaves of the optimizer's states on all ranks is, together, those of every
// parameter once, and at most an element a rank more of each of the dense and the expert part.
RC_GTEST_PROP(Experts, AreShardedWithoutLoss, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    Case c = some_case(Skew::none);
    c.plan.zero = any(1, 4);
    const Scenario& given = c.scenario.given;
    const auto held = [&](const Plan& plan) {
      const BlockProgram block = lower_block(given, given.model.blocks.back(), split_of(plan));
      return std::pair(held_memory(given, plan, {.dense = block.parameters}, Bytes{0}).optimizer /
                           Bytes{12},  // fp32: master, two moments
                       held_memory(given, plan, {.expert = block.expert_parameters}, Bytes{0}).optimizer / Bytes{12});
    };
    const auto [dense, expert] = held(c.plan);
    c.plan.zero = 0;
    const auto [whole_dense, whole_expert] = held(c.plan);
    const double ranks = gpus(c.plan);
    RC_ASSERT(ranks * dense >= c.plan.tp * whole_dense && ranks * dense < c.plan.tp * whole_dense + ranks);
    const double all = c.plan.ep * c.plan.etp * whole_expert;
    RC_ASSERT(ranks * expert >= all && ranks * expert < all + ranks);
  }
}

// I-20
RC_GTEST_PROP(BalancedExperts, AreNoSlowerThanSkewedOnes, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    Case c = some_case(Skew::any);
    const Seconds skewed = estimate(c.scenario, c.plan).step.median, skewed_run = simulate(c.scenario, c.plan).step;
    c.scenario.given.job.expert_skew = 1;
    const Seconds balanced = estimate(c.scenario, c.plan).step.median, balanced_run = simulate(c.scenario, c.plan).step;
    RC_LOG() << "estimated " << balanced.value() << ", skewed " << skewed.value() << "; simulated "
             << balanced_run.value() << ", skewed " << skewed_run.value() << '\n';
    RC_ASSERT(balanced <= (1 + 1e-9) * skewed);
    RC_ASSERT(balanced_run <= (1 + 1e-9) * skewed_run);
  }
}

}  // namespace
}  // namespace forerun

// Is the time of a pipeline in closed form that of its table?
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "strategies/plan/chunks.hpp"
#include "strategies/schedules/schedules.hpp"
#include "tests/support/schedule_cases.hpp"
#include "tests/support/schedule_oracle.hpp"

namespace forerun {
namespace {

using test::any;
using test::per_case;

struct Both {
  double closed = 0, drawn = 0;
  [[nodiscard]] double error() const { return drawn > 0 ? closed / drawn - 1 : 0; }
};

Both both(ScheduleKind kind, int virtual_stages, const PassTimes& t, int micro_batches) {
  Plan plan;
  plan.pp = t.stages, plan.virtual_stages = virtual_stages, plan.schedule = kind;
  std::vector<Seconds> finish;
  return {PipelineTime()(plan, t, micro_batches, finish).value(),
          test::draw(kind, make_table(plan, t, micro_batches), t).makespan()};
}

// Stages of a real model: equal but for a block more here and there, and a head.
PassTimes nearly_equal(int stages, int chunks) {
  const int block = any(2, 10), blocks = any(2, 9);
  PassTimes t;
  t.assign(stages, chunks);
  t.uneven = chunks > 1;
  for (std::size_t i = 0; i < t.forward.size(); ++i) {
    const int own = (blocks + (any(0, 3) == 0 ? 1 : 0)) * block + (i + 1 == t.forward.size() ? any(0, 2 * block) : 0);
    t.forward[i] = Seconds{static_cast<double>(own)}, t.backward[i] = 2.0 * t.forward[i];
    t.input_gradient[i] = t.weight_gradient[i] = t.forward[i];
  }
  return t;
}

// Relative to the larger: both sides are sums of some hundred whole numbers, in different orders.
bool equal(const Both& b) { return std::abs(b.error()) < 1e-12; }

RC_GTEST_PROP(PipelineTime, OfGPipeIsExact, ()) {  // I-23
  for (int i = 0; i < per_case; ++i) {
    PassTimes t = test::some_times(any(2, 17), 1, 1);
    test::draw_links(t, 60);
    RC_ASSERT(equal(both(ScheduleKind::gpipe, 1, t, any(1, 60))));
  }
}

RC_GTEST_PROP(PipelineTime, OfOneForwardOneBackwardIsNeverTooLong, ()) {
  for (int i = 0; i < per_case; ++i) {
    PassTimes t = any(0, 2) == 0 ? nearly_equal(any(2, 17), 1) : test::some_times(any(2, 17), 1, 1);
    test::draw_links(t, static_cast<int>(t.forward[0].value()) + 1);
    RC_ASSERT(both(ScheduleKind::one_f_one_b, 1, t, any(1, 60)).error() <= 1e-12);
  }
}

// Of equal links; with unequal ones it may be too long by what the test at the end prints.
RC_GTEST_PROP(PipelineTime, OfInterleavedIsNeverTooLong, ()) {
  for (int i = 0; i < per_case; ++i) {
    const int k = any(2, 17), v = any(2, 4);
    PassTimes t = any(0, 2) == 0 ? nearly_equal(k, v) : test::some_times(k, v, 1);
    t.link_all(Seconds{static_cast<double>(any(0, static_cast<int>(t.forward[0].value()) + 1))});
    RC_ASSERT(both(ScheduleKind::interleaved, v, t, k * any(1, 4)).error() <= 1e-12);
  }
}

// Links up to a forward pass long.
RC_GTEST_PROP(PipelineTime, OfEqualStagesIsExact, ()) {  // I-22, I-26
  for (int i = 0; i < per_case; ++i) {
    const int k = any(2, 17), f = any(1, 20), b = any(1, 40), c = any(0, f + 1);
    RC_ASSERT(equal(both(ScheduleKind::one_f_one_b, 1, test::equal_times(k, 1, f, b, f, c), any(1, 60))));
    const int v = any(2, 4);
    RC_ASSERT(equal(
        both(ScheduleKind::interleaved, v, test::equal_times(k, v, f * v, (f + b) * v, f * v, c), k * any(1, 4))));
  }
}

// More micro-batches than the table that is run has: extrapolated from where the order repeats.
RC_GTEST_PROP(PipelineTime, OfLongSchedulesIsExtrapolatedExactlyForEqualStages, ()) {
  for (const ScheduleKind kind :
       {ScheduleKind::zb_h1, ScheduleKind::zb_h2, ScheduleKind::zb_v, ScheduleKind::dualpipe}) {
    const int k = kind == ScheduleKind::dualpipe ? 2 * any(1, 5) : any(2, 10), m = 6 * k + 2 * any(1, 40);
    const int chunks = kind == ScheduleKind::zb_v || kind == ScheduleKind::dualpipe ? 2 : 1;
    const PassTimes t = test::equal_times(k, chunks, 2 * any(1, 20), 2 * any(1, 20), 2 * any(1, 20));
    RC_ASSERT(equal(both(kind, kind == ScheduleKind::zb_v ? 2 : 1, t, m)));
  }
}

// 3,000 pipelines of nearly equal stages each, links up to a tenth of a forward. The errors are printed; the limits are
// what was measured, rounded up, so that they do not grow unseen. Schedules that are run as a table have more
// micro-batches than that table, so that they are extrapolated; so are interleaved chunks of unequal blocks.
TEST(PipelineTime, OfNearlyEqualStagesIsClose) {
  const struct {
    ScheduleKind kind;
    int v;
    double p95, worst;
  } kinds[] = {{ScheduleKind::one_f_one_b, 1, 0.006, 0.03}, {ScheduleKind::interleaved, 3, 0.001, 0.015},
               {ScheduleKind::zb_h1, 1, 1e-9, 0.001},       {ScheduleKind::zb_h2, 1, 1e-9, 0.02},
               {ScheduleKind::zb_v, 2, 1e-9, 0.008},        {ScheduleKind::dualpipe, 1, 0.002, 0.014}};
  for (const auto& [kind, v, p95, worst] : kinds) {
    std::vector<double> errors;
    std::uint64_t state = 1;  // xorshift64*: the same cases everywhere
    const auto draw = [&](int below) {
      state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
      return static_cast<int>((state * 2685821657736338717ULL >> 33) % static_cast<std::uint64_t>(below));
    };
    for (int i = 0; i < 3000; ++i) {
      const int k = kind == ScheduleKind::dualpipe ? 2 + 2 * draw(5) : 2 + draw(10);
      const int m = kind == ScheduleKind::interleaved   ? k * (1 + draw(20))
                    : kind == ScheduleKind::one_f_one_b ? 1 + draw(8 * k)
                                                        : 6 * k + 2 + 2 * draw(3 * k);
      PassTimes t;
      t.assign(k, kind == ScheduleKind::dualpipe ? 2 : v);
      t.uneven = v > 1;
      const int blocks = 2 + draw(7);
      for (std::size_t c = 0; c < t.forward.size(); ++c) {
        const double f = 40 * (blocks + (draw(3) == 0 ? 1 : 0)) + (c + 1 == t.forward.size() ? draw(80) : 0);
        t.forward[c] = t.input_gradient[c] = t.weight_gradient[c] = Seconds{f}, t.backward[c] = Seconds{2 * f};
      }
      t.link_all(Seconds{static_cast<double>(draw(4 * blocks))});
      errors.push_back(std::abs(both(kind, v, t, m).error()));
    }
    std::sort(errors.begin(), errors.end());
    fmt::print("{}: median {:.3f} %, 95 of 100 within {:.3f} %, worst {:.3f} %\n", to_string(kind), 100 * errors[1500],
               100 * errors[2850], 100 * errors[2999]);
    EXPECT_LE(errors[2850], p95) << to_string(kind);
    EXPECT_LE(errors[2999], worst) << to_string(kind);
  }
}

// 3,000 interleaved pipelines of equal chunks but for an embedding and a head, on nodes that hold some stages each:
// every so many messages take up to a quarter of a forward, the others next to nothing.
TEST(PipelineTime, OfInterleavedStagesOnSeveralNodesIsClose) {
  std::vector<double> errors;
  std::mt19937 random(1);
  const auto draw = [&](int below) { return static_cast<double>(random() % static_cast<unsigned>(below)); };
  for (int i = 0; i < 3000; ++i) {
    const int in_node = 1 << (1 + static_cast<int>(draw(2))), k = in_node * (2 + static_cast<int>(draw(3))),
              v = 2 + static_cast<int>(draw(3)), m = k * (1 + static_cast<int>(draw(8)));
    PassTimes t = test::equal_times(k, v, 200.0 * v, 200.0 * v, 200.0 * v);
    t.forward.front() += Seconds{draw(20)}, t.backward.front() += Seconds{draw(40)};
    t.forward.back() += Seconds{draw(60)}, t.backward.back() += Seconds{draw(120)};
    const Seconds far{draw(50)}, near{draw(3)};
    for (int s = 0; s < k; ++s) t.links[static_cast<std::size_t>(s)] = (s + 1) % in_node == 0 ? far : near;
    errors.push_back(std::abs(both(ScheduleKind::interleaved, v, t, m).error()));
  }
  std::sort(errors.begin(), errors.end());
  fmt::print("median {:.3f} %, 95 of 100 within {:.3f} %, worst {:.3f} %\n", 100 * errors[1500], 100 * errors[2850],
             100 * errors[2999]);
  EXPECT_LE(errors[2850], 0.001);
  EXPECT_LE(errors[2999], 0.015);
}

}  // namespace
}  // namespace forerun

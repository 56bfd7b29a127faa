// Do all schedules keep to their dependencies, their memory and the bounds of any pipeline?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "strategies/plan/chunks.hpp"
#include "strategies/schedules/schedules.hpp"
#include "tests/support/schedule_cases.hpp"
#include "tests/support/schedule_oracle.hpp"

namespace forerun {
namespace {

using test::any;
using test::per_case;

struct Case {
  Plan plan;
  int micro_batches = 1;
  ScheduleTable table;

  [[nodiscard]] test::DrawnSchedule drawn(const PassTimes& t) const { return test::draw(plan.schedule, table, t); }
};

Case case_of(ScheduleKind kind, int stages, int chunks, int micro_batches) {
  Case c{{}, micro_batches, {}};
  c.plan.pp = stages, c.plan.virtual_stages = chunks, c.plan.schedule = kind;
  c.table = make_table(c.plan, {}, micro_batches);
  return c;
}

// K from 1, or 2 where it is even; any M that the schedule allows.
Case some_case(ScheduleKind kind, int most_stages = 16) {
  const int k = any(1, most_stages + 1), m = any(1, 40);
  switch (kind) {
    case ScheduleKind::interleaved:
      return case_of(kind, std::max(k, 2), any(2, 5), std::max(k, 2) * any(1, 4));
    case ScheduleKind::zb_v:
      return case_of(kind, std::max(k, 2), 2, m);
    case ScheduleKind::dualpipe:
      return case_of(kind, 2 * ((k + 1) / 2), 1, 4 * ((k + 1) / 2) + 2 * any(0, 12));
    default:
      return case_of(kind, k, 1, m);
  }
}
Case some_case() {
  return some_case(static_cast<ScheduleKind>(
      any(0, static_cast<int>(ScheduleKind::zb_auto))));  // all but the automatic one, which has tests of its own
}

PassTimes some_times(const Case& c) {
  PassTimes t = test::some_times(c.plan.pp, chunks_per_stage(c.plan));
  test::draw_links(t, 40);
  return t;
}

double total(const std::vector<Seconds>& list) {
  double sum = 0;
  for (const Seconds time : list) sum += time.value();
  return sum;
}
// Links from the first stage to the last.
double between_neighbours(const PassTimes& t) { return total(t.links) - t.links.back().value(); }
double longest(const std::vector<Seconds>& list) { return std::max_element(list.begin(), list.end())->value(); }

RC_GTEST_PROP(Schedules, AreValid, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case();
    RC_ASSERT(c.table.micro_batches == c.micro_batches);
    RC_ASSERT(check_schedule(c.table, c.plan).empty());
  }
}

RC_GTEST_PROP(Schedules, RunAsDrawn, ()) {  // the recurrence against the longest path
  std::vector<Seconds> forward, backward, finish;
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case();
    const PassTimes t = some_times(c);
    const test::DrawnSchedule drawn = c.drawn(t);
    RC_ASSERT(drawn.ends);
    RC_ASSERT(run_table(c.table, c.plan, t, forward, backward, finish).value() == drawn.makespan());
    for (std::size_t s = 0; s < finish.size(); ++s) RC_ASSERT(finish[s].value() == drawn.stage_end[s]);
  }
}

RC_GTEST_PROP(Schedules, OfEqualStagesHaveTheirBubble,
              ()) {  // I-22, and what splitting B and W, or the stages, takes off it
  for (int i = 0; i < per_case; ++i) {
    const int f = any(1, 20), b = any(1, 20), w = any(1, 20), k = any(2, 17), m = any(1, 40), all = f + b + w;
    const auto makespan = [&](const Case& c, int ff, int bb, int ww) {
      return c.drawn(test::equal_times(c.plan.pp, chunks_per_stage(c.plan), ff, bb, ww)).makespan();
    };
    RC_ASSERT(makespan(case_of(ScheduleKind::gpipe, k, 1, m), f, b, w) == (m + k - 1) * all);
    RC_ASSERT(makespan(case_of(ScheduleKind::one_f_one_b, k, 1, m), f, b, w) == (m + k - 1) * all);
    const int v = any(2, 5), turns = any(1, 4);  // v ticks a stage: whole ticks a chunk
    RC_ASSERT(makespan(case_of(ScheduleKind::interleaved, k, v, turns * k), f * v, b * v, w * v) ==
              (turns * k * v + k - 1) * all);
    if (w <= f && w <= b && m >= k)
      RC_ASSERT(makespan(case_of(ScheduleKind::zb_h1, k, 1, m), f, b, w) == m * all + (k - 1) * (f + b - w));
    // Without a bubble only the way of the first micro-batch to the last stage is left.
    if (b <= f && b <= w && m >= 2 * k - 1)
      RC_ASSERT(makespan(case_of(ScheduleKind::zb_h2, k, 1, m), f, b, w) == m * all + (k - 1) * f);
    if (m >= 2 * k - 1)
      RC_ASSERT(makespan(case_of(ScheduleKind::zb_v, k, 2, m), 2 * f, 2 * f, 2 * f) == 6 * m * f + (k - 1) * f);
  }
}

RC_GTEST_PROP(GPipe, OfAnyStagesIsTwoFlowShops, ()) {  // I-23, I-26
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case(ScheduleKind::gpipe);
    if (c.plan.pp == 1) continue;
    const PassTimes t = some_times(c);
    const double links = 2 * between_neighbours(t);
    const double expected = total(t.forward) + (c.micro_batches - 1) * longest(t.forward) + total(t.backward) +
                            (c.micro_batches - 1) * longest(t.backward) + links;
    RC_ASSERT(c.drawn(t).makespan() == expected);
  }
}

RC_GTEST_PROP(Schedules, AreNoFasterThanTheBusiestStage, ()) {  // I-24
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case();
    const PassTimes t = some_times(c);
    const double makespan = c.drawn(t).makespan();
    const int chunks = chunks_per_stage(c.plan);
    const bool splits = c.plan.schedule >= ScheduleKind::zb_h1;
    double others = 0;  // before the first forward of this stage and, where its last pass is one that the stages before
        // it wait for, after that
    for (int s = 0; s < c.plan.pp; ++s) {
      double work = 0;
      for (int chunk = 0; chunk < chunks; ++chunk) {
        const auto at = static_cast<std::size_t>(s * chunks + chunk);
        const int times = c.plan.schedule == ScheduleKind::dualpipe ? c.micro_batches / 2 : c.micro_batches;
        work += times * (t.forward[at] + t.backward[at]).value();
      }
      RC_ASSERT(makespan >= work + (chunks == 1 ? others : 0));
      const auto first = static_cast<std::size_t>(s * chunks);
      const Seconds link = t.links[static_cast<std::size_t>(s)];
      others += (t.forward[first] + link + (splits ? Seconds{0} : t.backward[first] + link)).value();
    }
  }
}

RC_GTEST_PROP(OneForwardOneBackward, IsNoSlowerThanGPipeWithoutLinks, ()) {  // I-25
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case(ScheduleKind::one_f_one_b);
    const PassTimes t = test::some_times(c.plan.pp, 1);
    RC_ASSERT(c.drawn(t).makespan() <= case_of(ScheduleKind::gpipe, c.plan.pp, 1, c.micro_batches).drawn(t).makespan());
  }
}

RC_GTEST_PROP(Schedules, HoldWhatTheirPapersSay, ()) {  // I-27
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case();
    const double released = any(0, 11) / 10.0;
    for (int s = 0; s < c.plan.pp && c.plan.pp > 1; ++s) {
      const double held = test::most_held(c.table, s, released);
      const int k = c.plan.pp, m = c.micro_batches, v = c.plan.virtual_stages;
      switch (c.plan.schedule) {
        case ScheduleKind::gpipe:
          RC_ASSERT(held == m);
          break;
        case ScheduleKind::one_f_one_b:
          RC_ASSERT(held == std::min(k - s, m));
          break;
        case ScheduleKind::interleaved:
          RC_ASSERT(held == std::min(2 * (k - s - 1) + (v - 1) * k + 1, m * v));
          break;
        case ScheduleKind::zb_h1:
          RC_ASSERT(held <= std::min(k, m) + 1e-9);
          break;
        case ScheduleKind::zb_h2:
          RC_ASSERT(held <= std::min(2 * k - 1, m) + 1e-9);
          break;
        case ScheduleKind::zb_v:
          RC_ASSERT(held <= 2 * std::min(k, m) + 1e-9);
          break;  // chunks of half a stage: K stages' worth, as 1F1B
        case ScheduleKind::dualpipe:
          RC_ASSERT(held <= k + 1 + 1e-9);
          break;  // DeepSeek-V3, table 2: PP + 1
        case ScheduleKind::zb_auto:
          break;
      }
    }
  }
}

RC_GTEST_PROP(Interleaved, HoldsInEachChunkWhatChunksSay, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case(ScheduleKind::interleaved);
    for (int s = 0; s < c.plan.pp; ++s) {
      std::vector<std::int64_t> held(static_cast<std::size_t>(c.plan.virtual_stages), 0), at_most = held;
      std::int64_t all = 0, most = 0;
      for (const Pass& pass : c.table.of(s)) {
        const int change = pass.kind == PassKind::forward ? 1 : -1;
        held[static_cast<std::size_t>(pass.chunk)] += change;
        if ((all += change) > most) most = all, at_most = held;  // the first time that the stage holds most
      }
      for (int chunk = 0; chunk < c.plan.virtual_stages; ++chunk)
        RC_ASSERT(at_most[static_cast<std::size_t>(chunk)] == in_flight(c.plan, s, chunk, c.micro_batches));
    }
  }
}

RC_GTEST_PROP(Schedules, OfOneMicroBatchGoThereAndBack, ()) {  // I-28
  for (int i = 0; i < per_case; ++i) {
    const Case c = case_of(test::either() ? ScheduleKind::gpipe : ScheduleKind::one_f_one_b, any(1, 17), 1, 1);
    const PassTimes t = some_times(c);
    RC_ASSERT(c.drawn(t).makespan() == total(t.forward) + total(t.backward) + 2 * between_neighbours(t));
  }
}

// I-28. Where W is apart, it runs on each stage as soon as B has come there: the way there and back, and on the last
// stages to be done what is left.
RC_GTEST_PROP(ZeroBubble, OfOneMicroBatchLeavesTheWeightsForTheWayBack, ()) {
  for (int i = 0; i < per_case; ++i) {
    const Case c = case_of(test::either() ? ScheduleKind::zb_h1 : ScheduleKind::zb_h2, any(1, 17), 1, 1);
    const PassTimes t = some_times(c);
    double now = total(t.forward) + between_neighbours(t), end = 0;
    for (int s = c.plan.pp - 1; s >= 0; --s) {
      now += t.input_gradient[static_cast<std::size_t>(s)].value();
      end = std::max(end, now + t.weight_gradient[static_cast<std::size_t>(s)].value());
      if (s > 0) now += t.links[static_cast<std::size_t>(s) - 1].value();
    }
    RC_ASSERT(c.drawn(t).makespan() == end);
  }
}

RC_GTEST_PROP(Schedules, OfOneStageHaveNoBubble, ()) {  // I-28
  for (int i = 0; i < per_case; ++i) {
    const auto kind =
        *rc::gen::element(ScheduleKind::gpipe, ScheduleKind::one_f_one_b, ScheduleKind::zb_h1, ScheduleKind::zb_h2);
    const Case c = case_of(kind, 1, 1, any(1, 40));
    const PassTimes t = some_times(c);
    RC_ASSERT(c.drawn(t).makespan() == c.micro_batches * (total(t.forward) + total(t.backward)));
  }
}

RC_GTEST_PROP(Schedules, TakeNoLessWhenAPassTakesLonger, ()) {  // I-29
  for (int i = 0; i < per_case; ++i) {
    const Case c = some_case();
    PassTimes t = some_times(c);
    const double before = c.drawn(t).makespan();
    const auto at = static_cast<std::size_t>(any(0, static_cast<int>(t.forward.size())));
    const Seconds more{static_cast<double>(any(1, 20))};
    switch (any(0, 4)) {
      case 0:
        t.forward[at] += more;
        break;
      case 1:
        t.input_gradient[at] += more, t.backward[at] += more;
        break;
      case 2:
        t.weight_gradient[at] += more, t.backward[at] += more;
        break;
      default:
        t.links[static_cast<std::size_t>(any(0, t.stages))] += more;
    }
    RC_ASSERT(c.drawn(t).makespan() >= before);
  }
}

// Gaps are only where dependencies force them: under the unit times for which each schedule was drawn, no two
// neighbours of a stage change places for the better. ZB-H2 and ZB-V are drawn for pipelines that fill, 2 K - 1
// micro-batches; with fewer, one W of theirs is a pass too early.
RC_GTEST_PROP(Schedules, AreNotImprovedByExchangingNeighbours, ()) {
  Case c = some_case(static_cast<ScheduleKind>(any(0, static_cast<int>(ScheduleKind::zb_auto))), 6);
  const bool fills = c.plan.schedule == ScheduleKind::zb_h2 || c.plan.schedule == ScheduleKind::zb_v;
  if (fills)
    c = case_of(c.plan.schedule, c.plan.pp, c.plan.virtual_stages, std::max(c.micro_batches, 2 * c.plan.pp - 1));
  const PassTimes t =
      test::equal_times(c.plan.pp, chunks_per_stage(c.plan), 12, 12, 12);  // whole ticks for up to four chunks
  const double before = c.drawn(t).makespan();
  for (int s = 0; s < c.plan.pp; ++s) {
    for (std::size_t i = c.table.first[static_cast<std::size_t>(s)];
         i + 1 < c.table.first[static_cast<std::size_t>(s) + 1]; ++i) {
      std::swap(c.table.passes[i], c.table.passes[i + 1]);
      const test::DrawnSchedule drawn = c.drawn(t);
      if (drawn.ends) RC_ASSERT(drawn.makespan() >= before);
      std::swap(c.table.passes[i], c.table.passes[i + 1]);
    }
  }
}

}  // namespace
}  // namespace forerun

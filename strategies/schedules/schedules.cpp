#include "strategies/schedules/schedules.hpp"

#include <algorithm>

#include "strategies/schedules/schedule_fill.hpp"

namespace forerun {
namespace {

// Writes one stage after the other.
class TableWriter {
 public:
  TableWriter(int stages, int chunks, int micro_batches) : table_{stages, chunks, micro_batches, {}, {0}} {
    table_.passes.reserve(static_cast<std::size_t>(stages) * static_cast<std::size_t>(chunks) *
                          static_cast<std::size_t>(micro_batches) * 3);
  }
  void add(PassKind kind, int micro_batch, int chunk = 0) {
    table_.passes.push_back({micro_batch, static_cast<std::int16_t>(chunk), kind});
  }
  void next_stage() { table_.first.push_back(static_cast<std::uint32_t>(table_.passes.size())); }
  ScheduleTable take() { return std::move(table_); }

 private:
  ScheduleTable table_;
};

// `early` forwards before the first backward, W late by `late` micro-batches.
void zero_bubble_stage(TableWriter& table, int micro_batches, int early, int late) {
  const int m = micro_batches;
  int f = 0, b = 0, w = 0;
  while (f < std::min(early - 1, m)) table.add(PassKind::forward, f++);
  while (b < m) {
    if (f < m) table.add(PassKind::forward, f++);
    table.add(PassKind::input_gradient, b++);
    if (b > late) table.add(PassKind::weight_gradient, w++);
  }
  while (w < m) table.add(PassKind::weight_gradient, w++);
}

}  // namespace

ScheduleTable one_stage_schedule(int m) {
  TableWriter table(1, 1, m);
  for (int i = 0; i < m; ++i) table.add(PassKind::forward, i), table.add(PassKind::backward, i);
  table.next_stage();
  return table.take();
}

ScheduleTable gpipe_schedule(int stages, int m) {
  TableWriter table(stages, 1, m);
  for (int s = 0; s < stages; ++s) {
    for (int i = 0; i < m; ++i) table.add(PassKind::forward, i);
    for (int i = 0; i < m; ++i) table.add(PassKind::backward, i);
    table.next_stage();
  }
  return table.take();
}

ScheduleTable one_f_one_b_schedule(int stages, int m) {
  TableWriter table(stages, 1, m);
  for (int s = 0; s < stages; ++s) {
    const int warm_up = std::min(stages - s - 1, m);
    for (int i = 0; i < warm_up; ++i) table.add(PassKind::forward, i);
    for (int i = warm_up; i < m; ++i) table.add(PassKind::forward, i), table.add(PassKind::backward, i - warm_up);
    for (int i = m - warm_up; i < m; ++i) table.add(PassKind::backward, i);
    table.next_stage();
  }
  return table.take();
}

ScheduleTable interleaved_schedule(int stages, int chunks, int m) {
  TableWriter table(stages, chunks, m);
  const int all = m * chunks;
  const auto micro_batch = [&](int pass) { return pass / (stages * chunks) * stages + pass % stages; };
  const auto forward = [&](int pass) { table.add(PassKind::forward, micro_batch(pass), pass / stages % chunks); };
  const auto backward = [&](int pass) {
    table.add(PassKind::backward, micro_batch(pass), chunks - 1 - pass / stages % chunks);
  };
  for (int s = 0; s < stages; ++s) {
    const int warm_up = std::min(all, 2 * (stages - s - 1) + (chunks - 1) * stages);
    for (int pass = 0; pass < warm_up; ++pass) forward(pass);
    for (int pass = warm_up; pass < all; ++pass) forward(pass), backward(pass - warm_up);
    for (int pass = all - warm_up; pass < all; ++pass) backward(pass);
    table.next_stage();
  }
  return table.take();
}

ScheduleTable forward_schedule(int stages, int chunks, int m) {
  TableWriter table(stages, chunks, m);
  for (int s = 0; s < stages; ++s) {
    for (int turn = 0; turn < m; turn += stages) {
      for (int chunk = 0; chunk < chunks; ++chunk) {
        for (int i = turn; i < std::min(m, turn + stages); ++i) table.add(PassKind::forward, i, chunk);
      }
    }
    table.next_stage();
  }
  return table.take();
}

ScheduleTable zb_h1_schedule(int stages, int m) {
  TableWriter table(stages, 1, m);
  for (int s = 0; s < stages; ++s) zero_bubble_stage(table, m, stages - s, s), table.next_stage();
  return table.take();
}

ScheduleTable zb_h2_schedule(int stages, int m) {
  TableWriter table(stages, 1, m);
  for (int s = 0; s < stages; ++s) zero_bubble_stage(table, m, 2 * (stages - s) - 1, 2 * s), table.next_stage();
  return table.take();
}

ScheduleTable zb_v_schedule(int stages, int micro_batches) {
  TableWriter table(stages, 2, micro_batches);
  const int m =
      std::max(micro_batches, 2 * stages - 1);  // the pattern needs so many; those that are not there are left out
  for (int s = 0; s < stages; ++s) {
    std::array<int, 2> f{}, b{}, w{};
    const auto add = [&](PassKind kind, int chunk, std::array<int, 2>& count) {
      const int i = count[static_cast<std::size_t>(chunk)]++;
      if (i < micro_batches) table.add(kind, i, chunk);
    };
    const auto forward = [&](int chunk) { add(PassKind::forward, chunk, f); };
    const auto input = [&](int chunk) { add(PassKind::input_gradient, chunk, b); };
    const auto weight = [&](int chunk) { add(PassKind::weight_gradient, chunk, w); };
    for (int i = 0; i < 2 * (stages - s) - 1; ++i) forward(0);
    for (int i = 0; i < s; ++i) forward(1), forward(0);
    for (int i = 0; i < stages - s; ++i) forward(1), input(1), weight(1);
    while (f[1] < f[0] || f[0] < m) {
      if (f[0] < m) forward(0);
      input(0), weight(0);
      forward(1), input(1), weight(1);
    }
    for (int i = 0; i < s; ++i) input(0), input(1);
    for (int i = 0; i < stages - s; ++i) input(0), weight(0);
    while (w[1] < b[1]) weight(1);
    while (w[0] < b[0]) weight(0);
    table.next_stage();
  }
  return table.take();
}

namespace {

// One stage of DualPipe: its own direction is 0, the other 1. Steps and their lengths as in dualpipe.py.
class DualPipeStage {
 public:
  DualPipeStage(TableWriter& table, int stages, int micro_batches, int stage)
      : table_(table), half_(micro_batches / 2), mirrored_(stage >= stages / 2) {
    const int near = std::min(stage, stages - 1 - stage), ranks = stages / 2;  // `near`: stages to the closer end
    repeat(2 * (ranks - near - 1), [&] { forward(0); });
    repeat(near + 1, [&] { forward(0), forward(1); });
    repeat(ranks - near - 1, [&] { input(1), weight(), forward(1); });
    repeat(half_ - stages + near + 1, [&] { forward(0), backward(1), forward(1), backward(0); });
    repeat(ranks - near - 1, [&] { backward(1), forward(1), backward(0); });
    bool split = false;
    for (int i = 0; i < near + 1; ++i) {
      const bool middle = i == (near + 1) / 2;
      split |= middle && near % 2 == 1;
      split ? input(1) : backward(1);
      split |= middle && near % 2 == 0;
      split ? input(0) : backward(0);
    }
    repeat(ranks - near - 1, [&] { weight(), input(0); });
    while (next_weight_ < waiting_.size()) weight();
  }

 private:
  template <class Do>
  static void repeat(int times, Do act) {
    for (int i = 0; i < times; ++i) act();
  }
  [[nodiscard]] int chunk(int direction) const { return mirrored_ ? 1 - direction : direction; }
  [[nodiscard]] int micro_batch(int direction, int i) const { return i + (chunk(direction) == 1 ? half_ : 0); }
  void forward(int d) { table_.add(PassKind::forward, micro_batch(d, f_[static_cast<std::size_t>(d)]++), chunk(d)); }
  void backward(int d) { table_.add(PassKind::backward, micro_batch(d, b_[static_cast<std::size_t>(d)]++), chunk(d)); }
  void input(int d) {
    const int i = micro_batch(d, b_[static_cast<std::size_t>(d)]++);
    table_.add(PassKind::input_gradient, i, chunk(d));
    waiting_.emplace_back(i, chunk(d));
  }
  void weight() {
    const auto [i, c] = waiting_[next_weight_++];
    table_.add(PassKind::weight_gradient, i, c);
  }

  TableWriter& table_;
  int half_;
  bool mirrored_;
  std::array<int, 2> f_{}, b_{};
  std::vector<std::pair<int, int>> waiting_;  // W in the order of their B
  std::size_t next_weight_ = 0;
};

}  // namespace

ScheduleTable dualpipe_schedule(int stages, int micro_batches) {
  TableWriter table(stages, 2, micro_batches);
  for (int s = 0; s < stages; ++s) DualPipeStage(table, stages, micro_batches, s), table.next_stage();
  return table.take();
}

namespace {

// What of a step the slowest stage takes: from the first pass of any, or of its own where stages do not wait for each
// other.
Seconds span_of(const ScheduleTable& table, const Plan& plan, const PassTimes& times) {
  std::vector<Seconds> forward, backward, finish;
  const Seconds all = run_table(table, plan, times, forward, backward, finish);
  if (times.barrier) return all;
  Seconds longest{0}, lead{0};
  for (std::size_t s = 0; s < finish.size(); ++s) {
    longest = max(longest, finish[s] - lead);
    lead += times.forward[s] + times.links[s];
  }
  return longest;
}

// The filled table, or ZB-H1 where that is shorter.
ScheduleTable automatic_schedule(const Plan& plan, const PassTimes& times, int m) {
  // As published, a micro-batch counts until its W has run, whatever its B gave back.
  const FillLimits limits{.held = plan.activation_limit * plan.pp,
                          .released = std::vector<double>(static_cast<std::size_t>(plan.pp), 0.0)};
  ScheduleTable filled = filled_schedule(times, m, limits, times.barrier ? StepEnd::together : StepEnd::each_stage),
                plain = zb_h1_schedule(plan.pp, m);
  return span_of(plain, plan, times) < span_of(filled, plan, times) ? plain : filled;
}

}  // namespace

ScheduleTable make_table(const Plan& plan, const PassTimes& times, std::int64_t micro_batches) {
  const int m = static_cast<int>(micro_batches);
  if (plan.pp == 1) return one_stage_schedule(m);
  switch (plan.schedule) {
    case ScheduleKind::gpipe:
      return gpipe_schedule(plan.pp, m);
    case ScheduleKind::one_f_one_b:
      return one_f_one_b_schedule(plan.pp, m);
    case ScheduleKind::interleaved:
      return interleaved_schedule(plan.pp, plan.virtual_stages, m);
    case ScheduleKind::zb_h1:
      return zb_h1_schedule(plan.pp, m);
    case ScheduleKind::zb_h2:
      return zb_h2_schedule(plan.pp, m);
    case ScheduleKind::zb_v:
      return zb_v_schedule(plan.pp, m);
    case ScheduleKind::dualpipe:
      return dualpipe_schedule(plan.pp, m);
    case ScheduleKind::zb_auto:
      return automatic_schedule(plan, times, m);
  }
  return {};
}

}  // namespace forerun

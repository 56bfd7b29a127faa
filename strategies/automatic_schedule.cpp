#include <algorithm>
#include <queue>

#include "strategies/schedules.hpp"

namespace forerun {
namespace {

constexpr double never = 1e300;

// Runs the rules of one variant in time and writes down what each stage does.
class ListScheduler {
 public:
  ListScheduler(const PassTimes& times, int micro_batches, const AutomaticLimits& limits, double patience)
      : t_(times), m_(micro_batches), limits_(limits), patience_(patience), stages_(static_cast<std::size_t>(times.stages)) {
    const double far = never;
    arrives_.assign(stages_.size() * static_cast<std::size_t>(m_), far);
    returns_.assign(stages_.size() * static_cast<std::size_t>(m_), far);
    for (int i = 0; i < m_; ++i) arrives_[static_cast<std::size_t>(i)] = 0;
  }

  double run() {
    double end = 0;
    using Wake = std::pair<double, int>;  // time, stage
    std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes;
    for (int s = 0; s < t_.stages; ++s) wakes.emplace(0.0, s);
    while (!wakes.empty()) {
      const auto [now, s] = wakes.top();
      wakes.pop();
      Stage& stage = of(s);
      if (stage.free > now) continue;  // woken by a message while it works: it looks again when it is done
      const double until = act(s, now);
      if (until == never) continue;
      stage.free = until;
      end = std::max(end, until);
      wakes.emplace(until, s);
      if (s + 1 < t_.stages && stage.last == PassKind::forward) wakes.emplace(arrives(s + 1, stage.forward - 1), s + 1);
      if (s > 0 && stage.last == PassKind::input_gradient) wakes.emplace(returns(s - 1, stage.input - 1), s - 1);
    }
    return end;
  }

  [[nodiscard]] bool complete() const {
    return std::all_of(stages_.begin(), stages_.end(), [this](const Stage& stage) { return stage.weight == m_; });
  }
  [[nodiscard]] ScheduleTable table() const {
    ScheduleTable table{t_.stages, 1, m_, {}, {0}};
    for (const Stage& stage : stages_) {
      table.passes.insert(table.passes.end(), stage.passes.begin(), stage.passes.end());
      table.first.push_back(static_cast<std::uint32_t>(table.passes.size()));
    }
    return table;
  }

 private:
  struct Stage {
    int forward = 0, input = 0, weight = 0;  // passes done
    double held = 0;                         // micro-batches
    double free = 0;
    PassKind last{};
    std::vector<Pass> passes;
  };
  Stage& of(int s) { return stages_[static_cast<std::size_t>(s)]; }
  double& arrives(int s, int i) { return arrives_[static_cast<std::size_t>(s) * static_cast<std::size_t>(m_) + static_cast<std::size_t>(i)]; }
  double& returns(int s, int i) { return returns_[static_cast<std::size_t>(s) * static_cast<std::size_t>(m_) + static_cast<std::size_t>(i)]; }
  static double time(const std::vector<Seconds>& list, int s) { return list[static_cast<std::size_t>(s)].value(); }

  // Starts something at `now`; returns when it is done, or never if there is nothing to do yet.
  double act(int s, double now) {
    Stage& stage = of(s);
    const double gradient = stage.input < stage.forward ? returns(s, stage.input) : never;
    const double activation = stage.forward < m_ && fits(stage, s) ? arrives(s, stage.forward) : never;
    if (gradient <= now) return input(s, now);
    if (activation <= now) return forward(s, now);
    if (stage.weight == stage.input) return never;
    // A W only where nothing arrives before `patience` of it has passed: the wake-up for that is on its way.
    const double next = std::min(gradient, activation);
    if (next < now + patience_ * time(t_.weight_gradient, s)) return never;
    return weight(s, now);
  }

  // One more forward, as long as W can make room for it later: enough for 1F1B is always allowed.
  [[nodiscard]] bool fits(const Stage& stage, int s) const {
    const double least = t_.stages - s;
    return stage.held + 1 <= std::max(limits_.micro_batches, least) + 1e-9;
  }

  double forward(int s, double now) {
    Stage& stage = of(s);
    const double end = now + time(t_.forward, s);
    if (s + 1 < t_.stages) {
      arrives(s + 1, stage.forward) = end + t_.link.value();
    } else {
      returns(s, stage.forward) = end;
    }
    record(stage, PassKind::forward, stage.forward++);
    stage.held += 1;
    return end;
  }
  double input(int s, double now) {
    Stage& stage = of(s);
    const double end = now + time(t_.input_gradient, s);
    if (s > 0) returns(s - 1, stage.input) = end + t_.link.value();
    record(stage, PassKind::input_gradient, stage.input++);
    stage.held -= limits_.by_input_gradient;
    return end;
  }
  double weight(int s, double now) {
    Stage& stage = of(s);
    record(stage, PassKind::weight_gradient, stage.weight++);
    stage.held -= 1 - limits_.by_input_gradient;
    return now + time(t_.weight_gradient, s);
  }
  static void record(Stage& stage, PassKind kind, int i) {
    stage.last = kind;
    stage.passes.push_back({i, 0, kind});
  }

  const PassTimes& t_;
  int m_;
  AutomaticLimits limits_;
  double patience_;
  std::vector<Stage> stages_;
  std::vector<double> arrives_, returns_;  // [stage][micro-batch]: activations from before, gradients from behind
};

}  // namespace

ScheduleTable automatic_schedule(const PassTimes& times, int micro_batches, const AutomaticLimits& limits) {
  ScheduleTable best;
  double least = never;
  for (const double patience : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    ListScheduler scheduler(times, micro_batches, limits, patience);
    const double end = scheduler.run();
    if (!scheduler.complete() || end >= least) continue;
    least = end;
    best = scheduler.table();
  }
  // The handcrafted ones, where their memory is within the limit, beat the rules for even stages.
  Plan plan;
  plan.pp = times.stages, plan.schedule = ScheduleKind::zb_auto;
  std::vector<Seconds> forward, backward, finish;
  const auto consider = [&](ScheduleTable table) {
    const double end = run_table(table, plan, times, forward, backward, finish).value();
    if (end < least) least = end, best = std::move(table);
  };
  consider(zb_h1_schedule(times.stages, micro_batches));
  if (limits.micro_batches + 1e-9 >= std::min(2 * times.stages - 1, micro_batches)) consider(zb_h2_schedule(times.stages, micro_batches));
  return best;
}

}  // namespace forerun

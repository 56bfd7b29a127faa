#include "strategies/schedules/schedule_fill.hpp"

#include <algorithm>
#include <cassert>

namespace forerun {
namespace {

struct Choices {
  bool past_the_brim, leave_out_forwards, fill_short_gaps;
};

class Filler {
 public:
  Filler(const PassTimes& times, int micro_batches, const FillLimits& limits, Choices choices)
      : t_(times),
        m_(micro_batches),
        limits_(limits),
        choices_(choices),
        stages_(static_cast<std::size_t>(times.stages)) {
    assert(times.chunks == 1 && micro_batches > 0 && limits.released.size() == stages_.size());
    forward_done_.assign(stages_.size() * static_cast<std::size_t>(m_), Seconds{0});
    backward_done_ = forward_done_;
  }

  void run() {
    warm_up();
    for (int i = 1; i < m_; ++i) {
      one_forward_each();
      for (int s = last(); s >= 0; --s) backward(s);
    }
    for (int s = 0; s <= last(); ++s) drain(s);
  }

  [[nodiscard]] Seconds time(StepEnd end) const {
    Seconds longest{0};
    for (const Stage& stage : stages_)
      longest = max(longest, stage.now - (end == StepEnd::together ? Seconds{0} : stage.start));
    return longest;
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
    int f = 0, b = 0, w = 0;  // passes done
    double held = 0;          // micro-batches
    Seconds now, start, waited;
    std::vector<Pass> passes;
  };

  [[nodiscard]] int last() const { return t_.stages - 1; }
  Stage& of(int s) { return stages_[static_cast<std::size_t>(s)]; }
  static Seconds time_of(const std::vector<Seconds>& list, int s) { return list[static_cast<std::size_t>(s)]; }
  Seconds& done(std::vector<Seconds>& list, int s, int i) {
    return list[static_cast<std::size_t>(s) * static_cast<std::size_t>(m_) + static_cast<std::size_t>(i)];
  }
  Seconds arrival(int s) {
    return s == 0 ? Seconds{0} : done(forward_done_, s - 1, of(s).f) + time_of(t_.links, s - 1);
  }  // of the next activation
  Seconds gradient(int s) {
    return s == last() ? done(forward_done_, s, of(s).b) : done(backward_done_, s + 1, of(s).b) + time_of(t_.links, s);
  }
  [[nodiscard]] double released(int s) const { return limits_.released[static_cast<std::size_t>(s)]; }
  [[nodiscard]] double limit(int s) const { return std::max(limits_.held, static_cast<double>(t_.stages - s)) + 1e-9; }

  void record(Stage& stage, PassKind kind, int i, Seconds ready, Seconds time) {
    if (stage.passes.empty()) stage.start = stage.now = ready;
    stage.waited += max(Seconds{0}, ready - stage.now);
    most_waited_ = max(most_waited_, stage.waited);
    stage.now = max(stage.now, ready) + time;
    stage.passes.push_back({i, 0, kind});
  }
  void forward(int s) {
    Stage& stage = of(s);
    const int i = stage.f;
    assert((s == 0 || of(s - 1).f > i) && "the stage before must have done it");
    record(stage, PassKind::forward, i, arrival(s), time_of(t_.forward, s));
    done(forward_done_, s, i) = stage.now;
    stage.f++, stage.held += 1;
  }
  void weight(int s) {
    Stage& stage = of(s);
    record(stage, PassKind::weight_gradient, stage.w++, Seconds{0}, time_of(t_.weight_gradient, s));
    stage.held -= 1 - released(s);
  }
  void drain(int s) {
    while (of(s).w < of(s).b) weight(s);
  }
  void make_room(int s, double more) {
    while (of(s).held + more > limit(s) && of(s).w < of(s).b) weight(s);
  }
  void backward(int s) {
    Stage& stage = of(s);
    const int i = stage.b;
    make_room(s, -released(s));
    fill_until(s, gradient(s));
    if (s == 0 && stage.f == m_) drain(s);  // nobody waits for the first stage
    record(stage, PassKind::input_gradient, i, gradient(s), time_of(t_.input_gradient, s));
    done(backward_done_, s, i) = stage.now;
    stage.b++, stage.held -= released(s);
  }

  // W into the gap before `ready`.
  void fill_until(int s, Seconds ready) {
    Stage& stage = of(s);
    while (stage.w < stage.b && stage.now + time_of(t_.weight_gradient, s) <= ready) weight(s);
    if (stage.w == stage.b || stage.now >= ready) return;
    if (choices_.fill_short_gaps || ready - stage.now > spare(stage)) weight(s);
  }
  // How much longer a stage may wait without having waited longest of all.
  [[nodiscard]] Seconds spare(const Stage& stage) const { return most_waited_ - stage.waited; }

  void warm_up() {
    for (int s = 0; s <= last(); ++s) forward(s);
    const std::vector<int> more = early_forwards();
    for (int s = 0; s <= last(); ++s) {
      for (int i = 0; i < more[static_cast<std::size_t>(s)]; ++i) forward(s);
    }
    for (int s = last(); s >= 0; --s) backward(s);
  }
  // Beyond the first: what the wait for the first gradient has room for, seen from the last stage.
  std::vector<int> early_forwards() {
    std::vector<int> more(stages_.size(), 0);
    Seconds returned = of(last()).now + time_of(t_.input_gradient, last());
    for (int s = last() - 1; s >= 0; --s) {
      const Seconds ready = returned + time_of(t_.links, s), f = time_of(t_.forward, s);
      Seconds now = of(s).now;
      int& n = more[static_cast<std::size_t>(s)];
      while (n + 1 < m_ && n + 2 <= limit(s) && (choices_.past_the_brim ? now < ready : now + f <= ready))
        ++n, now += f;
      returned = max(now, ready) + time_of(t_.input_gradient, s);
    }
    for (std::size_t s = 1; s < more.size(); ++s) {  // fewer than the stage before, unless that one has none left
      if (more[s - 1] + 1 < m_) more[s] = std::clamp(more[s - 1] - 1, 0, more[s]);
    }
    return more;
  }

  void one_forward_each() {
    std::vector<bool> wanted(stages_.size(), false);
    for (int s = last(); s >= 0; --s) {
      const bool after = s == last() || wanted[static_cast<std::size_t>(s) + 1] || of(s + 1).f == m_;
      wanted[static_cast<std::size_t>(s)] =
          after && of(s).f < m_ && !(choices_.leave_out_forwards && can_be_left_out(s));
    }
    for (int s = 0; s <= last(); ++s) {
      if (!wanted[static_cast<std::size_t>(s)]) continue;
      make_room(s, 1);
      fill_until(s, arrival(s));
      forward(s);
    }
  }
  // The next stage has forwards in store, and this one would come too late for the gradient that it sends back.
  bool can_be_left_out(int s) {
    if (s == last() || of(s).f < of(s + 1).f + 2) return false;
    const Stage& next = of(s + 1);
    const Stage& stage = of(s);
    const Seconds returned =
        next.now + time_of(t_.forward, s + 1) + time_of(t_.input_gradient, s + 1) + time_of(t_.links, s);
    const double over = stage.held + 1 - limit(s), each = 1 - released(s);
    const double room =
        over <= 0 || each <= 0 ? 0 : std::min(std::ceil(over / each), static_cast<double>(stage.b - stage.w));
    if (stage.now + time_of(t_.forward, s) + room * time_of(t_.weight_gradient, s) <= returned) return false;
    return returned - stage.now <= spare(stage);
  }

  const PassTimes& t_;
  int m_;
  const FillLimits& limits_;
  Choices choices_;
  std::vector<Stage> stages_;
  Seconds most_waited_;
  std::vector<Seconds> forward_done_, backward_done_;  // [stage][micro-batch]
};

}  // namespace

ScheduleTable filled_schedule(const PassTimes& times, int micro_batches, const FillLimits& limits, StepEnd end) {
  ScheduleTable best;
  Seconds least = Seconds::infinity(), next = Seconds::infinity();
  const StepEnd other = end == StepEnd::together ? StepEnd::each_stage : StepEnd::together;
  for (unsigned i = 0; i < 8; ++i) {
    Filler filler(times, micro_batches, limits,
                  {.past_the_brim = (i & 1) != 0, .leave_out_forwards = (i & 2) != 0, .fill_short_gaps = (i & 4) != 0});
    filler.run();
    const Seconds first = filler.time(end), second = filler.time(other);
    const bool slower = first > (1 + 1e-12) * least, faster = first < (1 - 1e-12) * least;  // by more than rounding
    if (slower || (!faster && second >= next)) continue;
    least = min(first, least), next = second;
    best = filler.table();
  }
  return best;
}

}  // namespace forerun

#include "strategies/closed_form/unit_delays.hpp"

#include <algorithm>

#include "sim/tick.hpp"
#include "strategies/closed_form/exchange_clock.hpp"
#include "strategies/programs/steps/stage_program.hpp"
#include "strategies/programs/steps/unit_script.hpp"

namespace forerun {

UnitDelays::UnitDelays(const ClosedFormContext& context, const SplitPrices& prices, const Plan& plan,
                       ReplicaPrices& replicas, std::vector<Seconds>& storage)
    : context_(context),
      prices_(prices),
      plan_(plan),
      replicas_(replicas),
      hides_(data_parallel_overlap(context.scenario.given.stack, plan)),
      contention_(context.scenario.given.stack.contention),
      storage_(storage) {}

PassDelay UnitDelays::operator()(const StageLayout::ChunkKind& chunk, PassKind kind) {
  units_.clear();
  each_run(chunk.runs, prices_,
           [&](const BlockPrice& price, int n) { units_.insert(units_.end(), static_cast<std::size_t>(n), &price); });
  if (kind != PassKind::forward) std::reverse(units_.begin(), units_.end());
  const Seconds away = plan_.offload.activations ? offload(kind) : Seconds{0};
  if (kind != PassKind::forward) {  // what no gradient is wanted of is last, and needs no parameters
    while (!units_.empty() && !units_.back()->runs_backward) units_.pop_back();
  }
  return {zero_in_step(plan_) >= 2 ? sharding(kind) : Seconds{0}, away};
}

// The last of the equal units that follow each other here.
std::size_t UnitDelays::last_equal(std::size_t unit) const {
  while (unit + 1 < units_.size() && units_[unit + 1] == units_[unit]) ++unit;
  return unit;
}

// The script of a pass as time. At most one exchange of each sort is on its way when the next is issued.
struct UnitDelays::Walk {
  const UnitDelays& of;
  PassKind kind;
  ExchangeClock& clock;
  Seconds alone{};  // of all units
  std::size_t gathering = 0, scattering = 0, copying = 0;
  Seconds gather_time{}, scatter_time{};

  [[nodiscard]] const BlockPrice& unit(std::size_t i) const { return *of.units_[i]; }
  void gather(std::size_t i) {
    gather_time = of.replicas_.gather(gathered_of(unit(i)));
    gathering = clock.issue(gather_time);
  }
  void wait_gather(std::size_t) { clock.wait(gathering, gather_time); }
  void release(std::size_t) {}
  void fetch(std::size_t i) { copying = clock.issue(of.copy_time(unit(i))); }
  void wait_fetch(std::size_t) { clock.wait(copying, Seconds{0}); }
  void keep_early(std::size_t) {}
  void make_room(std::size_t) {}
  void take_early(std::size_t) {}
  void run(std::size_t i) {
    const PassPrice& pass = unit(i).pass(kind);
    alone += pass.total;
    clock.compute(pass.total, pass.busy());
  }
  void copy_out(std::size_t i) { fetch(i); }  // as long in either direction
  void settle(std::size_t i) { wait_fetch(i); }
  void scatter(std::size_t i) {
    scatter_time = of.replicas_.reduce(scattered_of(unit(i)));
    scattering = clock.issue(scatter_time);
  }
  void wait_scatter(std::size_t) { clock.wait(scattering, scatter_time); }

  void step(const UnitScript& script, std::size_t i) {
    const std::size_t before = i - 1, next = i + 1;
    script.step(i > 0 ? &before : nullptr, i, next < of.units_.size() ? &next : nullptr, *this);
  }
  // By how much the pass is longer than its units.
  Seconds finish(const UnitScript& script) {
    if (!of.units_.empty()) script.finish(of.units_.size() - 1, *this);
    return clock.now - alone;
  }
};

Seconds UnitDelays::sharding(PassKind kind) {
  UnitScript script = unit_script(plan_, kind, hides_);
  script.copies_out = script.copies_back = false;  // they have a lane of their own: offload()
  ExchangeClock clock(hides_, contention_, storage_);
  Walk walk{.of = *this, .kind = kind, .clock = clock};
  Seconds before{0}, took{0}, backlog{0};
  for (std::size_t i = 0; i < units_.size(); ++i) {
    // Once a unit takes as long as the equal one before it, and leaves as much to do, so do all equal ones after it.
    const Seconds takes = clock.now - before;
    if (i >= 3 && units_[i - 1] == units_[i - 2] && units_[i] == units_[i - 1] && takes == took &&
        clock.backlog() == backlog) {
      const std::size_t end = last_equal(i);
      const double n = static_cast<double>(end - i);
      clock.skip(n * takes);
      walk.alone += n * units_[i]->pass(kind).total;
      i = end;
    }
    took = takes, backlog = clock.backlog(), before = clock.now;
    walk.step(script, i);
  }
  return walk.finish(script);
}

Seconds UnitDelays::copy_time(const BlockPrice& unit) const {
  const Link& host = node_of(context_.scenario.given.cluster).host;
  return to_seconds(to_ticks(unit.saved / host.bandwidth + host.latency));
}

// Copies hide, and slow nobody.
Seconds UnitDelays::offload(PassKind kind) {
  const UnitScript all = unit_script(plan_, kind, hides_);
  if (!all.copies_out && !all.copies_back) return Seconds{0};
  const UnitScript script{.copies_out = all.copies_out, .copies_back = all.copies_back};
  ExchangeClock clock(1, 0, storage_);
  Walk walk{.of = *this, .kind = kind, .clock = clock};
  for (std::size_t i = 0; i < units_.size(); ++i) walk.step(script, i);
  return walk.finish(script);
}

}  // namespace forerun

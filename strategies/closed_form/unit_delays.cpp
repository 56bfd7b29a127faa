#include "strategies/closed_form/unit_delays.hpp"

#include <algorithm>

#include "sim/tick.hpp"
#include "strategies/closed_form/exchange_clock.hpp"
#include "strategies/programs/steps/stage_program.hpp"

namespace forerun {
namespace {

bool gathers(PassKind kind) { return kind != PassKind::weight_gradient; }
bool scatters(PassKind kind) { return kind == PassKind::backward || kind == PassKind::weight_gradient; }

}  // namespace

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
  return {plan_.zero >= 2 ? sharding(kind) : Seconds{0}, away};
}

// The last of the equal units that follow each other here.
std::size_t UnitDelays::last_equal(std::size_t unit) const {
  while (unit + 1 < units_.size() && units_[unit + 1] == units_[unit]) ++unit;
  return unit;
}

Seconds UnitDelays::sharding(PassKind kind) {
  const bool gather_units = gathers(kind) && plan_.zero == 3, scatter_units = scatters(kind);
  ExchangeClock clock(hides_, contention_, storage_);
  Seconds alone{0}, last_reduce{0}, before{0}, took{0}, backlog{0};
  std::size_t gathering = 0, scattering = 0;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    // Once a unit takes as long as the equal one before it, and leaves as much to do, so do all equal ones after it.
    const Seconds takes = clock.now - before;
    if (i >= 3 && units_[i - 1] == units_[i - 2] && units_[i] == units_[i - 1] && takes == took &&
        clock.backlog() == backlog) {
      const std::size_t end = last_equal(i);
      const double n = static_cast<double>(end - i);
      clock.skip(n * takes);
      alone += n * units_[i]->pass(kind).total;
      i = end;
    }
    took = takes, backlog = clock.backlog(), before = clock.now;
    const bool ahead = i + 1 < units_.size() && hides_ > 0;
    if (gather_units) {
      const Seconds own = replicas_.gather(gathered_of(*units_[i]));
      if (i == 0 || hides_ == 0) gathering = clock.issue(own);
      clock.wait(gathering, own);
      if (ahead) gathering = clock.issue(replicas_.gather(gathered_of(*units_[i + 1])));
    }
    const PassPrice& pass = units_[i]->pass(kind);
    alone += pass.total;
    clock.compute(pass.total, pass.busy());
    if (!scatter_units) continue;
    if (i > 0 && hides_ > 0) clock.wait(scattering, last_reduce);
    last_reduce = replicas_.reduce(scattered_of(*units_[i]));
    scattering = clock.issue(last_reduce);
    if (hides_ == 0) clock.wait(scattering, last_reduce);
  }
  if (scatter_units && hides_ > 0 && !units_.empty()) clock.wait(scattering, last_reduce);
  return clock.now - alone;
}

Seconds UnitDelays::offload(PassKind kind) {
  const Link& host = node_of(context_.scenario.given.cluster).host;
  const auto copy = [&](const BlockPrice* unit) {
    return to_seconds(to_ticks(unit->saved / host.bandwidth + host.latency));
  };
  if (!gathers(kind)) return Seconds{0};
  ExchangeClock clock(1, 0, storage_);
  Seconds alone{0};
  std::size_t copying = 0;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const Seconds own = units_[i]->pass(kind).total;
    alone += own;
    if (kind == PassKind::forward) {
      clock.compute(own);
      if (i > 0) clock.wait(copying, Seconds{0});
      copying = clock.issue(copy(units_[i]));
    } else {
      if (i == 0) copying = clock.issue(copy(units_[i]));
      clock.wait(copying, Seconds{0});
      if (i + 1 < units_.size()) copying = clock.issue(copy(units_[i + 1]));
      clock.compute(own);
    }
  }
  if (kind == PassKind::forward && !units_.empty()) clock.wait(copying, Seconds{0});
  return clock.now - alone;
}

}  // namespace forerun

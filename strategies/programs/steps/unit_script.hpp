// What happens around the units of a pass, in order: parameters are gathered and let go, gradients scattered, saved
// activations copied to the host and back. Three walk it: the lowering writes instructions
// (training/unit_emission.hpp), the closed form adds up memory (closed_form/chunk_memory.cpp) and time
// (closed_form/unit_delays.cpp).
#pragma once

#include <cstddef>
#include <vector>

#include "strategies/plan/plan.hpp"
#include "strategies/schedules/schedule_table.hpp"

namespace forerun {

struct UnitScript {
  bool gathers = false;  // ZeRO-3: a unit's parameters are whole during its pass alone
  bool scatters = false;  // ZeRO-2, 3: a unit's gradients go to the ranks that keep them after its W
  bool keeps_early = false;  // B on its own: the gradients that it makes (of norms) wait for W
  bool takes_early = false;  // W on its own: they join the others of their unit
  bool copies_out = false, copies_back = false;  // offloaded activations: behind forward, before B
  bool ahead = false;  // the next unit's parameters, the last one's gradients are on their way beside a unit's pass;
      // otherwise each exchange stops it

  // One unit; `before` and `next` in the order of the pass, null at its ends. Of the visitor:
  //   gather, wait_gather, release      parameters
  //   make_room, scatter, wait_scatter  gradients: until wait_scatter they are whole
  //   keep_early, take_early
  //   copy_out, settle                  to the host: until settle they are on the device
  //   fetch, wait_fetch                 from the host
  //   run                               the pass itself
  template <class Unit, class Visitor>
  void step(const Unit* before, const Unit& here, const Unit* next, Visitor& visit) const {
    if (gathers) {
      if (before == nullptr || !ahead) visit.gather(here);
      visit.wait_gather(here);
      if (next != nullptr && ahead) visit.gather(*next);
    }
    if (copies_back) {
      if (before == nullptr) visit.fetch(here);
      visit.wait_fetch(here);
      if (next != nullptr) visit.fetch(*next);
    }
    if (keeps_early) visit.keep_early(here);
    if (scatters) visit.make_room(here);
    if (takes_early) visit.take_early(here);
    visit.run(here);
    if (gathers) visit.release(here);
    if (copies_out) {
      if (before != nullptr) visit.settle(*before);
      visit.copy_out(here);
    }
    if (scatters) {
      if (before != nullptr && ahead) visit.wait_scatter(*before);
      visit.scatter(here);
      if (next != nullptr && !ahead) visit.wait_scatter(here);
    }
  }

  // After the last unit.
  template <class Unit, class Visitor>
  void finish(const Unit& last, Visitor& visit) const {
    if (copies_out) visit.settle(last);
    if (scatters) visit.wait_scatter(last);
  }

  template <class Unit, class Visitor>
  void walk(const std::vector<Unit>& units, Visitor& visit) const {
    for (std::size_t i = 0; i < units.size(); ++i) {
      step(i > 0 ? &units[i - 1] : nullptr, units[i], i + 1 < units.size() ? &units[i + 1] : nullptr, visit);
    }
    if (!units.empty()) finish(units.back(), visit);
  }
};

// `overlap`: the share of exchanges between replicas that may hide (data_parallel_overlap).
inline UnitScript unit_script(const Plan& plan, PassKind kind, double overlap) {
  const bool forward = kind == PassKind::forward, weights = kind == PassKind::weight_gradient;
  const int zero = zero_in_step(plan);
  return {.gathers = zero == 3 && !weights,
          .scatters = zero >= 2 && (weights || kind == PassKind::backward),
          .keeps_early = zero >= 2 && kind == PassKind::input_gradient,
          .takes_early = zero >= 2 && weights,
          .copies_out = plan.offload.activations && forward,
          .copies_back = plan.offload.activations && !forward && !weights,
          .ahead = overlap > 0};
}

}  // namespace forerun

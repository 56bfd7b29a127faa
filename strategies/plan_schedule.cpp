#include "strategies/plan_schedule.hpp"

#include <algorithm>
#include <cassert>

#include "strategies/chunks.hpp"
#include "strategies/closed_form.hpp"

namespace forerun {
namespace {

ScheduleTable simple(const Plan& plan, std::int64_t m) {
  ScheduleTable t{.stages = plan.pp, .chunks_per_stage = plan.virtual_stages, .micro_batches = static_cast<int>(m), .passes = {}, .first = {0}};
  const std::int64_t k = plan.pp, v = plan.virtual_stages, total = m * v;
  for (int s = 0; s < plan.pp; ++s) {
    std::int64_t warm = plan.schedule == ScheduleKind::gpipe ? total : v == 1 ? std::min(total, k - s - 1) : std::min(total, 2 * (k - s - 1) + (v - 1) * k);
    if (plan.pp == 1) warm = 0;
    const auto mb = [&](std::int64_t p) { return static_cast<std::int32_t>(v == 1 ? p : p / (k * v) * k + p % k); };
    const auto f = [&](std::int64_t p) { t.passes.push_back({mb(p), static_cast<std::int16_t>(v == 1 ? 0 : p / k % v), PassKind::forward}); };
    const auto b = [&](std::int64_t p) { t.passes.push_back({mb(p), static_cast<std::int16_t>(v == 1 ? 0 : v - 1 - p / k % v), PassKind::backward}); };
    for (std::int64_t p = 0; p < warm; ++p) f(p);
    for (std::int64_t p = warm; p < total; ++p) f(p), b(p - warm);
    for (std::int64_t p = total - warm; p < total; ++p) b(p);
    t.first.push_back(static_cast<std::uint32_t>(t.passes.size()));
  }
  return t;
}

}  // namespace

ScheduleTable make_table(const Plan& plan, const PassTimes&, std::int64_t micro_batches) { return simple(plan, micro_batches); }

ScheduleTable schedule_of(const PricedScenario& scenario, const BlockKinds& kinds, const Plan& plan, std::int64_t micro_batches) {
  if (plan.schedule != ScheduleKind::zb_auto) return make_table(plan, {}, micro_batches);
  const ClosedFormContext context(scenario);
  return make_table(plan, ClosedForm(context).times(price_split(scenario, kinds, split_of(plan)), plan), micro_batches);
}

}  // namespace forerun

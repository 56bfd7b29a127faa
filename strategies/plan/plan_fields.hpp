// The keys of a plan and of its parts: see base/fields/table.hpp.
#pragma once

#include "base/fields/table.hpp"
#include "strategies/plan/plan.hpp"

namespace forerun {

inline constexpr int most_devices = 1 << 20;

// What a plan leaves out of `sp` and `zero` is what the stack does by default: see read_plan_file.
const fields::Table<Plan>& plan_fields();
const fields::Table<Stage>& stage_fields();
const fields::Table<Offload>& offload_fields();
const fields::Table<OverlapChoice>& overlap_fields();

}  // namespace forerun

// Whether a plan makes sense: for itself, for the model, for the machine.
#pragma once

#include "base/result.hpp"
#include "strategies/plan/scenario.hpp"
#include "strategies/plan/shard.hpp"
#include "strategies/plan/stack_facts.hpp"

namespace forerun {

// Every reason why the plan cannot be run or is not modelled yet, each with what would be valid; empty: valid.
// Memory is not looked at: that is an answer, not a problem.
Problems check_plan(const Scenario&, const Plan&);

bool is_valid(const Scenario&, const Plan&);  // the same without texts

// What of the plan the scenario's software does not have or refuses, with the source. Apart from the above, because a
// measured run of it is a fact.
Problems check_stack(const Scenario&, const Plan&);
bool supports(const Scenario&, const Plan&);
bool supports(const Stack&, const StackFacts&, const Plan&);  // for who asks of many plans

// The part of it that depends on the split alone: heads, sequence, experts. The search asks once a split.
bool suits_model(const Scenario&, const Split&);

}  // namespace forerun

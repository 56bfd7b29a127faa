// What the software of a scenario has and requires, asked of plans (check_stack).
#pragma once

#include <span>
#include <vector>

#include "costmodel/stacks/stack_rules.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

// The rules of the scenario's stack with what they ask of its model and job; a plan is then a few sums. The scenario
// must outlive it.
class StackFacts {
 public:
  // `conditions`: more that is asked of every plan, over rule_names(); they must outlive it.
  explicit StackFacts(const Scenario&, std::span<const Expression> conditions = {});

  [[nodiscard]] bool allow(const Plan&) const;
  // The rules that a plan breaks: what they say, the values here, the source.
  [[nodiscard]] Problems refusals(const Plan&) const;

 private:
  const Scenario& scenario_;
  std::span<const Expression> conditions_;
  std::vector<RuleValues> blocks_;  // distinct ones of the model, with what the job says
};

// All names of rules for a plan and a block; a name that stands for no value of the model is 0.
void fill_plan_values(const Scenario&, const Plan&, RuleValues&);

}  // namespace forerun

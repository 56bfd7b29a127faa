// What a user asks of the plans that are searched: keys fixed to a value, values that are out of the question, offload.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/expression.hpp"
#include "base/result.hpp"
#include "strategies/plan/scenario.hpp"

namespace forerun {

struct Wishes {
  std::vector<Expression> conditions;  // over rule_names(): every plan fulfils all of them
  bool offload_optimizer = false, offload_activations = false;  // plans with these on the host are tried as well
  // Values that were asked for and that the space has not by itself.
  std::optional<int> micro_batch, etp, sharding_group;

  [[nodiscard]] bool extend() const { return offload_optimizer || offload_activations || etp || sharding_group; }
};

// Each "KEY=VALUE" of a key of the plan (offload.optimizer=true), or a condition that begins with one ("tp <= 4").
// Problems name the flag that is wrong.
Result<Wishes> read_wishes(const std::vector<std::string>& fix, const std::vector<std::string>& forbid, bool offload);

}  // namespace forerun

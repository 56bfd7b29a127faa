// What a person should know of a plan that is accepted: options without an effect here, limits that it leaves behind.
#pragma once

#include <string>
#include <vector>

#include "strategies/plan/scenario.hpp"

namespace forerun {

std::vector<std::string> remarks_on(const Scenario&, const Plan&);

}  // namespace forerun

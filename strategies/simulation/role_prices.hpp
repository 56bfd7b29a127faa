// How long the works of a role take: its groups sit where those of its first rank do.
#pragma once

#include "strategies/programs/work_price.hpp"

namespace forerun {

struct PricedScenario;

std::vector<WorkPrice> prices_of_role(const PricedScenario&, const Program&, std::uint32_t role);

}  // namespace forerun

// Memory of a plan, and what would make it fit.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "strategies/programs/memory_use.hpp"
#include "strategies/search/advice.hpp"

namespace forerun {

// The stage that holds most: a row a category that it uses, what the allocator and the runtime add, the capacity.
std::string memory_table(const MemoryUse&, int width);
// total, capacity, headroom, fits, peak_stage, peak, reserve, context, and each stage.
nlohmann::ordered_json to_json(const MemoryUse&);
nlohmann::ordered_json to_json(const StageMemory&);  // every category, and `allocated`

// Of a plan that does not fit: by how much, what binds, and what would fit on the same devices.
std::string no_fit_text(const Plan&, const MemoryUse&, const std::vector<Change>& would_fit);
// `binding` and `would_fit`, where it does not fit.
void add_no_fit(nlohmann::ordered_json& answer, const MemoryUse&, const std::vector<Change>& would_fit);
nlohmann::ordered_json to_json(const std::vector<Change>&);

}  // namespace forerun

// The keys of a model: see base/fields/table.hpp, and README.md for the format.
#pragma once

#include <string_view>

#include "base/fields/table.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

std::string_view to_string(NormKind);
std::string_view to_string(Positions);

const fields::Table<Model>& model_fields();

}  // namespace forerun

// Scored runs one by one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "validation/training/training_validation.hpp"

namespace forerun {

// The runs whose times are worst predicted (at most `count`; 0: all), worst first, each with where its predicted time
// goes.
nlohmann::ordered_json runs_to_json(const TrainingValidation&, std::size_t count = 0);
std::string runs_text(const TrainingValidation&, std::size_t count, int width);
}  // namespace forerun

// A validation as JSON and as tables for the terminal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "validation/training/training_validation.hpp"

namespace forerun {

// rows, stated, scored, assumed, assumed_cells, skipped, by_source, by_stack (each with in_band, of sweeps kendall_tau,
// and where asked for left_out, left_out_n), mean_over_sources, memory, fit, regret (with by_source); errors as
// fractions; means of nothing are null.
nlohmann::ordered_json to_json(const TrainingValidation&);

std::string to_text(const TrainingValidation&, int width);
std::string json_text(const TrainingValidation&);
std::string json_text_with_runs(const TrainingValidation&);  // and `runs`: all of them

}  // namespace forerun

// Figures that were predicted and measured, side by side.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "executor/comparison.hpp"

namespace forerun {

std::string seconds_text(double seconds);
std::string bytes_text(double bytes);
std::string share_text(double share);
std::string error_text(const Compared&);  // "+3.1 %"; "": nothing was predicted

std::string table_of(const std::string& title, const std::vector<Compared>&, std::string (*text)(double), int width);
nlohmann::ordered_json to_json(const Compared&);  // name, predicted, measured, error (or null)
nlohmann::ordered_json to_json(const std::vector<Compared>&);

}  // namespace forerun

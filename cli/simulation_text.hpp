// A simulated step as a person reads it.
#pragma once

#include <string>

#include "strategies/closed_form/estimate.hpp"
#include "strategies/simulation/simulation.hpp"

namespace forerun::cli {

std::string figures_text(const Estimate& closed_form, const Simulation&, const Disturbances&);
// The pipeline, a row a stage; without one, the categories of a step as a bar. `colours`: with a terminal's.
std::string picture(const Simulation&, int width, bool colours);
std::string stage_times(const Simulation&, int width);
std::string critical_path_table(const CriticalPath&, int width);
std::string stage_memory(const Simulation&, int width);
std::string blocked_text(const Simulation&);

}  // namespace forerun::cli

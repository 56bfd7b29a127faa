// The picture of a pipeline as characters, a row a stage.
#pragma once

#include <string>

#include "strategies/simulation/simulation.hpp"

namespace forerun {

// `colours`: with a terminal's. Of many stages the first and the last ones.
std::string pipeline_text(const Simulation&, int width, bool colours);

}  // namespace forerun

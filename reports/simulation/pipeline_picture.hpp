// What each stage of a pipeline did when, coarse enough for a terminal.
#pragma once

#include <cstdint>
#include <vector>

#include "strategies/simulation/simulation.hpp"

namespace forerun {

enum class CellKind : std::uint8_t {
  idle,
  forward,
  backward,  // with or without W
  weight_gradient,
  other,     // outside of the passes
  stuck,     // what a failure stopped
};

struct PictureCell {
  CellKind kind{};
  int micro_batch = 0;  // of a pass

  auto operator<=>(const PictureCell&) const = default;
};

struct PipelinePicture {
  Seconds from, to;
  // a row each: what one role of the stage did longest in that column's time
  std::vector<std::vector<PictureCell>> stages;
};

// The step in `columns` columns; where that would be more than the median forward pass a column, its begin and its end
// at one pass a column. Of each stage the busiest role; after a failure the one that stopped first, and the end is
// where the last of them stopped.
std::vector<PipelinePicture> pipeline_pictures(const Simulation&, int columns);

}  // namespace forerun

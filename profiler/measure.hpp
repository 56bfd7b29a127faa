// From many runs of a case to one time.
//
// All ranks run the case at once, each on operands of its own, and the first is timed: kernels that share the memory
// are slower together. The time is the median of the runs; the spread is half the distance of the quartiles over it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "profiler/sampler.hpp"

namespace forerun {

struct Effort {
  Seconds budget{0.05};     // of one case; a slow one takes `fewest` runs all the same
  std::size_t fewest = 5, most = 50;
};

struct RunTimes {
  Seconds median;
  double spread = 0;
  std::size_t runs = 0, outliers = 0;  // outliers: above twice the median
  std::string notes = {};              // of the prepared case
};

RunTimes times_of(const std::vector<double>& seconds);  // at least one
RunTimes measure(Sampler&, const KernelCase&, const Effort&, int ranks);

}  // namespace forerun

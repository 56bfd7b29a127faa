#include "strategies/programs/breakdown.hpp"

#include <numeric>

namespace forerun {

Seconds Breakdown::total() const {
  return compute + recompute + std::accumulate(exposed.begin(), exposed.end(), Seconds{0}) + bubble + optimizer +
         offload + host;
}

}  // namespace forerun

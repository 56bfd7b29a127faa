#include "strategies/programs/breakdown.hpp"

#include <utility>

namespace forerun {

// The communication of all dimensions is added up on its own first: another order would round differently.
Seconds Breakdown::total() const {
  Seconds sum{0}, communication{0};
  for (const TimeCategory& category : time_categories) {
    if (category.dimension) {
      communication += category.exposed(*this);
    } else {
      sum += std::exchange(communication, Seconds{0});
      sum += category.exposed(*this);
    }
  }
  return sum + communication;
}

std::string label(const TimeCategory& category) {
  return std::string(category.name) + (category.dimension ? " communication" : "");
}

}  // namespace forerun

// What a task or a flow takes of a shared capacity.
#pragma once

#include "sim/ids.hpp"

namespace forerun {

struct Demand {
  CapacityId capacity;
  double share;  // in the capacity's unit, used while running at full rate; positive
};

}  // namespace forerun

// What a replay says: when each task started and ended.
#pragma once

#include <vector>

#include "sim/ids.hpp"
#include "sim/tick.hpp"

namespace forerun {

struct Timeline {
  std::vector<Tick> start, finish;  // by task; `never` where it did not
  Tick makespan = 0;                // the last finish
  bool complete = true;             // every task finished
  // those that did not, in ascending order: stopped by a failure, or waiting for what never came
  std::vector<TaskId> blocked;

  bool operator==(const Timeline&) const = default;
};

}  // namespace forerun

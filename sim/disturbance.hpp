// What makes a run differ from the ideal one: noise, slow streams, streams that fail.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sim/task_graph.hpp"

namespace forerun {

// Tasks that run on one of the streams at `at` never finish, and none starts there at `at` or later; what ends at `at`
// has ended.
struct Failure {
  std::vector<StreamId> streams;
  Tick at = 0;
};

struct Disturbance {
  std::uint64_t seed = 0;
  double jitter = 0;  // each task's work times exp(jitter z), z standard normal: half of them take longer
  // work times the factor, at least 0; of a task on several streams, the largest of theirs
  std::vector<std::pair<StreamId, double>> slow;
  std::optional<Failure> failure;
};

// The work of each task under noise and slow streams. The noise of a task depends on the seed and its id alone.
std::vector<Tick> disturbed_work(const TaskGraph&, const Disturbance&);

}  // namespace forerun

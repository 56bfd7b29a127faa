// A Program with prices becomes a task graph; its timeline becomes an answer.
//
// Communication is one task on the lanes of all roles in its group, or two: what hides runs on the lane alone, what
// does not hide stops the compute lane, at the wait (of a send, which nobody waits for: at its issue). Collectives that
// hide take `contention` of the processors that a computation wants, so that each slows the other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/replay.hpp"
#include "strategies/programs/describe_work.hpp"
#include "strategies/programs/steps/roles.hpp"
#include "strategies/programs/work_price.hpp"

namespace forerun {

struct PricedScenario;

struct ProgramGraph {
  TaskGraph graph;
  std::vector<TaskOrigin> origin;  // of each task; of a collective, the first role's
  std::vector<StreamId> first_stream;  // of each role: its lanes follow each other
  std::vector<std::vector<WorkPrice>> prices;  // of each role's works
  std::vector<double> slowdown;  // of each role's computation
  // What each role's compute lane did, in order.
  struct Step {
    TaskId task;
    std::uint32_t first_wait = 0, waits = 0;  // of `waits`
    bool messages = false;  // it waited for other stages
  };
  struct Wait {
    TaskId task;
    Lane lane;
  };
  std::vector<std::vector<Step>> steps;
  std::vector<Wait> waits;
  std::vector<std::pair<TaskId, TaskId>> messages;  // last task of a send, first task that waits for it
  Problems unmatched;  // messages that nobody sends, collectives that not all members join
};

// `detailed`: a task for each instruction; otherwise neighbouring computations are one task where nothing tells them
// apart. `slowdown`: factor on each role's computation; empty: none is slow.
ProgramGraph build_graph(const PricedScenario&, const Program&, bool detailed, std::vector<double> slowdown = {});

inline Tick slowed(Tick time, double factor) { return factor == 1 ? time : to_ticks(factor * to_seconds(time)); }

}  // namespace forerun

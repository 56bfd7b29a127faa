// Times of the passes of a pipeline, and how long it takes to run a table of them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/quantity.hpp"
#include "strategies/plan/boundaries.hpp"
#include "strategies/plan/plan.hpp"
#include "strategies/schedules/schedule_table.hpp"

namespace forerun {

// Of each stage and its own chunks: [stage * chunks + local chunk].
struct PassTimes {
  int stages = 1, chunks = 1;
  std::vector<Seconds> forward, backward;  // backward: B and W together
  std::vector<Seconds> input_gradient, weight_gradient;  // apart, for schedules that split them
  std::vector<Seconds> links;  // of a message: [s] between stage s and the next one, the last with the first
  // Chunks between the first and the last, which also hold the embedding and the head, hold unequal blocks.
  bool uneven = false;
  // All stages wait for each other after a step; otherwise it counts how long each is busy with it.
  bool barrier = true;

  [[nodiscard]] std::size_t at(int stage, int chunk) const {
    return static_cast<std::size_t>(stage) * static_cast<std::size_t>(chunks) + static_cast<std::size_t>(chunk);
  }
  // Between two stages that send to each other.
  [[nodiscard]] Seconds link(int from, int to) const { return links[boundary_between(from, to, stages)]; }
  void link_all(Seconds time) { links.assign(static_cast<std::size_t>(stages), time); }
  void assign(int stage_count, int chunks_per_stage);  // times that were there stay
  bool operator==(const PassTimes&) const = default;
};

// When each stage is done if it runs the table's passes in their order, each as soon as its message is there. The last
// finish. `reached`: how many passes each stage got to run; fewer than it has where stages wait for each other in a
// circle.
Seconds run_table(const ScheduleTable&, const Plan&, const PassTimes&, std::vector<Seconds>& forward_done,
                  std::vector<Seconds>& backward_done, std::vector<Seconds>& finish,
                  std::vector<std::uint32_t>* reached = nullptr);

}  // namespace forerun

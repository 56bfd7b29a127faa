// What one rank did.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/allocator.hpp"
#include "runtime/machine/interval.hpp"
#include "strategies/programs/memory_categories.hpp"
#include "strategies/programs/program.hpp"

namespace forerun {

// What an allocation is counted as: the place of its category in `memory_categories`.
inline std::uint32_t tag_of(Bytes StageMemory::* category) {
  return static_cast<std::uint32_t>(memory_category(category));
}
inline std::uint32_t tag_of(MemoryKind kind) { return static_cast<std::uint32_t>(memory_category(kind)); }

// Where the time of a step went.
struct StepTimes {
  std::array<Seconds, 5> exposed{};  // communication that stopped the computation, by Dimension
  Seconds computation, bubble;  // bubble: waited for messages of other stages

  [[nodiscard]] Seconds& exposed_in(Dimension d) { return exposed[static_cast<std::size_t>(d)]; }
};

// What intervals are called: the same instruction of all micro-batches has one name.
using InstructionNames = std::map<const Instruction*, std::string>;

struct RankReport {
  int rank = 0, stage = 0;
  std::vector<double> losses;  // of each step: the mean over all tokens; before set_last, this rank's part of their sum
  std::vector<std::chrono::nanoseconds> steps;  // how long each took, the slowest rank's; before set_last, this rank's
  Traffic traffic;  // what it sent in the last step
  std::array<std::int64_t, memory_categories.size()> peak{};  // at the peak of the last step, by memory category
  StepTimes times;  // of the last step
  // Rows that its experts drew in the last step, and would have drawn if all experts drew as many.
  std::int64_t expert_rows = 0, expert_rows_promised = 0;
  // Of the last step, where it is recorded, since the first rank began it: by begin, lanes as track_of says.
  std::vector<Interval> intervals;
  std::vector<Allocator::Change> memory;  // positions: nanoseconds
  std::shared_ptr<const InstructionNames> names;
};

}  // namespace forerun

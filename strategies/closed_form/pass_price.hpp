// What one pass of one block costs: time by kind, communication exposed and hidden, memory.
#pragma once

#include <algorithm>
#include <array>

#include "strategies/programs/program.hpp"

namespace forerun {

// Communication of one dimension: what delays the rank and what runs beside computation.
struct Delay {
  Seconds exposed, hidden;
};

// One pass of one block. Memory is counted from the start of the pass, when the boundary tensor that it finds is alive.
struct PassPrice {
  // Time until the compute lane is done: kernels, or the host that launches them where it is slower, and exposed
  // delays.
  Seconds total;
  Seconds compute;  // kernels that are not run again
  Seconds recompute;
  std::array<Delay, 5> delay{};  // by Dimension
  Bytes peak, left;  // the most above the start, and the difference at the end
  // Of each kind at the peak and at the end, without the boundary tensor that the pass makes: the unit that finds it
  // says of which kind it is.
  std::array<Bytes, memory_kinds> at_peak{}, at_end{};
  Bytes made_at_peak, made;
  MemoryKind found = MemoryKind::transient;  // of the boundary tensor that this pass finds

  // Of the pass alone: how much of it keeps the processors busy.
  [[nodiscard]] double busy() const { return total > Seconds{0} ? std::min(1.0, (compute + recompute) / total) : 1; }
};

}  // namespace forerun

// The automatic zero-bubble schedule: forwards and input gradients in turn, weight gradients wherever a stage would
// wait.
//
// Qi et al. 2023 (Zero Bubble Pipeline Parallelism), section 3.1 and appendix B. Each stage runs
// * as many forwards before its first B as memory allows and the wait for that B has room for, always more than the
//   stage after it;
// * then one forward and one B in turn, with a W where a gap has room for one, where memory has none for the next
//   forward, and in gaps shorter than a W where waiting would make it the stage that has waited longest;
// * last, the W that are left.
// Three choices of the method are open (fill the wait for the first B to the brim or past it; leave out a forward that
// would delay a B; fill every short gap): all eight combinations are tried, and the fastest is kept (of equally fast
// ones, that which is faster in the other sense of StepEnd). A heuristic: the table is valid, its time is no bound.
#pragma once

#include "strategies/schedules/pass_times.hpp"
#include "strategies/schedules/schedule_table.hpp"

namespace forerun {

// What the schedule makes short.
enum class StepEnd : std::uint8_t {
  together,  // all stages wait for each other at the end of a step: from the first pass of any stage to the last of any
  each_stage,  // each goes on by itself (section 4 of the paper): from the first pass to the last of the slowest stage
};

struct FillLimits {
  // Micro-batches that a stage may hold (ZB-1p: K, ZB-2p: 2 K); stage s may hold K - s in any case, which 1F1B needs.
  double held = 0;
  // For each stage the share of what a forward saved that its B releases (below 0: B keeps more); its W releases the
  // rest.
  std::vector<double> released;
};

// Of one chunk a stage. Where B gives something back no stage holds more than it may; where B keeps more, as little
// more as W that are ready can make it. At least one micro-batch; link and times of any size. O(K M).
ScheduleTable filled_schedule(const PassTimes&, int micro_batches, const FillLimits&, StepEnd);

}  // namespace forerun

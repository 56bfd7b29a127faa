// Times of the collectives of runtime/communication/communicator.hpp.
//
// Ranks meet at a barrier and call; a time is from when the last has called until all have their results, by the clock
// that the ranks of a machine share, and the median of several. A message is half of what goes there and back.
#pragma once

#include <functional>
#include <vector>

#include "profiler/sample_file.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun {

// 1 KiB to `largest`, a few sizes an octave apart or two, of each kind.
std::vector<CollectiveCase> plan_collectives(int ranks, Bytes largest, int per_octave);

// Called by every rank, with the same case; the same on all.
Seconds time_collective(Communicator&, const CollectiveCase&, Seconds budget);

}  // namespace forerun

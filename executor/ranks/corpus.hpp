// Made-up text to train on: the same for every plan, since a token depends on the seed, the step, the sequence and its
// place alone.
//
// Most tokens follow from the one before (a fixed affine map), some are drawn anew: there is something to learn.
#pragma once

#include <cstdint>
#include <vector>

namespace forerun {

// length + 1 tokens of sequence `sequence` of step `step`: inputs are the first `length`, targets those one further on.
std::vector<std::int32_t> sequence_of(std::uint64_t seed, std::int64_t step, std::int64_t sequence, int length,
                                      int vocab);

}  // namespace forerun

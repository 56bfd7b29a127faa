// Pieces in which replicas reduce gradients and gather parameters.
#pragma once

#include <cstdint>
#include <vector>

namespace forerun {

// Neighbouring units (embedding, blocks, head) of a chunk.
struct Bucket {
  int first_unit = 0, last_unit = 0;
  std::int64_t elements = 0;
};

// In the order in which backward completes them: from the last unit to the first. `size` elements each where that is
// above 0, one unit with parameters each otherwise. Megatron never lets a bucket fall below a million parameters a
// replica: rings of many ranks need large messages.
void cut_buckets(const std::vector<std::int64_t>& parameters_of_unit, double size, int replicas,
                 std::vector<Bucket>& buckets);

}  // namespace forerun

// The order in which each stage of a pipeline runs its passes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace forerun {

enum class PassKind : std::uint8_t { forward, backward, input_gradient, weight_gradient };  // backward: B, then W

struct Pass {
  std::int32_t micro_batch = 0;
  std::int16_t chunk = 0;  // of the stage's own chunks
  PassKind kind{};

  bool operator==(const Pass&) const = default;
};

struct ScheduleTable {
  int stages = 0, chunks_per_stage = 1, micro_batches = 0;
  std::vector<Pass> passes;
  std::vector<std::uint32_t> first;  // passes of stage s: first[s] .. first[s + 1]

  [[nodiscard]] std::span<const Pass> of(int stage) const {
    const auto s = static_cast<std::size_t>(stage);
    return {passes.data() + first[s], passes.data() + first[s + 1]};
  }

  bool operator==(const ScheduleTable&) const = default;
};

}  // namespace forerun

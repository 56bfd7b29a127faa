#include "strategies/stage_sums.hpp"

#include "strategies/chunks.hpp"

namespace forerun {

void StageLayout::assign(const BlockKinds& kinds, const Plan& plan) {
  kinds_ = &kinds;
  chunks_ = chunk_count(plan);
  chunk_begins(plan, static_cast<int>(kinds.of_layer.size()), begin_);
}

}  // namespace forerun

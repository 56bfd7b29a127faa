#include "strategies/programs/steps/inference/forward_blocks.hpp"

#include <algorithm>

namespace forerun {

Scenario without_dropout(Scenario given) {
  given.model.dropout = false;
  return given;
}

BatchShapes shapes_of(const ForwardBatch& batch) {
  BatchShapes shapes;
  for (const MicroBatch& one : batch) {
    const auto known = std::ranges::find(shapes.distinct, one);
    shapes.of_micro_batch.push_back(static_cast<std::size_t>(known - shapes.distinct.begin()));
    if (known == shapes.distinct.end()) shapes.distinct.push_back(one);
  }
  return shapes;
}

SplitPrograms lower_forward_split(const Scenario& given, const BlockKinds& kinds, const Split& split,
                                  const MicroBatch& batch, double load) {
  SplitPrograms programs;
  for (const Block& block : kinds.distinct)
    programs.blocks.push_back(lower_forward(block_parts(given, batch, block, split, load)));
  programs.embedding = lower_forward_embedding(given, batch, split);
  programs.head = lower_forward_head(given, batch, split);
  programs.lone_head = on_its_own(programs.head);
  return programs;
}

}  // namespace forerun

#include "strategies/programs/steps/stage_program.hpp"

#include <algorithm>

namespace forerun {

SplitPrograms lower_split(const Scenario& given, const BlockKinds& kinds, const Split& split, double load) {
  SplitPrograms programs;
  for (const Block& block : kinds.distinct) programs.blocks.push_back(lower_block(given, block, split, load));
  programs.embedding = lower_embedding(given, split);
  programs.head = lower_head(given, split);
  programs.lone_head = on_its_own(programs.head);
  return programs;
}

std::uint32_t tokens_of_blocks(const SplitPrograms& programs) {
  std::uint32_t most = std::max(programs.embedding.tokens, programs.head.tokens);
  for (const BlockProgram& block : programs.blocks) most = std::max(most, block.tokens);
  return most;
}

double data_parallel_overlap(const Stack& stack, const Plan& plan) {
  const bool forbidden = plan.overlap.dp && !*plan.overlap.dp;
  return forbidden ? 0 : zero_in_step(plan) == 3 ? stack.overlap.zero3 : stack.overlap.dp;
}

double pipeline_overlap(const Stack& stack, const Plan& plan) {
  return plan.overlap.pp && !*plan.overlap.pp ? 0 : stack.overlap.pp;
}

Communication pipeline_message(const Scenario& given, const Plan& plan, Flow flow, Bytes boundary) {
  const Bytes element = size_of(activation_dtype(given.job));
  return {.flow = flow,
          .group = GroupKind::next_stage,
          .elements = static_cast<std::int64_t>(boundary / element),
          .element = element,
          .hidden = pipeline_overlap(given.stack, plan),
          .pieces = given.stack.scatter_sends && !plan.sp ? plan.tp : 1};
}

// Reads the gradient twice (its norm, then the update), reads and writes the states, writes the parameter.
Bytes optimizer_bytes(const Stack& stack, const StateBytes& state, double parameters) {
  return stack.optimizer_passes * parameters * (2.0 * state.gradient + 2.0 * state.optimizer + state.parameter);
}

}  // namespace forerun

#include "strategies/programs/blocks/block_program.hpp"

namespace forerun {

std::vector<TensorId> saved_tensors(const BlockProgram& block) {
  const Body& body = block.pass(PassKind::forward);
  std::vector<bool> alive(block.tensors.size());
  alive[BlockProgram::input] = block.tensors[BlockProgram::input].kind == MemoryKind::activations;
  for (const Instruction& in : body.instructions) {
    for (std::uint32_t i = 0; i < in.allocates; ++i) alive[body.touches[in.first_touch + i]] = true;
    for (std::uint32_t i = 0; i < in.releases; ++i) alive[body.touches[in.first_touch + in.allocates + i]] = false;
  }
  alive[BlockProgram::output] = false;
  std::vector<TensorId> list;
  for (TensorId id = 0; id < alive.size(); ++id) {
    if (alive[id]) list.push_back(id);
  }
  return list;
}

}  // namespace forerun

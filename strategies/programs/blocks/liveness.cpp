#include "strategies/programs/blocks/liveness.hpp"

#include <algorithm>
#include <utility>

namespace forerun {
namespace {

using Set = std::vector<char>;  // by tensor: true or false, a byte each because that is faster

struct Operands {
  const TensorId* begin_;
  const TensorId* end_;
  [[nodiscard]] const TensorId* begin() const { return begin_; }
  [[nodiscard]] const TensorId* end() const { return end_; }
};
Operands reads(const Body& body, const Instruction& in) {
  const TensorId* first = body.operands.data() + in.first_operand;
  return {first, first + in.reads};
}
Operands operands(const Body& body, const Instruction& in) {
  const TensorId* first = body.operands.data() + in.first_operand;
  return {first, first + in.reads + in.writes};
}
Operands writes(const Body& body, const Instruction& in) {
  const TensorId* first = body.operands.data() + in.first_operand + in.reads;
  return {first, first + in.writes};
}

// Tensors that the pass reads before it writes them itself.
Set wanted(const Body& body, std::size_t tensors) {
  Set want(tensors), made(tensors);
  for (const Instruction& in : body.instructions) {
    for (const TensorId id : reads(body, in)) {
      if (!made[id]) want[id] = true;
    }
    for (const TensorId id : writes(body, in)) made[id] = true;
  }
  return want;
}

// When an instruction is done with its tensors: where it is, or at the wait for it.
std::vector<std::uint32_t> done(const Body& body) {
  std::vector<std::uint32_t> at(body.instructions.size()), waited(1, 0);  // where each token is waited for next
  for (std::size_t i = at.size(); i-- > 0;) {
    const Instruction& in = body.instructions[i];
    const auto here = at[i] = static_cast<std::uint32_t>(i);
    const std::size_t token = index(in.token);
    if (token >= waited.size()) waited.resize(token + 1, 0);
    if (in.code == Code::wait) waited[token] = here;
    if (in.code == Code::run && in.token != TokenId::none) at[i] = std::max(here, waited[token]);
  }
  return at;
}

// `alive` at the start of the pass becomes what is alive at its end; `stays` outlives it.
void place(Body& body, Set& alive, const Set& stays) {
  constexpr auto none = static_cast<TensorId>(-1);
  const std::vector<std::uint32_t> at = done(body);
  body.touches.clear();
  if (at.empty()) return;
  std::vector<std::uint32_t> last(alive.size(), 0);
  Set end = alive;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const Instruction& in = body.instructions[i];
    for (const TensorId id : operands(body, in)) last[id] = std::max(last[id], at[i]);
    for (const TensorId id : writes(body, in)) end[id] = true;
  }
  std::vector<TensorId> released(at.size(), none),
      next(alive.size());  // by each instruction: the first, and the one after each
  for (TensorId id = static_cast<TensorId>(end.size()); id-- > 0;) {
    if (!end[id] || stays[id]) continue;
    end[id] = false;
    next[id] = std::exchange(released[last[id]], id);
  }
  body.touches.reserve(2 * alive.size());
  for (std::size_t i = 0; i < at.size(); ++i) {
    Instruction& in = body.instructions[i];
    in.first_touch = static_cast<std::uint32_t>(body.touches.size());
    for (const TensorId id : writes(body, in)) {
      if (alive[id]) continue;
      alive[id] = true;
      body.touches.push_back(id);
    }
    in.allocates = static_cast<std::uint16_t>(body.touches.size() - in.first_touch);
    for (TensorId id = released[i]; id != none; id = next[id]) body.touches.push_back(id);
    in.releases = static_cast<std::uint16_t>(body.touches.size() - in.first_touch - in.allocates);
  }
  alive = std::move(end);
}

}  // namespace

void find_lifetimes(BlockProgram& block, bool has_input, bool has_output) {
  const std::size_t n = block.tensors.size();
  const auto body = [&](PassKind kind) -> Body& { return block.passes[static_cast<std::size_t>(kind)]; };
  const Set whole = wanted(body(PassKind::backward), n), inputs = wanted(body(PassKind::input_gradient), n),
            weights = wanted(body(PassKind::weight_gradient), n);

  Set alive(n), stays(n);
  alive[BlockProgram::input] = has_input;
  for (TensorId id = 0; id < n; ++id) stays[id] = whole[id] || inputs[id] || weights[id];
  stays[BlockProgram::output] = has_output;
  place(body(PassKind::forward), alive, stays);
  for (TensorId id = 0; id < n; ++id) {
    if (alive[id] && id != BlockProgram::output) block.tensors[id].kind = MemoryKind::activations;
  }
  alive[BlockProgram::output] = false;  // of the next block from here on
  alive[BlockProgram::output_gradient] = has_output;

  Set after(n), second = alive;
  after[BlockProgram::input_gradient] = has_input;
  place(body(PassKind::backward), alive, after);
  if (body(PassKind::input_gradient).instructions.empty() && body(PassKind::weight_gradient).instructions.empty())
    return;
  stays = weights;
  stays[BlockProgram::input_gradient] = has_input;
  place(body(PassKind::input_gradient), second, stays);
  for (TensorId id = 0; id < n; ++id) {
    if (second[id] && id != BlockProgram::input_gradient) block.tensors[id].kind = MemoryKind::activations;
  }
  second[BlockProgram::input_gradient] = false;
  place(body(PassKind::weight_gradient), second, Set(n));
}

void find_forward_lifetimes(BlockProgram& block, bool has_input, bool has_output) {
  Set alive(block.tensors.size()), stays(block.tensors.size());
  alive[BlockProgram::input] = has_input;
  stays[BlockProgram::output] = has_output;
  place(block.passes[static_cast<std::size_t>(PassKind::forward)], alive, stays);
}

}  // namespace forerun

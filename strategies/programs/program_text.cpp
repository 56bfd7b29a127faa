#include "strategies/programs/program_text.hpp"

#include <fmt/format.h>

#include <span>

#include "strategies/programs/describe_work.hpp"

namespace forerun {
namespace {

std::string_view name_of(PassKind kind) {
  constexpr std::string_view names[] = {"forward", "backward", "input gradients (B)", "weight gradients (W)"};
  return names[static_cast<std::size_t>(kind)];
}

// "activation #12": tensors of one name are told apart by their numbers.
std::string list_of(const StageProgram& stage, std::span<const TensorId> tensors) {
  std::string text;
  for (const TensorId id : tensors)
    text += fmt::format("{}{} #{}", text.empty() ? "" : ", ", stage.tensors[id].name, id);
  return text;
}

std::string numbers_of(const StageProgram& stage, std::span<const TensorId> tensors, char sign) {
  std::string text;
  for (const TensorId id : tensors) text += fmt::format(" {}#{} ({:.0f} B)", sign, id, stage.tensors[id].bytes.value());
  return text;
}

std::string work_of(const StageProgram& stage, const Instruction& in) {
  const Work& work = stage.works[in.work];
  if (const Computation* c = std::get_if<Computation>(&work); c != nullptr && is<SumOfReads>(*c))
    return in.writes > 0 ? "hand on" : "";
  if (const Communication* c = std::get_if<Communication>(&work))
    return fmt::format("{} of {} elements", describe(work), c->elements);
  return describe(work);
}

std::string line_of(const StageProgram& stage, const Body& body, const Instruction& in) {
  const std::span operands(body.operands.data() + in.first_operand, std::size_t{in.reads} + in.writes);
  const std::span touches(body.touches.data() + in.first_touch, std::size_t{in.allocates} + in.releases);
  std::string text = what_is_done(stage, body, in);
  if (!operands.empty())
    text +=
        fmt::format(": {} -> {}", list_of(stage, operands.first(in.reads)), list_of(stage, operands.subspan(in.reads)));
  text += numbers_of(stage, touches.first(in.allocates), '+') + numbers_of(stage, touches.subspan(in.allocates), '-');
  return fmt::format("    {:11} {}\n", to_string(in.lane), text);
}

}  // namespace

std::string heading(const StageProgram& stage, const Body& body) {
  if (body.chunk) return fmt::format("{} of chunk {}", name_of(body.kind), *body.chunk);
  return &body == &stage.bodies.front() ? "before all passes" : "after all passes";
}

std::string what_is_done(const StageProgram& stage, const Body& body, const Instruction& in) {
  if (in.code == Code::wait) return fmt::format("wait for {}", index(in.token));
  if (in.code == Code::receive) return fmt::format("receive from stage {}", *body.from_stage);
  return work_of(stage, in) + (in.token == TokenId::none ? "" : fmt::format(" [{}]", index(in.token)));
}

std::string program_text(const Program& program) {
  std::string text;
  for (const StageProgram& stage : program.stages) {
    text += fmt::format("stage {}\n  step:", stage.stage);
    for (const Call& call : stage.calls) {
      const Body& body = stage.bodies[call.body];
      text += !body.chunk ? fmt::format(" {};", heading(stage, body))
                          : fmt::format(" {}, micro-batch {};", heading(stage, body), call.micro_batch);
    }
    text += "\n";
    for (const Body& body : stage.bodies) {
      text += fmt::format("\n  {}\n", heading(stage, body));
      for (const Instruction& in : body.instructions) text += line_of(stage, body, in);
    }
    text += "\n";
  }
  return text;
}

}  // namespace forerun

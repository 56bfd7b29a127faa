#include "strategies/programs/describe_work.hpp"

#include <fmt/format.h>

namespace forerun {

std::string_view to_string(Part part) {
  static constexpr std::array<std::string_view, 5> names{"forward", "recompute", "backward (B)", "backward (W)",
                                                         "update"};
  return names[static_cast<std::size_t>(part)];
}

std::string describe(const Work& work) {
  if (const Computation* c = std::get_if<Computation>(&work)) {
    if (is<SettledGradients>(*c)) return "gradients of norms";
    return c->part == Part::update ? "optimizer" : fmt::format("{}, {}", to_string(c->kind), to_string(c->part));
  }
  if (const Communication* c = std::get_if<Communication>(&work))
    return fmt::format("{} {}", to_string(dimension_of(c->flow)), name_of(c->flow));
  if (const HostCopy* c = std::get_if<HostCopy>(&work)) return c->to_host ? "copy to the host" : "copy from the host";
  return std::holds_alternative<HostUpdate>(work) ? "update on the host" : "framework";
}

std::string describe(const Program& program, const TaskOrigin& origin) {
  const StageProgram& stage = program.stages[program.roles[origin.role].program];
  if (origin.call >= stage.calls.size()) return fmt::format("stage {}: the end", stage.stage);
  const Call& call = stage.calls[origin.call];
  const Body& body = stage.bodies[call.body];
  const Instruction& in = body.instructions[origin.instruction];
  const std::string name = in.code == Code::run ? describe(stage.works[in.work]) : "a message";
  if (!body.chunk) return fmt::format("stage {}: {}", stage.stage, name);
  return fmt::format("stage {}, chunk {}, micro-batch {}, layer {}: {}", stage.stage, *body.chunk, call.micro_batch,
                     layer_of(stage, in), name);
}

}  // namespace forerun

#include "reports/simulation/program_report.hpp"

#include <nlohmann/json.hpp>

#include <span>

#include "reports/json_text.hpp"
#include "strategies/programs/program_text.hpp"

namespace forerun {
namespace {

using Json = nlohmann::ordered_json;

Json numbers(std::span<const TensorId> tensors) {
  Json list = Json::array();
  for (const TensorId id : tensors) list.push_back(id);
  return list;
}

std::string_view name_of(Code code) { return code == Code::wait ? "wait" : code == Code::receive ? "receive" : "run"; }

Json to_json(const StageProgram& stage, const Body& body, const Instruction& in) {
  const std::span operands(body.operands.data() + in.first_operand, std::size_t{in.reads} + in.writes);
  const std::span touches(body.touches.data() + in.first_touch, std::size_t{in.allocates} + in.releases);
  return {{"lane", to_string(in.lane)},
          {"code", name_of(in.code)},
          {"what", what_is_done(stage, body, in)},
          {"reads", numbers(operands.first(in.reads))},
          {"writes", numbers(operands.subspan(in.reads))},
          {"allocates", numbers(touches.first(in.allocates))},
          {"releases", numbers(touches.subspan(in.allocates))}};
}

Json to_json(const StageProgram& stage, const Body& body) {
  Json instructions = Json::array();
  for (const Instruction& in : body.instructions) instructions.push_back(to_json(stage, body, in));
  Json json = {{"name", heading(stage, body)}, {"chunk", nullptr}, {"instructions", std::move(instructions)}};
  if (body.chunk) json["chunk"] = *body.chunk;
  return json;
}

Json to_json(const StageProgram& stage) {
  Json calls = Json::array(), bodies = Json::array(), tensors = Json::array();
  for (const Call& call : stage.calls) {
    Json one = {{"body", call.body}, {"micro_batch", nullptr}};
    if (stage.bodies[call.body].chunk) one["micro_batch"] = call.micro_batch;
    calls.push_back(std::move(one));
  }
  for (const Body& body : stage.bodies) bodies.push_back(to_json(stage, body));
  for (const Tensor& tensor : stage.tensors)
    tensors.push_back({{"name", tensor.name}, {"bytes", static_cast<std::int64_t>(tensor.bytes.value())}});
  return {{"stage", stage.stage}, {"calls", calls}, {"bodies", bodies}, {"tensors", tensors}};
}

}  // namespace

std::string json_text(const Program& program) {
  Json stages = Json::array();
  for (const StageProgram& stage : program.stages) stages.push_back(to_json(stage));
  return indented({{"micro_batches", program.micro_batches}, {"stages", std::move(stages)}});
}

}  // namespace forerun

#include "strategies/programs/program_memory.hpp"

#include <algorithm>
#include <map>

#include "sim/memory_curve.hpp"

namespace forerun {

MemoryCurve memory_curve(const StageProgram& stage) {
  MemoryCurve curve;
  for (std::uint32_t n = 0; n < stage.calls.size(); ++n) {
    const Body& body = stage.bodies[stage.calls[n].body];
    for (std::uint32_t i = 0; i < body.instructions.size(); ++i) {
      const Instruction& in = body.instructions[i];
      const TensorId* touch = body.touches.data() + in.first_touch;
      for (int t = 0; t < in.allocates + in.releases; ++t, ++touch) {
        const auto bytes = static_cast<std::int64_t>(stage.tensors[*touch].bytes.value());
        curve.add(position_of(n, i), t < in.allocates ? bytes : -bytes, *touch);
      }
    }
  }
  return curve;
}

namespace {

Bytes most_on_host(const StageProgram& stage) {
  Bytes now = stage.held_on_host, most = now;
  for (const Call& call : stage.calls) {
    for (const Instruction& in : stage.bodies[call.body].instructions) {
      if (in.code != Code::run) continue;
      const HostCopy* copy = std::get_if<HostCopy>(&stage.works[in.work]);
      if (copy == nullptr || !copy->activations) continue;
      now += copy->to_host ? copy->bytes : -1.0 * copy->bytes;
      most = max(most, now);
    }
  }
  return most;
}

}  // namespace

ProgramMemory program_memory(const StageProgram& stage) {
  ProgramMemory found;
  found.peak = stage.held;
  found.on_host = most_on_host(stage);
  const MemoryCurve curve = memory_curve(stage);
  if (curve.peak() == 0) return found;
  found.call = call_at(curve.peak_position()), found.instruction = instruction_at(curve.peak_position());
  std::map<std::string_view, Bytes> by_name;
  const std::vector<std::int64_t> alive = curve.alive_at_peak();
  for (std::size_t id = 0; id < alive.size(); ++id) {
    if (alive[id] == 0) continue;
    const Bytes bytes{static_cast<double>(alive[id])};
    found.peak.*memory_categories[memory_category(stage.tensors[id].kind)].bytes += bytes;
    by_name[stage.tensors[id].name] += bytes;
  }
  found.alive.assign(by_name.begin(), by_name.end());
  std::sort(found.alive.begin(), found.alive.end(),
            [](const auto& a, const auto& b) { return std::pair(b.second, a.first) < std::pair(a.second, b.first); });
  return found;
}

}  // namespace forerun

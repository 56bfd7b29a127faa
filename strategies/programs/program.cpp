#include "strategies/programs/program.hpp"

#include <algorithm>
#include <cassert>

namespace forerun {

std::string_view to_string(Lane lane) {
  static constexpr std::array<std::string_view, lane_count> names{
      "compute", "tp", "cp", "ep", "dp", "pp forward", "pp backward", "to host", "from host"};
  return names[static_cast<std::size_t>(lane)];
}

Lane lane_of(Flow flow) {
  if (flow == Flow::pp_send_forward) return Lane::pp_forward;
  if (flow == Flow::pp_send_backward) return Lane::pp_backward;
  switch (dimension_of(flow)) {
    case Dimension::tp:
      return Lane::tp;
    case Dimension::cp:
      return Lane::cp;
    case Dimension::ep:
      return Lane::ep;
    case Dimension::dp:
      return Lane::dp;
    case Dimension::pp:
      return Lane::pp_forward;
  }
  return Lane::dp;
}

int most_in_flight(const StageProgram& stage) {
  const auto runs_back = [](const Body& body) { return body.chunk && body.kind != PassKind::forward; };
  const bool keeps = std::ranges::any_of(stage.bodies, runs_back);
  int now = 0, most = 0;
  for (const Call& call : stage.calls) {
    const Body& body = stage.bodies[call.body];
    if (!body.chunk) continue;
    if (body.kind == PassKind::forward) most = std::max(most, ++now);
    if (!keeps || body.kind == PassKind::backward || body.kind == PassKind::weight_gradient) --now;
  }
  assert(now == 0 && "every forward has its backward");
  return most;
}

}  // namespace forerun

#include "reports/simulation/pipeline_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "reports/simulation/pipeline_picture.hpp"
#include "reports/simulation/shown_stages.hpp"

namespace forerun {
namespace {

char mark(const PictureCell& cell) {
  const auto digit = static_cast<char>(cell.micro_batch % 10);
  switch (cell.kind) {
    case CellKind::idle:
      return '.';
    case CellKind::forward:
      return static_cast<char>('0' + digit);
    case CellKind::backward:
      return static_cast<char>('a' + digit);
    case CellKind::weight_gradient:
      return 'w';
    case CellKind::other:
      return '+';
    case CellKind::stuck:
      return 'x';
  }
  return '?';
}

const char* colour(CellKind kind) {
  switch (kind) {
    case CellKind::forward:
      return "\033[36m";
    case CellKind::backward:
      return "\033[33m";
    case CellKind::weight_gradient:
      return "\033[35m";
    case CellKind::stuck:
      return "\033[31m";
    default:
      return "\033[0m";
  }
}

std::string cells_text(const std::vector<PictureCell>& cells, bool colours) {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (colours && (i == 0 || cells[i].kind != cells[i - 1].kind)) text += colour(cells[i].kind);
    text += mark(cells[i]);
  }
  return text + (colours ? "\033[0m" : "");
}

// Does its schedule run weight gradients apart?
bool has_weight_passes(const Program& program) {
  return std::ranges::any_of(program.stages, [](const StageProgram& stage) {
    return std::ranges::any_of(stage.bodies,
                               [](const Body& body) { return body.chunk && body.kind == PassKind::weight_gradient; });
  });
}

}  // namespace

std::string pipeline_text(const Simulation& s, int width, bool colours) {
  constexpr int label = 10;
  std::string text;
  std::vector<std::uint32_t> stages;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(s.program.plan.pp); ++i) stages.push_back(i);
  for (const PipelinePicture& p : pipeline_pictures(s, std::clamp(width, 30, 110) - label)) {
    text += fmt::format("{} to {}:\n", p.from > Seconds{0} ? format(p.from) : "0", format(p.to));
    for (const std::uint32_t stage : shown_stages(stages))
      text += fmt::format("{:<{}}{}\n", fmt::format("stage {}", stage), label, cells_text(p.stages[stage], colours));
  }
  text += not_shown(stages.size());
  text += "0-9 forward, a-j backward (the micro-batch's last digit; a is 0), ";
  if (has_weight_passes(s.program)) text += "w weight gradients, ";
  return text + "+ before and after the passes, . waiting" + (s.complete() ? "\n" : ", x stopped\n");
}

}  // namespace forerun

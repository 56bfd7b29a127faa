#include "executor/ranks/workspace.hpp"

#include <stdexcept>
#include <string>

#include "executor/ranks/rank_report.hpp"

namespace forerun {

Workspace::Workspace(Allocator& memory, Bytes bytes)
    : memory_(memory.allocate("workspace", static_cast<std::int64_t>(bytes.value()), tag_of(&StageMemory::workspace))) {
}

// Pieces begin at cache lines.
std::byte* Workspace::take_bytes(std::int64_t bytes) {
  constexpr std::int64_t line = Allocator::alignment;
  const std::int64_t whole_lines = (bytes + line - 1) / line * line;
  if (used_ + whole_lines > memory_.bytes()) {
    throw std::runtime_error("the workspace of " + std::to_string(memory_.bytes()) + " B is too small: " +
                             std::to_string(used_ + whole_lines) + " B are needed (memory: workspace of the stack)");
  }
  std::byte* at = memory_.as<std::byte>().data() + used_;
  used_ += whole_lines;
  return at;
}

}  // namespace forerun

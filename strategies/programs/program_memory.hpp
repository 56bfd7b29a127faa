// The memory curve of a program: in the order in which instructions are issued, so it depends on no duration.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "strategies/programs/memory_use.hpp"
#include "strategies/programs/program.hpp"

namespace forerun {

class MemoryCurve;

struct ProgramMemory {
  StageMemory peak;                 // by category, when the stage holds most
  Bytes on_host;                    // the most that it keeps in the memory of its node
  std::uint32_t call = 0, instruction = 0;  // at whose issue that is
  std::vector<std::pair<std::string_view, Bytes>> alive;  // at the peak: what comes and goes, by name, largest first
};
ProgramMemory program_memory(const StageProgram&);

// What comes and goes, beside what is held; tags are tensors, positions are instructions.
MemoryCurve memory_curve(const StageProgram&);
constexpr std::uint64_t position_of(std::uint32_t call, std::uint32_t instruction) {
  return std::uint64_t{call} << 32 | instruction;
}
constexpr std::uint32_t call_at(std::uint64_t position) { return static_cast<std::uint32_t>(position >> 32); }
constexpr std::uint32_t instruction_at(std::uint64_t position) { return static_cast<std::uint32_t>(position); }

}  // namespace forerun

#include "runtime/machine/resident_memory.hpp"

#include <fstream>
#include <string>

namespace forerun {

void forget_peak_resident() { std::ofstream("/proc/self/clear_refs") << "5"; }  // proc(5)

std::optional<Bytes> peak_resident() {
  std::ifstream status("/proc/self/status");
  constexpr double kib = 1024;
  for (std::string word; status >> word;) {
    double size = 0;
    if (word == "VmHWM:" && status >> size) return kib * Bytes{size};
  }
  return std::nullopt;
}

}  // namespace forerun

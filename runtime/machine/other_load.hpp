// What other programs take of this process's cores (cores.hpp) while something is measured: the share of core time
// since a watch began that was neither idle nor this process's, time stolen by a hypervisor included. From /proc/stat
// and getrusage; 0 where there is no /proc/stat.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace forerun {

// Clock ticks of several cores together since the machine started.
struct CoreTicks {
  std::int64_t busy = 0, all = 0;

  bool operator==(const CoreTicks&) const = default;
};

// Of those `cores` that `stat`, the text of /proc/stat, has a line of.
CoreTicks core_ticks(std::string_view stat, std::span<const int> cores);

class OtherLoad {
 public:
  OtherLoad();                         // begins
  [[nodiscard]] double share() const;  // of these cores, 0 to 1

 private:
  CoreTicks then_;
  double own_ = 0;  // seconds at the beginning
};

}  // namespace forerun

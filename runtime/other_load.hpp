// What other programs take of this machine's cores while something is measured: the share of core time since a watch began that was neither idle nor this process's,
// time stolen by a hypervisor included. From /proc/stat and getrusage; 0 where there is no /proc/stat.
#pragma once

namespace forerun {

class OtherLoad {
 public:
  OtherLoad();                        // begins
  [[nodiscard]] double share() const;  // of all cores, 0 to 1

 private:
  double busy_ = 0, all_ = 0, own_ = 0;  // seconds at the beginning
};

}  // namespace forerun

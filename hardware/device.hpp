// One accelerator (or CPU) as its datasheet describes it; no costs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.hpp"
#include "base/quantity.hpp"
#include "base/result.hpp"

namespace forerun {

class YamlNode;

struct DeviceMemory {
  Bytes capacity;            // what the driver offers to programs (nvidia-smi total), not the name on the box
  BytesPerSecond bandwidth;  // datasheet peak

  bool operator==(const DeviceMemory&) const = default;
};

struct Device {
  std::string name;
  std::vector<std::string> aliases;
  std::string vendor;                     // nvidia, amd, intel, or other
  // volta, ampere, ada, hopper, blackwell, cdna3, cpu, or textbook: selects default cost parameters
  std::string family;
  std::map<DType, FlopsPerSecond> peak;  // dense, without structured sparsity
  DeviceMemory memory;
  Bytes l2;
  int sms = 0;  // streaming multiprocessors, compute units or cores
  Hertz clock;  // boost clock at which the peaks are quoted
  Seconds launch_overhead;  // device-side floor of one kernel
  int concurrent_streams = 1;
  Watts power;  // board limit
  std::optional<DollarsPerSecond> price;  // on-demand price per device, where one is published
  std::string default_cluster;  // the cluster that a bare mention of this device means

  bool operator==(const Device&) const = default;
};

// The peak of the format, or of the one that hardware without it falls back to (fp8 -> bf16 -> fp16 -> fp32).
FlopsPerSecond peak(const Device&, DType);

Device read_device(const YamlNode&);  // problems go to the node's document
std::string to_yaml(const Device&);  // read_device of it gives the same value

}  // namespace forerun

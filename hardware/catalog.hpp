// The devices and clusters that come with forerun, found by name or alias, or read from a file.
#pragma once

#include <string>
#include <vector>

#include "hardware/cluster.hpp"
#include "hardware/device.hpp"

namespace forerun {

std::vector<std::string> device_names();   // sorted
std::vector<std::string> cluster_names();  // sorted

// `name_or_path`: a name or alias (case, '-', '_', ' ', '.' and a remark in parentheses are ignored), or a path to a
// YAML file (base/files/name_or_path.hpp). The name of a device, given as a cluster, means the device's usual cluster.
// Problems: not found (with a suggestion), and all that reading a file reports.
Result<Device> find_device(const std::string& name_or_path);
Result<Cluster> find_cluster(const std::string& name_or_path);

}  // namespace forerun

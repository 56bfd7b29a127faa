// Entries of the catalogues: all of a kind as a table, one of them in full, any of them as JSON.
#pragma once

#include <string>
#include <vector>

#include "costmodel/stacks/stack_parameters.hpp"
#include "hardware/cluster.hpp"
#include "hardware/device.hpp"
#include "workloads/models/model.hpp"

namespace forerun {

std::string to_text(const std::vector<Model>&, int width);
std::string to_text(const std::vector<Device>&, int width);
std::string to_text(const std::vector<Cluster>&, int width);
std::string to_text(const std::vector<StackFile>&, int width);

std::string details(const Model&);  // its file, and its parameters beside those that were published
std::string details(const Device&);
std::string details(const Cluster&);
std::string details(const StackFile&);

std::string json_text(const std::vector<Model>&);
std::string json_text(const std::vector<Device>&);
std::string json_text(const std::vector<Cluster>&);
std::string json_text(const std::vector<StackFile>&);

}  // namespace forerun

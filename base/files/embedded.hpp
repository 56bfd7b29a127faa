// Text files that are compiled into the program (the catalogues), so that it runs without files beside it.
#pragma once

#include <iterator>
#include <span>
#include <string_view>

namespace forerun {

struct EmbeddedFile {
  std::string_view path;  // from the root of the repository: "hardware/catalog/devices/h100-sxm-80gb.yaml"
  std::string_view text;
};

std::span<const EmbeddedFile> embedded_hardware();
std::span<const EmbeddedFile> embedded_workloads();
std::span<const EmbeddedFile> embedded_costmodel();

}  // namespace forerun

// `forerun profile --backend cuda`: the kernels of one GPU.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.hpp"

namespace forerun::cli {

struct CudaProfile {
  std::optional<std::string> out;  // ends in .yaml; else the GPU says: "nvidia-h200.yaml"
  bool quick = false, resume = false, json = false;
  int device = 0;
  std::vector<DType> dtypes;
  std::uint64_t seed = 1;
};

int profile_cuda(const CudaProfile&);  // returns the exit code

}  // namespace forerun::cli

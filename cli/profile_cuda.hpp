// `forerun profile --backend cuda`: the kernels of one GPU.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/dtype.hpp"
#include "base/result.hpp"

namespace forerun::cli {

struct CudaProfile {
  std::string out;  // ends in .yaml
  bool quick = false, resume = false, json = false;
  int device = 0;
  std::vector<DType> dtypes;
  std::uint64_t seed = 1;
};

// What is missing here: CUDA in the build, a driver, a GPU, that GPU.
Problems problems_of_cuda(int device);

int profile_cuda(const CudaProfile&);  // returns the exit code

}  // namespace forerun::cli

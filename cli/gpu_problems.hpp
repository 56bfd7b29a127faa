// Why --backend cuda cannot be had.
#pragma once

#include "base/result.hpp"

namespace forerun::cli {

// What is missing here: CUDA in the build, a driver, a GPU, that GPU.
Problems problems_of_cuda(int device);

}  // namespace forerun::cli

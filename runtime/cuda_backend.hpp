// GPUs of NVIDIA as backends, where the build found CUDA and the machine has a driver. Needs no header of CUDA.
#pragma once

#include <memory>
#include <string>

#include "runtime/backend.hpp"

namespace forerun {

bool built_with_cuda();
int cuda_devices();  // 0 where there is no GPU, no driver, or no CUDA in the build
std::string cuda_device_name(int device);

// Of the calling thread; another calls use_lane() before all else. Throws std::runtime_error that says what is missing.
std::unique_ptr<Backend> make_cuda_backend(int device = 0);

}  // namespace forerun

#include "cli/gpu_problems.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

#include "runtime/cuda_backend.hpp"

namespace forerun::cli {

Problems problems_of_cuda(int device) {
  if (!built_with_cuda()) {
    return {{{},
             "--backend cuda: this forerun was built without CUDA",
             "install the CUDA toolkit (nvcc), then configure and build again; or use --backend cpu"}};
  }
  const int devices = cuda_devices();
  if (device < devices) return {};
  if (devices > 0)
    return {{{},
             fmt::format("--device {}: this machine has {}", device,
                         devices == 1 ? "one GPU" : std::to_string(devices) + " GPUs"),
             "they are counted from 0"}};
  std::string reason = "no GPU can be used";
  try {
    static_cast<void>(make_cuda_backend(device));
  } catch (const std::runtime_error& error) {
    reason = error.what();
  }
  return {{{}, "--backend cuda: " + reason, "run it where nvidia-smi lists a GPU, or use --backend cpu"}};
}

}  // namespace forerun::cli

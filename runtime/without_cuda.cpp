// What runtime/cuda answers where the build found no CUDA.
#include <stdexcept>

#include "runtime/cuda_backend.hpp"

namespace forerun {
namespace {

constexpr const char* missing = "this forerun was built without CUDA: install the CUDA toolkit and build it again";

}  // namespace

bool built_with_cuda() { return false; }
int cuda_devices() { return 0; }
std::string cuda_device_name(int /*device*/) { throw std::runtime_error(missing); }
std::unique_ptr<Backend> make_cuda_backend(int /*device*/) { throw std::runtime_error(missing); }

}  // namespace forerun

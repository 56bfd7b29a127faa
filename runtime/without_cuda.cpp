// What runtime/cuda answers where the build found no CUDA.
#include <stdexcept>

#include "runtime/cuda_backend.hpp"
#include "runtime/cuda_device.hpp"
#include "runtime/machine/kernel_activity.hpp"

namespace forerun {
namespace {

constexpr const char* missing = "this forerun was built without CUDA: install the CUDA toolkit and build it again";

}  // namespace

bool built_with_cuda() { return false; }
int cuda_devices() { return 0; }
std::string cuda_device_name(int /*device*/) { throw std::runtime_error(missing); }
std::unique_ptr<Backend> make_cuda_backend(int /*device*/) { throw std::runtime_error(missing); }

CudaDevice cuda_device(int /*device*/) { throw std::runtime_error(missing); }
Seconds time_host_copy(int /*device*/, HostDirection, Bytes, int /*times*/) { throw std::runtime_error(missing); }

KernelActivity::KernelActivity() { throw std::runtime_error(missing); }
std::vector<KernelRecord> KernelActivity::during(const std::function<void()>& /*work*/) const {
  throw std::runtime_error(missing);
}
std::string counters_remark() { return missing; }

}  // namespace forerun

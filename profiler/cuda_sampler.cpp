#include "profiler/cuda_sampler.hpp"

#include <stdexcept>
#include <utility>

#include "runtime/cuda_backend.hpp"

namespace forerun {

CudaSampler make_cuda_sampler(int device, const EventOptions& options, const GpuMonitor& monitor) {
  CudaSampler made;
  Witness witness;
  if (monitor.problem().empty()) {
    witness.read = [&monitor] { return monitor.read(); };
    witness.most_clock = monitor.most_sm_clock().value_or(Hertz{0});
  } else {
    made.remarks.push_back("clocks and power were not read: " + monitor.problem());
  }
  std::unique_ptr<Backend> backend = make_cuda_backend(device);
  try {
    witness.trace = [activity = KernelActivity()](const std::function<void()>& work) { return activity.during(work); };
  } catch (const std::runtime_error& error) {
    made.remarks.push_back(std::string("kernels were not traced: ") + error.what());
  }
  made.sampler = std::make_unique<EventSampler>(std::move(backend), options, std::move(witness));
  return made;
}

}  // namespace forerun

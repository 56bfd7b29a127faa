// What runtime/cuda/nccl_calls.cpp answers where the build found no CUDA.
#include <stdexcept>

#include "runtime/communication/nccl_calls.hpp"
#include "runtime/communication/nccl_communicator.hpp"

namespace forerun {

bool has_nccl() { return false; }
std::string why_no_nccl() { return "this forerun was built without CUDA: install the CUDA toolkit and build it again"; }

NcclStart nccl_start(Backend& on) {
  refuse_host_memory(on);
  throw std::runtime_error(why_no_nccl());
}
std::unique_ptr<Communicator> make_nccl_communicator(Communicator& /*host*/, Backend& on) {
  nccl_start(on);
  return nullptr;
}

}  // namespace forerun

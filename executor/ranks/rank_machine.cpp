#include "executor/ranks/rank_machine.hpp"

#include <algorithm>

#include "runtime/communication/nccl_communicator.hpp"
#include "runtime/communication/rank_processes.hpp"
#include "runtime/communication/staged_communicator.hpp"
#include "runtime/cuda_backend.hpp"

namespace forerun {

RankMachine on_the_cpu(Communicator&) { return {make_cpu_backend(), nullptr}; }

RankMachine on_a_gpu(Communicator& world, bool nccl) {
  RankMachine machine{make_cuda_backend(rank_on_this_machine(world) % std::max(1, cuda_devices())), nullptr};
  machine.tensors =
      nccl ? make_nccl_communicator(world, *machine.backend) : make_staged_communicator(world, *machine.backend);
  return machine;
}

}  // namespace forerun

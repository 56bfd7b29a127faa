// The processor on which one rank works, and the communicators through which it talks.
#pragma once

#include <memory>

#include "runtime/backend.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun {

// A rank's own processor, and the communicator of what lies in its memory: null where that is the host's.
struct RankMachine {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Communicator> tensors;
};
RankMachine on_the_cpu(Communicator& world);
// Rank r of this machine takes GPU r modulo their number. Ranks that share one talk through the host's memory; `nccl`:
// each has its own. Throws std::runtime_error that says what is missing.
RankMachine on_a_gpu(Communicator& world, bool nccl);

// Where a rank works, and whom it talks to.
struct RankPlace {
  Communicator& world;  // of what lies in the host's memory
  Communicator& tensors;  // the same ranks, of what lies in the backend's
  Backend& backend;
};

}  // namespace forerun

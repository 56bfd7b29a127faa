// A communicator of tensors in a backend's memory over one of tensors in the host's: what is read is copied to the
// host, what comes is copied back. So ranks that share a GPU, or have no NCCL between them, still train any plan, to
// the bit.
//
// A call waits for what is before it on the backend's lane in use. Counts are those of the communicator below.
#pragma once

#include <memory>

#include "runtime/backend.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun {

// Both outlive it; its groups own the host's group below them.
std::unique_ptr<Communicator> make_staged_communicator(Communicator& host, Backend& on);
std::unique_ptr<Communicator> make_staged_communicator(std::unique_ptr<Communicator> host, Backend& on);

}  // namespace forerun

// Ranks with a GPU each, which talk through NCCL. Needs no header of CUDA; libnccl.so.2 is opened when it is first
// needed.
//
// Calls `queue` on the backend's lane in use. NCCL adds in an order of its own, which may change with the size of a
// message and the machine: results agree with the other communicators' to the rounding of partial sums, not to the bit,
// and so do losses. Counts are what a ring would send; NCCL may choose a tree or the switch.
#pragma once

#include <memory>
#include <string>

#include "runtime/backend.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun {

bool has_nccl();  // the build has CUDA, the library is there and so is a GPU
std::string why_no_nccl();  // "" where it is there

// `host` has the same ranks, as threads or processes, and tensors in the host's memory: it carries NCCL's ids and
// barriers. `on` is this rank's CUDA backend. Both outlive it. All ranks call it, each with a GPU of its own, else all
// throw std::runtime_error that says whose are the same; throws it, too, where `on` is another backend or NCCL is
// missing. Among one rank alone nothing of NCCL is needed.
//
// When a rank fails, by give_up() or by an exception that ends its communicators, NCCL's work of all ranks of its
// process is ended; other processes are for mpirun to end. barrier() waits for the lane in use and throws
// CommunicationError where NCCL has failed.
std::unique_ptr<Communicator> make_nccl_communicator(Communicator& host, Backend& on);

}  // namespace forerun

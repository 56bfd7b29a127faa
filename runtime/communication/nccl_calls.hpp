// The functions of NCCL that a communicator is made of. Behind an interface, so that the tests have the communicator
// without a GPU.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/backend.hpp"
#include "runtime/communication/communicator.hpp"

namespace forerun {

// One ncclComm_t, on the backend's lane in use. What they mean is NCCL's: all ranks make the same calls in the same
// order; a send waits for its receive, but for those of the same grouping. Tensors have elements. All throw LinkFailure
// where NCCL does not do it.
class NcclCalls {
 public:
  virtual ~NcclCalls() = default;  // once what is in line is done, unless aborted
  NcclCalls() = default;
  NcclCalls(const NcclCalls&) = delete;
  NcclCalls& operator=(const NcclCalls&) = delete;

  virtual void grouped(const std::function<void()>& calls) = 0;  // as one, in which nobody waits for another

  virtual void all_reduce(Elements whole, Reduction) = 0;  // in place
  virtual void reduce_scatter(Elements whole, Elements mine,
                              Reduction) = 0;  // equal shards; mine may be its place in whole
  virtual void all_gather(Elements mine, Elements whole) = 0;  // so here
  virtual void reduce(Elements from, Elements to, Reduction, int root) = 0;  // `to` is of the root alone
  virtual void broadcast(Elements from, Elements to, int root) = 0;  // `from` is of the root alone
  virtual void send(int to, Elements) = 0;
  virtual void receive(int from, Elements) = 0;

  virtual void wait() = 0;  // for the lane in use, as long as NCCL has not failed
  virtual void abort() noexcept = 0;  // of any thread: what is in line ends, what is called later throws
};

// A new one among the ranks of `host`, two or more.
using NcclStart = std::function<std::unique_ptr<NcclCalls>(Communicator& host)>;

// make_nccl_communicator, of these calls.
std::unique_ptr<Communicator> make_communicator_of(NcclStart, Communicator& host, Backend& on);

// make_nccl_communicator's calls: ncclCommInitRank, with an id of the first rank. Throws as it does.
NcclStart nccl_start(Backend& on);

// `device` is the same text for two ranks where they share a GPU: then all throw, with the ranks named.
void refuse_shared_devices(Communicator& host, const std::string& device);

// NCCL's tensors are on GPUs.
void refuse_host_memory(const Backend& on);

}  // namespace forerun

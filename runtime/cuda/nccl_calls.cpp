// NCCL itself.
#include "runtime/communication/nccl_calls.hpp"

#include <nccl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "runtime/communication/links.hpp"
#include "runtime/communication/nccl_communicator.hpp"
#include "runtime/cuda/check.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/cuda_backend.hpp"
#include "runtime/machine/shared_library.hpp"

namespace forerun {
namespace {

struct Nccl {
  SharedLibrary library{{"libnccl.so.2", "/usr/local/cuda/lib64/libnccl.so.2"}};
  decltype(&ncclGetErrorString) error_string = get<decltype(error_string)>("ncclGetErrorString");
  decltype(&ncclGetLastError) last_error = get<decltype(last_error)>("ncclGetLastError");
  decltype(&ncclGetUniqueId) unique_id = get<decltype(unique_id)>("ncclGetUniqueId");
  decltype(&ncclCommInitRank) init_rank = get<decltype(init_rank)>("ncclCommInitRank");
  decltype(&ncclCommDestroy) destroy = get<decltype(destroy)>("ncclCommDestroy");
  decltype(&ncclCommAbort) abort = get<decltype(abort)>("ncclCommAbort");
  decltype(&ncclCommGetAsyncError) async_error = get<decltype(async_error)>("ncclCommGetAsyncError");
  decltype(&ncclGroupStart) group_start = get<decltype(group_start)>("ncclGroupStart");
  decltype(&ncclGroupEnd) group_end = get<decltype(group_end)>("ncclGroupEnd");
  decltype(&ncclAllReduce) all_reduce = get<decltype(all_reduce)>("ncclAllReduce");
  decltype(&ncclReduceScatter) reduce_scatter = get<decltype(reduce_scatter)>("ncclReduceScatter");
  decltype(&ncclAllGather) all_gather = get<decltype(all_gather)>("ncclAllGather");
  decltype(&ncclReduce) reduce = get<decltype(reduce)>("ncclReduce");
  decltype(&ncclBroadcast) broadcast = get<decltype(broadcast)>("ncclBroadcast");
  decltype(&ncclSend) send = get<decltype(send)>("ncclSend");
  decltype(&ncclRecv) receive = get<decltype(receive)>("ncclRecv");

 private:
  template <class Function>
  [[nodiscard]] Function get(const char* name) const {
    return library.function<Function>(name);
  }
};

// Opened once, and never closed: NCCL leaves threads behind. Throws NoLibrary, each time.
const Nccl& nccl() {
  static const Nccl* const opened = new Nccl;
  return *opened;
}

cuda::CudaBackend& cuda_backend(Backend& on) {
  refuse_host_memory(on);
  return dynamic_cast<cuda::CudaBackend&>(on);
}

ncclRedOp_t operation(Reduction how) { return how == Reduction::sum ? ncclSum : ncclMax; }
ncclDataType_t type_of(const Elements& tensor) {
  switch (tensor.dtype) {
    case DType::fp64:
      return ncclFloat64;
    case DType::fp32:
      return ncclFloat32;
    case DType::bf16:
      return ncclBfloat16;
    default:
      throw std::logic_error("only fp64, fp32 and bf16 are reduced");
  }
}
std::size_t count(const Elements& tensor) { return static_cast<std::size_t>(tensor.count); }
std::size_t bytes(const Elements& tensor) { return static_cast<std::size_t>(tensor.bytes()); }

class NcclComm final : public NcclCalls {
 public:
  // The first rank's id goes to all.
  NcclComm(Communicator& host, cuda::CudaBackend& on) : on_(on) {
    cuda::check(cudaSetDevice(on.device()), "cudaSetDevice");
    ncclUniqueId id{};
    const Elements message(std::as_writable_bytes(std::span(id.internal)));
    if (host.rank() == 0) {
      check(nccl_.unique_id(&id), "ncclGetUniqueId");
      for (int rank = 1; rank < host.size(); ++rank) host.send(rank, message);
    } else {
      host.receive(0, message);
    }
    ncclComm_t made = nullptr;
    check(nccl_.init_rank(&made, host.size(), id, host.rank()), "ncclCommInitRank");
    comm_ = made;
  }
  NcclComm(const NcclComm&) = delete;
  NcclComm& operator=(const NcclComm&) = delete;
  ~NcclComm() override {
    if (ncclComm_t comm = comm_.exchange(nullptr)) nccl_.destroy(comm);
  }

  void grouped(const std::function<void()>& calls) override {
    check(nccl_.group_start(), "ncclGroupStart");
    try {
      calls();
    } catch (...) {
      nccl_.group_end();  // the next call is none of it
      throw;
    }
    check(nccl_.group_end(), "ncclGroupEnd");
  }

  void all_reduce(Elements whole, Reduction how) override {
    check(nccl_.all_reduce(whole.data, whole.data, count(whole), type_of(whole), operation(how), comm(), on_.stream()),
          "ncclAllReduce");
  }
  void reduce_scatter(Elements whole, Elements mine, Reduction how) override {
    check(
        nccl_.reduce_scatter(whole.data, mine.data, count(mine), type_of(whole), operation(how), comm(), on_.stream()),
        "ncclReduceScatter");
  }
  void all_gather(Elements mine, Elements whole) override {
    check(nccl_.all_gather(mine.data, whole.data, bytes(mine), ncclInt8, comm(), on_.stream()), "ncclAllGather");
  }
  void reduce(Elements from, Elements to, Reduction how, int root) override {
    check(nccl_.reduce(from.data, to.data, count(from), type_of(from), operation(how), root, comm(), on_.stream()),
          "ncclReduce");
  }
  void broadcast(Elements from, Elements to, int root) override {
    check(nccl_.broadcast(from.data, to.data, bytes(to), ncclInt8, root, comm(), on_.stream()), "ncclBroadcast");
  }
  void send(int to, Elements tensor) override {
    check(nccl_.send(tensor.data, bytes(tensor), ncclInt8, to, comm(), on_.stream()), "ncclSend");
  }
  void receive(int from, Elements tensor) override {
    check(nccl_.receive(tensor.data, bytes(tensor), ncclInt8, from, comm(), on_.stream()), "ncclRecv");
  }

  // A stream that waits for a peer that is gone is never done, and says nothing.
  void wait() override {
    for (;;) {
      ncclResult_t failed = ncclSuccess;
      {
        const std::scoped_lock lock(asks_);
        check(nccl_.async_error(comm(), &failed), "ncclCommGetAsyncError");
      }
      if (failed != ncclInProgress) check(failed, "NCCL");
      const cudaError_t done = cudaStreamQuery(on_.stream());
      if (done == cudaSuccess) return;
      if (done != cudaErrorNotReady) throw LinkFailure(std::string("cudaStreamQuery: ") + cudaGetErrorString(done));
      cudaGetLastError();  // "not ready" is not the next call's error
      std::this_thread::yield();
    }
  }
  void abort() noexcept override {
    const std::scoped_lock lock(asks_);
    if (ncclComm_t comm = comm_.exchange(nullptr)) nccl_.abort(comm);
  }

 private:
  [[nodiscard]] ncclComm_t comm() const {
    if (ncclComm_t comm = comm_) return comm;
    throw LinkFailure("a rank of this process failed, which ended NCCL's work");
  }
  void check(ncclResult_t result, const char* what) const {
    if (result == ncclSuccess) return;
    std::string reason = std::string(what) + ": " + nccl_.error_string(result);
    if (const char* more = nccl_.last_error(comm_); more != nullptr && *more != '\0')
      reason += std::string(" (") + more + ")";
    throw LinkFailure(reason);
  }

  const Nccl& nccl_ = nccl();
  cuda::CudaBackend& on_;
  std::mutex asks_;  // wait() asks again and again, and an aborted comm is gone
  std::atomic<ncclComm_t> comm_ = nullptr;
};

// As NCCL tells GPUs apart: NCCL_HOSTID stands for the machine where it is set.
std::string device_of(const cuda::CudaBackend& on) {
  std::array<char, 256> machine{};
  std::array<char, 32> bus{};
  gethostname(machine.data(), machine.size() - 1);
  cuda::check(cudaDeviceGetPCIBusId(bus.data(), bus.size(), on.device()), "cudaDeviceGetPCIBusId");
  const char* named = std::getenv("NCCL_HOSTID");
  return std::string("GPU ") + bus.data() + " of " + (named != nullptr ? named : machine.data());
}

}  // namespace

bool has_nccl() { return why_no_nccl().empty(); }

std::string why_no_nccl() {
  try {
    nccl();
  } catch (const NoLibrary& missing) {
    return missing.what();
  }
  return cuda_devices() > 0 ? "" : "there is no GPU of NVIDIA, or no driver for it";
}

NcclStart nccl_start(Backend& on) {
  return [&gpu = cuda_backend(on)](Communicator& host) { return std::make_unique<NcclComm>(host, gpu); };
}

std::unique_ptr<Communicator> make_nccl_communicator(Communicator& host, Backend& on) {
  const cuda::CudaBackend& gpu = cuda_backend(on);
  if (host.size() > 1) {
    nccl();
    refuse_shared_devices(host, device_of(gpu));
  }
  return make_communicator_of(nccl_start(on), host, on);
}

}  // namespace forerun

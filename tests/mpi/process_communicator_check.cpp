// Do ranks that are processes do what every communicator must? Started by mpirun. An argument says what else to check:
// `staged` and `nccl`, tensors in another memory than the host's; `nccl_on_one_gpu`, which NCCL takes for as many
// machines as there are ranks; `throw` and `die`, how rank 1 fails.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/communication/nccl_communicator.hpp"
#include "runtime/communication/rank_processes.hpp"
#include "runtime/communication/staged_communicator.hpp"
#include "runtime/cuda_backend.hpp"
#include "tests/support/communicator_conformance.hpp"
#include "tests/support/far_memory.hpp"

namespace {

using namespace forerun;

std::vector<int> all_of(const Communicator& c) {
  std::vector<int> ranks;
  for (int rank = 0; rank < c.size(); ++rank) ranks.push_back(rank);
  return ranks;
}

void conform(Communicator& world, Backend& on) {
  for (const test::CommunicatorCase& one : test::communicator_cases()) {
    if (world.queues() && world.size() > 1 && one.buffers_sends) continue;
    const auto group = world.group(all_of(world));  // counts start at 0
    try {
      one.run(*group, on);
    } catch (const std::exception& error) {
      throw std::runtime_error(std::string(one.name) + ": " + error.what());
    }
    if (world.rank() == 0) std::printf("%s holds on %d\n", std::string(one.name).c_str(), world.size());
  }
}

// Ranks of one machine have its GPUs in their order, as far as there are.
void conform_over_nccl(Communicator& world, bool share) {
  const int device = share ? 0 : rank_on_this_machine(world);
  std::string lacks = why_no_nccl();
  if (lacks.empty() && device >= cuda_devices())
    lacks =
        "ranks of this machine: at least " + std::to_string(device + 1) + ", GPUs: " + std::to_string(cuda_devices());
  std::vector<float> lacking{lacks.empty() ? 0.f : 1.f};
  world.all_reduce(std::span(lacking), Reduction::largest);
  if (lacking[0] > 0) {
    std::printf("rank %d skipped: %s\n", world.rank(),
                lacks.empty() ? "another rank lacks what it needs" : lacks.c_str());
    return;
  }
  if (share) {
    setenv("NCCL_HOSTID", ("machine" + std::to_string(world.rank())).c_str(), 1);
    setenv("NCCL_NET", "Socket", 1);
    setenv("NCCL_SOCKET_IFNAME", "lo", 1);
  }
  const auto on = make_cuda_backend(device);
  conform(*make_nccl_communicator(world, *on), *on);
}

void fail(Communicator& world, std::string_view how) {
  std::vector<float> x(12), large(1 << 20);
  const auto group = world.group(all_of(world));
  group->all_reduce(std::span(x), Reduction::sum);
  if (world.rank() == 1) group->send(0, std::span(large));  // nobody receives it
  if (world.rank() == 1 && how == "throw") throw std::runtime_error("layer 3, forward: no");
  if (world.rank() == 1 && how == "die") std::raise(SIGKILL);
  world.all_reduce(std::span(x), Reduction::sum);  // the others wait here
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view what = count > 1 ? arguments[1] : "host";
  return run_as_process([&](Communicator& world) {
    if (what == "nccl" || what == "nccl_on_one_gpu") return conform_over_nccl(world, what != "nccl");
    if (what == "throw" || what == "die") return fail(world, what);
    if (what == "staged") {
      test::FarMemory on;
      return conform(*make_staged_communicator(world, on), on);
    }
    if (what != "host") throw std::runtime_error("no check is called " + std::string(what));
    conform(world, *make_cpu_backend());
  });
}

// Do ranks that are processes do what every communicator must? Started by mpirun; an argument makes rank 1 fail, and
// how.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "runtime/rank_processes.hpp"
#include "tests/support/communicator_conformance.hpp"

namespace {

using namespace forerun;

std::vector<int> all_of(const Communicator& c) {
  std::vector<int> ranks;
  for (int rank = 0; rank < c.size(); ++rank) ranks.push_back(rank);
  return ranks;
}

void conform(Communicator& world) {
  for (const test::CommunicatorCase& one : test::communicator_cases()) {
    const auto group = world.group(all_of(world));  // counts start at 0
    try {
      test::run_on_host(one, *group);
    } catch (const std::exception& error) {
      throw std::runtime_error(std::string(one.name) + ": " + error.what());
    }
    if (world.rank() == 0) std::printf("%s holds on %d\n", std::string(one.name).c_str(), world.size());
  }
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
  return run_as_process([&](Communicator& world) {
    if (count > 1) return fail(world, arguments[1]);
    conform(world);
  });
}

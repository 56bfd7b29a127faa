#include "runtime/communication/rank_threads.hpp"

#include <numeric>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/communication/ring_communicator.hpp"
#include "runtime/communication/thread_links.hpp"

namespace forerun {
namespace {

void run_rank(const std::shared_ptr<ThreadHub>& hub, int rank, const std::vector<int>& all,
              const std::function<void(Communicator&)>& work) {
  try {
    const auto communicator = make_ring_communicator(make_thread_links(hub, rank, all));
    work(*communicator);
    hub->ended(rank);
  } catch (const CommunicationError& error) {
    hub->failed(rank, error.what());
  } catch (const std::exception& error) {
    hub->failed(rank, "rank " + std::to_string(rank) + ": " + error.what());
  } catch (...) {
    hub->failed(rank, "rank " + std::to_string(rank) + " threw something that is no exception");
  }
}

}  // namespace

void run_ranks(int ranks, const std::function<void(Communicator&)>& work) {
  const auto hub = std::make_shared<ThreadHub>(ranks);
  std::vector<int> all(static_cast<std::size_t>(ranks));
  std::iota(all.begin(), all.end(), 0);
  {
    std::vector<std::jthread> threads;
    threads.reserve(all.size());
    for (const int rank : all) {
      try {
        threads.emplace_back([&, rank] { run_rank(hub, rank, all, work); });
      } catch (const std::system_error& error) {  // those that run wait for it
        hub->failed(rank, "rank " + std::to_string(rank) + ": its thread cannot be started: " + error.what());
        break;
      }
    }
  }
  if (const auto failure = hub->failure()) throw RankFailure(failure->rank, failure->what);
}

}  // namespace forerun

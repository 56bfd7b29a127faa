// Does a lane's thread do what it is given in order, and hand on what was thrown?
#include "executor/ranks/lane_worker.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/communication/rank_threads.hpp"

namespace forerun {
namespace {

TEST(LaneWorker, WorksInOrder) {
  run_ranks(1, [](Communicator& world) {
    std::vector<int> done;
    LaneWorker worker(world);
    worker.issue([&] { done.push_back(1); });
    const std::uint64_t second = worker.issue([&] { done.push_back(2); });
    worker.wait(second);
    if (done != std::vector{1, 2}) throw std::runtime_error("out of order");
  });
}

TEST(LaneWorker, HandsOnWhatWasThrownAndEndsTheOthers) {
  try {
    run_ranks(2, [](Communicator& world) {
      LaneWorker worker(world);
      if (world.rank() == 1) worker.issue([] { throw std::runtime_error("a broken link"); });
      std::vector<double> number{1};
      world.receive(1 - world.rank(), Elements(std::span(number)));  // never sent
    });
    FAIL() << "nobody failed";
  } catch (const RankFailure& failure) {
    EXPECT_EQ(failure.rank, 1);
    EXPECT_EQ(std::string(failure.what()), "rank 1: a broken link");
  }
}

}  // namespace
}  // namespace forerun

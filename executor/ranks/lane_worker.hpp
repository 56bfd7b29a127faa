// A thread that does what it is given, in order: a lane beside computation.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>

#include "runtime/communication/communicator.hpp"

namespace forerun {

class LaneWorker {
 public:
  // Says of itself in `world` when it works, and when who waits for it does not. `world` outlives it.
  explicit LaneWorker(Communicator& world) : world_(world) {}
  ~LaneWorker();  // after what it was given
  LaneWorker(const LaneWorker&) = delete;
  LaneWorker& operator=(const LaneWorker&) = delete;

  std::uint64_t issue(std::function<void()> work);  // its number
  void wait(std::uint64_t number);  // until that and all before it are done; throws what any of them threw

 private:
  void run();

  Communicator& world_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<std::function<void()>> queue_;
  std::uint64_t issued_ = 0, done_ = 0;
  bool ends_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // starts with the first work
};

}  // namespace forerun

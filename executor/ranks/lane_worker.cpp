#include "executor/ranks/lane_worker.hpp"

#include <string>
#include <utility>

namespace forerun {

LaneWorker::~LaneWorker() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t LaneWorker::issue(std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  if (done_ == issued_) world_.add_talkers(1);
  queue_.push(std::move(work));
  changed_.notify_all();
  return ++issued_;
}

void LaneWorker::wait(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  if (done_ < number && !failure_) {
    world_.add_talkers(-1);
    changed_.wait(lock, [&] { return done_ >= number || failure_; });
    world_.add_talkers(1);
  }
  if (failure_) std::rethrow_exception(failure_);
}

void LaneWorker::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ends_ || !queue_.empty(); });
      if (queue_.empty() || failure_) return;
      work = std::move(queue_.front());
      queue_.pop();
    }
    try {
      work();
    } catch (const std::exception& error) {
      world_.give_up("rank " + std::to_string(world_.rank()) + ": " +
                     error.what());  // its own rank may wait for messages meanwhile
      const std::scoped_lock lock(mutex_);
      failure_ = std::current_exception();
    }
    const std::scoped_lock lock(mutex_);
    if (++done_ == issued_) world_.add_talkers(-1);
    changed_.notify_all();
  }
}

}  // namespace forerun

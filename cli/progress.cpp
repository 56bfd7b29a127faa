#include "cli/progress.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace forerun::cli {

void ProgressLine::operator()(double done) {
  const auto now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  if (now - start_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(200)) return;
  last_ = now;
  shown_ = true;
  fmt::print(stderr, "\r{}: {:3.0f} %", what_, 100 * done);
}

void ProgressLine::finish() {
  if (shown_) fmt::print(stderr, "\r{:{}}\r", "", what_.size() + 8);
}

void ElapsedLine::run(const std::stop_token& stop, const std::string& what) {
  std::unique_lock lock(mutex_);
  int seconds = 0;
  while (!wakes_.wait_for(lock, stop, std::chrono::seconds(1), [&] { return stop.stop_requested(); })) {
    fmt::print(stderr, "\r{}: {} s", what, ++seconds);
  }
  if (seconds > 0) fmt::print(stderr, "\r{:{}}\r", "", what.size() + 10);
}

}  // namespace forerun::cli

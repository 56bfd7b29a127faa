// One line on stderr for work that takes longer than a second.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace forerun::cli {

class ProgressLine {
 public:
  explicit ProgressLine(std::string what) : what_(std::move(what)) {}
  void operator()(double done);  // share done; from any thread
  void finish();                 // takes the line away

 private:
  std::string what_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_{};
  bool shown_ = false;
};

// The same for work that cannot say how far it is: how long it has taken, while this lives.
class ElapsedLine {
 public:
  explicit ElapsedLine(std::string what)
      : thread_([this, text = std::move(what)](const std::stop_token& stop) { run(stop, text); }) {}

 private:
  void run(const std::stop_token&, const std::string& what);

  std::mutex mutex_;
  std::condition_variable_any wakes_;
  std::jthread thread_;  // last: ends before the others
};

}  // namespace forerun::cli

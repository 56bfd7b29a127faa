// One line on stderr for work that takes longer than a second: on a terminal it is written over, elsewhere (a pipe, a
// file) a full line comes at most every ten seconds.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace forerun::cli {

// Where a line of progress goes, and when it is due.
class ProgressOutput {
 public:
  ProgressOutput();

  // Since the work began. True at most once for each time.
  [[nodiscard]] bool is_due(std::chrono::duration<double> elapsed);
  // As it is written: over the line before, or as a line of its own.
  [[nodiscard]] std::string line(const std::string& text);
  [[nodiscard]] std::string end() const;  // takes the last line away; "" where there is none, or where lines stay

 private:
  bool on_terminal_;
  std::chrono::duration<double> last_{0};
  std::size_t width_ = 0;  // of what stands there
};

// "searching:  40 %, 12 s left". The time left is told once a hundredth is done.
std::string progress_text(const std::string& what, double done, std::chrono::duration<double> elapsed);

class ProgressLine {
 public:
  explicit ProgressLine(std::string what) : what_(std::move(what)) {}
  void operator()(double done);  // share done; from any thread
  void finish();                 // takes the line away

 private:
  std::string what_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  ProgressOutput output_;
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

#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "cli/common.hpp"

namespace forerun::cli {
namespace {

using Elapsed = std::chrono::duration<double>;
using std::chrono::steady_clock;

}  // namespace

ProgressOutput::ProgressOutput() : on_terminal_(::isatty(STDERR_FILENO) == 1) {}

bool ProgressOutput::is_due(Elapsed elapsed) {
  const Elapsed first{on_terminal_ ? 1.0 : 10.0}, between{on_terminal_ ? 0.2 : 10.0};
  if (elapsed < first || elapsed - last_ < between) return false;
  last_ = elapsed;
  return true;
}

std::string ProgressOutput::line(const std::string& text) {
  if (!on_terminal_) return text + "\n";
  const std::size_t before = std::exchange(width_, text.size());
  return "\r" + text + std::string(before > width_ ? before - width_ : 0, ' ');
}

std::string ProgressOutput::end() const { return width_ == 0 ? "" : "\r" + std::string(width_, ' ') + "\r"; }

std::string progress_text(const std::string& what, double done, Elapsed elapsed) {
  const std::string share = fmt::format("{}: {:3.0f} %", what, 100 * done);
  if (done < 0.01 || done >= 1) return share;
  const double left = std::ceil(elapsed.count() * (1 - done) / done);
  return share + (left < 120 ? fmt::format(", {:.0f} s left", left) : fmt::format(", {:.0f} min left", left / 60));
}

void ProgressLine::operator()(double done) {
  const Elapsed elapsed = steady_clock::now() - start_;
  const std::scoped_lock lock(mutex_);
  if (output_.is_due(elapsed)) say(output_.line(progress_text(what_, done, elapsed)));
}

void ProgressLine::finish() { say(output_.end()); }

void ElapsedLine::run(const std::stop_token& stop, const std::string& what) {
  std::unique_lock lock(mutex_);
  ProgressOutput output;
  int seconds = 0;
  while (!wakes_.wait_for(lock, stop, std::chrono::seconds(1), [&] { return stop.stop_requested(); })) {
    if (output.is_due(Elapsed(++seconds))) say(output.line(fmt::format("{}: {} s", what, seconds)));
  }
  say(output.end());
}

}  // namespace forerun::cli

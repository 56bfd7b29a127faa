// A timeline as Perfetto (https://ui.perfetto.dev) and chrome://tracing show it: the Trace Event Format, JSON
// (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU). Only this file knows it; what
// things are called is the caller's affair. Written as it comes, nothing is kept. Equal calls, equal bytes: times are
// printed exactly, to the picosecond.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "sim/tick.hpp"

namespace forerun {

// One row of the picture: a thread of a process, such as a stream of a rank.
struct TraceTrack {
  std::int64_t process = 0, thread = 0;
};

struct TraceArgument {
  std::string_view key;
  std::variant<std::int64_t, double, std::string_view> value;  // a double is finite
};

struct TraceSlice {
  TraceTrack track;
  std::string_view name, category;
  Tick start = 0, finish = 0;
  std::span<const TraceArgument> arguments;
};

// One end of an arrow. It holds on to the slice of its track that is there at that time: later than its start or equal,
// before its end.
struct TraceArrowEnd {
  TraceTrack track;
  Tick at = 0;
};

class TraceWriter {
 public:
  explicit TraceWriter(std::ostream&);
  ~TraceWriter();  // completes the file
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  // Names a process or a track, and says in which order they stand, smallest first.
  void process(std::int64_t process, std::string_view name, std::int64_t sort_index);
  void track(TraceTrack, std::string_view name, std::int64_t sort_index);

  void slice(const TraceSlice&);
  void arrow(std::string_view name, std::string_view category, std::uint64_t id, TraceArrowEnd from,
             TraceArrowEnd to);  // ids differ
  void counter(std::int64_t process, std::string_view name, Tick at,
               std::span<const TraceArgument> values);  // stacked, by key

 private:
  void open(char kind, std::string_view name);
  void place(TraceTrack, Tick at);
  void arguments(std::span<const TraceArgument>);
  void metadata(TraceTrack, std::string_view what, const TraceArgument&);
  void arrow_end(char kind, std::string_view name, std::string_view category, std::uint64_t id, TraceArrowEnd);
  void close();

  std::ostream& out_;
  std::string line_;  // of the event being written
  bool first_ = true;
};

}  // namespace forerun

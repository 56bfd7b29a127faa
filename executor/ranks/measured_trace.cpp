#include "executor/ranks/measured_trace.hpp"

#include <fmt/format.h>

#include <array>
#include <cassert>

#include "sim/trace/trace_file.hpp"
#include "sim/trace/trace_writer.hpp"

namespace forerun {
namespace {

constexpr std::size_t track_count = 2 * lane_count;

Tick to_ticks(std::chrono::nanoseconds time) {
  assert(time.count() >= 0 && "before the origin");
  return static_cast<Tick>(time.count()) * 1000;
}

std::string track_name(std::size_t track) {
  const std::string_view lane = to_string(static_cast<Lane>(track / 2));
  return track % 2 == 0 ? std::string(lane) : fmt::format("{}, computation waits", lane);
}

void write_tracks(const RankRun& run, TraceWriter& out) {
  std::array<bool, track_count> used{};
  for (const Interval& interval : run.intervals) used[interval.lane] = true;
  for (std::size_t track = 0; track < track_count; ++track) {
    if (used[track])
      out.track({run.rank, static_cast<std::int64_t>(track) + 1}, track_name(track), static_cast<std::int64_t>(track));
  }
}

void write_memory(const RankRun& run, TraceWriter& out) {
  const auto is = [&](std::uint64_t nanoseconds, std::int64_t alive) {
    out.counter(run.rank, "memory (bytes)", nanoseconds * 1000,
                std::array{TraceArgument{"held", run.held}, TraceArgument{"alive", alive}});
  };
  is(0, 0);
  std::int64_t alive = 0;
  for (std::size_t i = 0; i < run.memory.size(); ++i) {
    alive += run.memory[i].delta;
    const bool last = i + 1 == run.memory.size() || run.memory[i + 1].position != run.memory[i].position;
    if (last) is(run.memory[i].position, alive);
  }
}

}  // namespace

void write_measured_trace(std::span<const RankRun> runs, std::ostream& stream) {
  TraceWriter out(stream);
  for (const RankRun& run : runs) {
    out.process(run.rank, run.name, run.rank);
    write_tracks(run, out);
    for (const Interval& i : run.intervals) {
      out.slice({{run.rank, i.lane + std::int64_t{1}}, i.name, i.category, to_ticks(i.begin), to_ticks(i.end), {}});
    }
    write_memory(run, out);
  }
}

Problems save_measured_trace(std::span<const RankRun> runs, const std::string& path) {
  return save_trace_file(path, [&](std::ostream& out) { write_measured_trace(runs, out); });
}

}  // namespace forerun

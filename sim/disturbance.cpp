#include "sim/disturbance.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/random.hpp"

namespace forerun {
namespace {

double noise(const Disturbance& disturbance, std::size_t task) {
  if (disturbance.jitter == 0) return 1;
  return std::exp(disturbance.jitter * Random::stream(disturbance.seed, task + 1).normal());
}

// By stream; 1 unless it is said to be slow.
std::vector<double> stream_factors(const TaskGraph& graph, const Disturbance& disturbance) {
  std::vector<double> factor(graph.streams, 1);
  for (const auto& [stream, slow] : disturbance.slow) {
    assert(slow >= 0);
    factor[index(stream)] = slow;
  }
  return factor;
}

double slowness(std::span<const StreamId> streams, const std::vector<double>& factor) {
  if (streams.empty()) return 1;
  double most = 0;
  for (const StreamId stream : streams) most = std::max(most, factor[index(stream)]);
  return most;
}

Tick scaled(Tick work, double factor) {
  return factor == 1 ? work : static_cast<Tick>(std::round(static_cast<double>(work) * factor));
}

}  // namespace

std::vector<Tick> disturbed_work(const TaskGraph& graph, const Disturbance& disturbance) {
  const std::vector<double> factor = stream_factors(graph, disturbance);
  std::vector<Tick> work(graph.size());
  for (std::uint32_t t = 0; t < graph.size(); ++t) {
    work[t] = scaled(graph.work[t], noise(disturbance, t) * slowness(graph.streams_of(TaskId{t}), factor));
  }
  return work;
}

}  // namespace forerun

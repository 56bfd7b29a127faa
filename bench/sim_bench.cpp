// How many events a second does the event core handle, and how long does it take to set up and replay a training step
// of many ranks?
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "sim/event_queue.hpp"
#include "sim/replay.hpp"
#include "sim/task_graph.hpp"

namespace forerun {
namespace {

// The hold model: so many events are pending; the first is taken and one is scheduled a random while after it.
void event_queue_hold(benchmark::State& state) {
  const auto pending = static_cast<std::uint32_t>(state.range(0));
  Random random(1);
  const auto later = [&] { return random.next() >> 24; };  // up to 2^40 ps, about a second: hardly ever the same twice
  EventQueue queue;
  for (std::uint32_t i = 0; i < pending; ++i) queue.push(later(), TaskId{i});
  const auto hold = [&] {
    const Event event = queue.top();
    queue.pop();
    queue.push(event.at + later(), event.task);
  };
  for (std::uint32_t i = 0; i < pending; ++i) hold();
  for (auto _ : state) hold();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_queue_hold)->Arg(65536)->Arg(1048576);

// A training step of 32 layers over TP 8 x DP: per layer two computations and two all-reduces over TP (16 MB) forward,
// the same backward, and an all-reduce of gradients over DP (64 MB) beside it, on a stream of its own. A collective is
// one task on the streams of all its ranks.
constexpr std::uint32_t tp = 8, layers = 32;
constexpr double compute_units = 132, communication_units = 20;

Tick ring_all_reduce(std::uint32_t ranks, Bytes message, BytesPerSecond bandwidth) {
  return to_ticks(2.0 * (ranks - 1) * (Seconds{2e-6} + message / ranks / bandwidth));
}

class TrainingStep {
 public:
  TrainingStep(std::uint32_t dp, bool contended) : dp_(dp), contended_(contended) {
    const std::size_t ranks = std::size_t{tp} * dp, computations = 4 * layers * ranks, members = 5 * layers * ranks;
    builder_.reserve({.tasks = 2 * computations, .enqueued = computations + members, .dependencies = 2 * members});
    for (std::uint32_t rank = 0; rank < tp * dp; ++rank) {
      compute_.push_back(builder_.add_stream());
      gradients_.push_back(builder_.add_stream());
      if (contended) units_.push_back(builder_.add_capacity(compute_units));
    }
    for (std::uint32_t layer = 0; layer < layers; ++layer) blocks(Seconds{400e-6});
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      blocks(Seconds{800e-6});
      for (std::uint32_t shard = 0; shard < tp; ++shard) reduce_gradients(shard);
    }
  }

  TaskGraph build() { return builder_.build(); }

 private:
  // Two computations and the all-reduces after them, for all ranks.
  void blocks(Seconds computation) {
    for (int half = 0; half < 2; ++half) {
      last_.clear();
      for (std::uint32_t rank = 0; rank < tp * dp_; ++rank) compute(rank, computation);
      for (std::uint32_t replica = 0; replica < dp_; ++replica) reduce_activations(replica);
    }
  }

  // Replicas differ by some nanoseconds, as inputs do: no two of them end at the same time.
  void compute(std::uint32_t rank, Seconds time) {
    const TaskId task = builder_.add_task(to_ticks(time) + 1000 * (rank / tp));
    builder_.enqueue(task, compute_[rank]);
    if (contended_) builder_.demand(task, units_[rank], compute_units);
    last_.push_back(task);
  }

  void reduce_activations(std::uint32_t replica) {
    const TaskId task = builder_.add_task(ring_all_reduce(tp, Bytes{16e6}, BytesPerSecond{400e9}));
    for (std::uint32_t shard = 0; shard < tp; ++shard) builder_.enqueue(task, compute_[replica * tp + shard]);
  }

  void reduce_gradients(std::uint32_t shard) {
    const TaskId task = builder_.add_task(ring_all_reduce(dp_, Bytes{64e6}, BytesPerSecond{50e9}));
    for (std::uint32_t replica = 0; replica < dp_; ++replica) {
      const std::uint32_t rank = replica * tp + shard;
      builder_.enqueue(task, gradients_[rank]);
      builder_.depend(last_[rank], task);
      if (contended_) builder_.demand(task, units_[rank], communication_units);
    }
  }

  std::uint32_t dp_;
  bool contended_;
  TaskGraphBuilder builder_;
  std::vector<StreamId> compute_, gradients_;
  std::vector<CapacityId> units_;  // of a rank: what computations and collectives share
  std::vector<TaskId> last_;  // computation of each rank
};

// Items are nodes as other simulators count them: a collective once for each of its ranks.
void count(benchmark::State& state, const TaskGraph& graph) {
  const std::size_t nodes = graph.stream.size();
  state.counters["nodes"] = static_cast<double>(nodes);
  state.counters["tasks"] = static_cast<double>(graph.size());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(nodes));
}

void replay_512_ranks(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(replay(TrainingStep(64, false).build()).makespan);
  count(state, TrainingStep(64, false).build());
}
BENCHMARK(replay_512_ranks)->Unit(benchmark::kMillisecond);

// The same, and the all-reduce of gradients slows the computations of its 64 ranks, and they it.
void replay_512_ranks_contended(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(replay(TrainingStep(64, true).build()).makespan);
  count(state, TrainingStep(64, true).build());
}
BENCHMARK(replay_512_ranks_contended)->Unit(benchmark::kMillisecond);

void set_up_4096_ranks(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(TrainingStep(512, false).build());
  count(state, TrainingStep(512, false).build());
}
BENCHMARK(set_up_4096_ranks)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace forerun

// Do step-by-step collectives take as long as the course says (exercises E10 to E12: 1 GB, links of 50 GB/s, 8 ranks)?
#include <gtest/gtest.h>

#include "sim/replay.hpp"

namespace forerun {
namespace {

constexpr int ranks = 8;
constexpr BytesPerSecond bandwidth{50e9};
constexpr Bytes gigabyte{1e9};

// A stream for each link.
struct Links {
  TaskGraphBuilder builder;
  std::vector<StreamId> link;

  explicit Links(int count) {
    for (int i = 0; i < count; ++i) link.push_back(builder.add_stream());
  }
  TaskId send(int over, Bytes bytes, Seconds latency = Seconds{0}) {
    const TaskId task = builder.add_task(to_ticks(latency + bytes / bandwidth));
    builder.enqueue(task, link[static_cast<std::size_t>(over)]);
    return task;
  }
  Seconds time() { return to_seconds(replay(builder.build()).makespan); }
};

// The root sends the whole to one after the other.
Seconds naive_broadcast() {
  Links links(1);
  for (int receiver = 1; receiver < ranks; ++receiver) links.send(0, gigabyte);
  return links.time();
}

// A chain: a link passes a chunk on once the link before has brought it.
Seconds pipelined_broadcast(int chunks) {
  Links links(ranks - 1);
  for (int chunk = 0; chunk < chunks; ++chunk) {
    TaskId arrived = links.send(0, gigabyte / chunks);
    for (int hop = 1; hop < ranks - 1; ++hop) {
      const TaskId onward = links.send(hop, gigabyte / chunks);
      links.builder.depend(arrived, onward);
      arrived = onward;
    }
  }
  return links.time();
}

// In each step every rank sends an eighth to the next one, which passes on in the next step what it received.
Seconds ring(Bytes message, int steps, Seconds latency = Seconds{0}) {
  Links links(ranks);
  std::vector<TaskId> before;
  for (int step = 0; step < steps; ++step) {
    std::vector<TaskId> now;
    for (int rank = 0; rank < ranks; ++rank) now.push_back(links.send(rank, message / ranks, latency));
    for (int rank = 0; rank < ranks && step > 0; ++rank) {
      links.builder.depend(before[static_cast<std::size_t>(rank)], now[static_cast<std::size_t>((rank + 1) % ranks)]);
    }
    before = now;
  }
  return links.time();
}
constexpr int phase = ranks - 1;  // reduce-scatter, or all-gather

// 7 x 20 ms; (16 + 6) chunks of 1.25 ms; without end, the 20 ms of the message alone.
TEST(E10, BroadcastNaiveAndPipelined) {
  EXPECT_NEAR(naive_broadcast().value(), 140e-3, 1e-11);
  EXPECT_NEAR(pipelined_broadcast(16).value(), 27.5e-3, 1e-11);
  EXPECT_NEAR(pipelined_broadcast(4096).value(), 20e-3, 0.01 * 20e-3);
}

TEST(E11, RingAllReduce) {  // 2 x 7 / 8 x 20 ms
  EXPECT_NEAR(ring(gigabyte, 2 * phase).value(), 35.0e-3, 1e-11);
  EXPECT_NEAR(ring(gigabyte, phase).value(), 17.5e-3, 1e-11);
}

TEST(E12, RingAllReduceWithLatency) {  // 14 x 10 us more; 64 KB are 64,000 bytes: 14 x (10 us + 0.16 us)
  EXPECT_NEAR(ring(gigabyte, 2 * phase, Seconds{10e-6}).value(), 35.14e-3, 1e-11);
  EXPECT_NEAR(ring(Bytes{64e3}, 2 * phase, Seconds{10e-6}).value(), 142.24e-6, 1e-11);
}

}  // namespace
}  // namespace forerun

// Do collectives behave as physics wants, whatever the group?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "costmodel/collective_model.hpp"

namespace forerun {
namespace {

struct World {
  Topology topology;
  FamilyParameters parameters;
  [[nodiscard]] Seconds time(CollectiveKind kind, Bytes bytes, const std::vector<Axis>& group) const {
    return make_collectives(parameters)->time({kind, bytes}, place(topology, group)).median;
  }
};

Seconds microseconds(int most) { return Seconds{1e-6 * *rc::gen::inRange(0, most)}; }
double share() { return 0.1 * *rc::gen::inRange(1, 11); }

// Eight devices a node, 64 in all; no network is faster than the fabric.
World some_world() {
  const auto nic = BytesPerSecond{1e9 * *rc::gen::inRange(1, 51)};
  const auto port = BytesPerSecond{1e9 * *rc::gen::inRange(400, 1000)};
  World world{
      .topology =
          {.devices = 64,
           .levels = {{.size = 8, .per_device = port, .per_component = port, .latency = microseconds(3)},
                      {.size = 64, .per_device = nic, .per_component = 8.0 * nic, .latency = microseconds(10)}}},
      .parameters = {}};
  CollectiveParameters& p = world.parameters.collective;
  p.intra_bandwidth = 1, p.inter_bandwidth = share(), p.all_to_all = share();
  p.base = microseconds(20), p.intra_hop = microseconds(5), p.inter_hop = p.intra_hop + microseconds(20);
  return world;
}

std::vector<Axis> some_group() {
  const int size = 1 << *rc::gen::inRange(0, 7);
  int stride = 1;
  while (2 * stride * size <= 64 && *rc::gen::arbitrary<bool>()) stride *= 2;
  return {{size, stride}};
}

Bytes some_bytes() { return Bytes{static_cast<double>(*rc::gen::inRange(0, 1 << 30))}; }
CollectiveKind some_kind() {
  return *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter,
                           CollectiveKind::all_to_all, CollectiveKind::broadcast, CollectiveKind::send);
}

constexpr double slack = 1 + 1e-12;

// I-5: as a ring, an all-reduce is a reduce-scatter and an all-gather, started once; a tree may only be faster.
RC_GTEST_PROP(Collectives, ReduceAsScatterAndGather, ()) {
  World world = some_world();
  const auto group = some_group();
  const Bytes bytes = some_bytes();
  const Seconds passes =
      world.time(CollectiveKind::reduce_scatter, bytes, group) + world.time(CollectiveKind::all_gather, bytes, group);
  const Seconds once = group[0].count > 1 ? world.parameters.collective.base : Seconds{0};
  RC_ASSERT(world.time(CollectiveKind::all_reduce, bytes, group) <= slack * (passes - once) + Seconds{1e-15});
  world.parameters.collective = {.intra_bandwidth = 1, .inter_bandwidth = 1};  // without latency a tree never wins
  for (Level& level : world.topology.levels) level.latency = Seconds{0};
  const Seconds ring = 2.0 * world.time(CollectiveKind::all_gather, bytes, group);
  const Seconds reduce = world.time(CollectiveKind::all_reduce, bytes, group);
  RC_ASSERT(reduce <= slack * ring);
  RC_ASSERT(reduce * slack >= ring);
}

RC_GTEST_PROP(Collectives, OfOneAreFree, ()) {  // I-6
  const World world = some_world();
  RC_ASSERT(world.time(some_kind(), some_bytes(), {{1, 1 << *rc::gen::inRange(0, 6)}}) == Seconds{0});
}

RC_GTEST_PROP(Collectives, TakeLongerForMore, ()) {  // I-7, in N
  const World world = some_world();
  const auto group = some_group();
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(world.time(kind, bytes, group) <= world.time(kind, bytes + some_bytes(), group));
}

RC_GTEST_PROP(Collectives, AreNotSlowedByBandwidth, ()) {  // I-7, in B
  const World world = some_world();
  World faster = world;
  for (Level& level : faster.topology.levels) level.per_device *= 2, level.per_component *= 2;
  const auto group = some_group();
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(faster.time(kind, bytes, group) <= world.time(kind, bytes, group));
}

RC_GTEST_PROP(Collectives, TakeLongerForLargerGroups, ()) {  // I-7, in k
  const World world = some_world();
  const int stride = 1 << *rc::gen::inRange(0, 3);
  const Bytes bytes = some_bytes();
  const CollectiveKind kind =
      *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter);
  Seconds before{0};
  for (int size = 1; size * stride <= 64; size *= 2) {
    const Seconds now = world.time(kind, bytes, {{size, stride}});
    RC_ASSERT(now >= before);
    before = now;
  }
}

RC_GTEST_PROP(Collectives, SendLessThanTwiceTheirBytes, ()) {  // I-7: the bandwidth term is below 2 N / B
  World world = some_world();
  world.parameters.collective = {.intra_bandwidth = 1, .inter_bandwidth = 1};
  for (Level& level : world.topology.levels) level.latency = Seconds{0};
  const Bytes bytes = some_bytes() + Bytes{1};
  RC_ASSERT(world.time(CollectiveKind::all_reduce, bytes, {{8, 1}}) <
            2.0 * bytes / world.topology.levels[0].per_device);
  RC_ASSERT(world.time(CollectiveKind::all_reduce, bytes, {{8, 8}}) <
            2.0 * bytes / world.topology.levels[1].per_device);
}

RC_GTEST_PROP(Collectives, AreBestInOnePiece, ()) {  // I-8: T(aN) <= a T(N)
  const World world = some_world();
  const auto group = some_group();
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  const double a = 1 + 0.1 * *rc::gen::inRange(0, 100);
  RC_ASSERT(world.time(kind, a * bytes, group) <= slack * a * world.time(kind, bytes, group));
}

RC_GTEST_PROP(Collectives, InsideANodeDoNotSeeTheNetwork, ()) {  // I-12: one node is flat
  const World world = some_world();
  World flat = world;
  flat.topology.devices = 8;
  flat.topology.levels.pop_back();
  const int size = 1 << *rc::gen::inRange(0, 4);
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(world.time(kind, bytes, {{size, 1}}) == flat.time(kind, bytes, {{size, 1}}));
}

RC_GTEST_PROP(WireBytes, AddUp, ()) {  // I-5, I-9; where the size divides, an all-reduce sends what its two passes send
  const int k = *rc::gen::inRange(1, 65);
  const std::int64_t n = *rc::gen::inRange<std::int64_t>(0, 1 << 20) * k;
  const auto wire = [&](CollectiveKind kind) { return wire_bytes(kind, n, Bytes{2}, k); };
  RC_ASSERT(wire(CollectiveKind::all_reduce) ==
            wire(CollectiveKind::reduce_scatter) + wire(CollectiveKind::all_gather));
  RC_ASSERT(wire(CollectiveKind::all_to_all) == Bytes{2.0 * static_cast<double>(n / k * (k - 1))});
}

RC_GTEST_PROP(WireBytes, AreBetweenTheMeanAndAllOfIt, ()) {
  const int k = *rc::gen::inRange(2, 65);
  const std::int64_t n = *rc::gen::inRange<std::int64_t>(0, 1 << 20);
  const double mean = static_cast<double>(n) * (k - 1) / k;  // all ranks together send (k-1) n
  const double one = wire_bytes(CollectiveKind::all_gather, n, Bytes{1}, k).value(),
               two = wire_bytes(CollectiveKind::all_reduce, n, Bytes{1}, k).value();
  RC_ASSERT(one >= mean - 1e-6 && one <= mean + 1 && one <= static_cast<double>(n));
  RC_ASSERT(two >= 2 * mean - 1e-6 && two <= 2 * one);
}

// I-11: a group is a set: in which order its members are named changes nothing.
RC_GTEST_PROP(Collectives, DoNotDependOnTheOrderOfMembers, ()) {
  const World world = some_world();
  const int inner = 1 << *rc::gen::inRange(0, 4), outer = 1 << *rc::gen::inRange(0, 3);
  const std::vector<Axis> near_first{{inner, 1}, {outer, 64 / outer}}, far_first{{outer, 64 / outer}, {inner, 1}};
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(world.time(kind, bytes, near_first) == world.time(kind, bytes, far_first));
}

// I-11: a ring is never faster than its slowest link: one NIC for each member that a node holds, where it leaves the
// node.
RC_GTEST_PROP(Collectives, AreNotFasterThanTheSlowestLink, ()) {
  const World world = some_world();
  const auto group = some_group();
  const int n = group[0].count, inside = std::clamp(8 / group[0].stride, 1, n);
  if (n == 1) return;
  const BytesPerSecond port = world.topology.levels[0].per_device, nics = inside * world.topology.levels[1].per_device;
  const BytesPerSecond slowest = inside == n ? port : inside == 1 ? nics : min(port, nics);
  const Bytes bytes = some_bytes();
  const double moved = static_cast<double>(n - 1) / n;
  RC_ASSERT(world.time(CollectiveKind::all_gather, bytes, group) * slack >= moved * bytes / slowest);
}

}  // namespace
}  // namespace forerun

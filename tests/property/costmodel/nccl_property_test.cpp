// Do NCCL's model and the curves fitted to it behave as physics wants, whatever the group?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "costmodel/collective_model.hpp"

namespace forerun {
namespace {

const FamilyParameters& family(const std::string& name) {
  static const std::map<std::string, FamilyParameters> all = [] {
    std::map<std::string, FamilyParameters> list;
    for (const char* one : {"volta", "ampere", "hopper", "blackwell"})
      list.emplace(one, find_family_parameters(one).value());
    return list;
  }();
  return all.at(name);
}

// Eight devices a node, with a port faster than a node's share of the network.
struct World {
  std::shared_ptr<const CollectiveModel> model;
  BytesPerSecond port, nic;
  Topology topology;
  [[nodiscard]] Seconds time(CollectiveKind kind, Bytes bytes, const std::vector<Axis>& group) const {
    return model->time({kind, bytes}, place(topology, group)).median;
  }
};

Topology nodes_of_8(int nodes, BytesPerSecond port, BytesPerSecond nic, Seconds latency, bool switched) {
  return {.devices = 8 * nodes,
          .levels = {{.size = 8, .per_device = port, .per_component = port, .reduces_in_switch = switched},
                     {.size = 8 * nodes, .per_device = nic, .per_component = 8.0 * nic, .latency = latency}}};
}

World some_world() {
  World world;
  const std::string name = *rc::gen::element<std::string>("volta", "ampere", "hopper", "blackwell");
  world.model = make_collectives(family(name));
  world.port = BytesPerSecond{1e9 * *rc::gen::inRange(150, 1000)};
  world.nic = BytesPerSecond{1e9 * *rc::gen::inRange(2, 60)};
  world.topology =
      nodes_of_8(64, world.port, world.nic, Seconds{1e-6 * *rc::gen::inRange(0, 100)}, *rc::gen::arbitrary<bool>());
  return world;
}

Bytes some_bytes() { return Bytes{std::exp2(*rc::gen::inRange(0, 340) / 10.0)}; }
CollectiveKind some_kind() {
  return *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter,
                           CollectiveKind::all_to_all, CollectiveKind::broadcast, CollectiveKind::send);
}
std::vector<Axis> some_group() {
  const int size = 1 << *rc::gen::inRange(1, 9);
  int stride = 1;
  while (2 * stride * size <= 512 && *rc::gen::arbitrary<bool>()) stride *= 2;
  return {{size, stride}};
}

constexpr double slack = 1 + 1e-9;

RC_GTEST_PROP(NcclCollectives, OfOneAreFree, ()) {
  RC_ASSERT(some_world().time(some_kind(), some_bytes(), {{1, 1}}) == Seconds{0});
}

RC_GTEST_PROP(NcclCollectives, TakeLongerForMoreBytes, ()) {
  const World world = some_world();
  const auto group = some_group();
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(world.time(kind, bytes, group) <=
            slack * world.time(kind, (1 + 0.01 * *rc::gen::inRange(0, 300)) * bytes, group));
}

// More ranks never help, but for the reduction in the switch that five have and four have not, and for an all-to-all,
// whose messages become smaller (64 KiB on H100: 12 us with two ranks, 9 with eight).
RC_GTEST_PROP(NcclCollectives, TakeLongerForMoreRanks, ()) {
  World world = some_world();
  world.topology.levels[0].reduces_in_switch = false;
  const CollectiveKind kind =
      *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather, CollectiveKind::reduce_scatter);
  const Bytes bytes = some_bytes();
  Seconds before{0};
  for (int size = 2; size <= 8; size *= 2) {
    const Seconds now = world.time(kind, bytes, {{size, 1}});
    RC_ASSERT(before <= slack * now);
    before = now;
  }
}

RC_GTEST_PROP(NcclCollectives, ReduceNotFasterThanTheyGather, ()) {
  const World world = some_world();
  const auto group = some_group();
  const Bytes bytes = some_bytes();
  // A tree over many nodes takes fewer steps than a ring, which is all that gathers have; so only inside a node.
  const int n = std::min(group[0].count, 8);
  if (world.topology.levels[0].reduces_in_switch) return;  // the switch sends a rank's data once, a ring twice
  RC_ASSERT(world.time(CollectiveKind::all_gather, bytes, {{n, 1}}) <=
            slack * world.time(CollectiveKind::all_reduce, bytes, {{n, 1}}));
}

// Bus bandwidth stays below the port; reduced in the switch, up to 1.07 of it (the switch adds, but each rank sends
// once).
RC_GTEST_PROP(NcclCollectives, StayBelowTheirLinks, ()) {
  const World world = some_world();
  const int n = 1 << *rc::gen::inRange(1, 4);
  const Bytes bytes = some_bytes();
  const CollectiveKind kind = *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather,
                                                CollectiveKind::reduce_scatter, CollectiveKind::all_to_all);
  const double passes = kind == CollectiveKind::all_reduce ? 2 : 1;
  const Seconds time = world.time(kind, bytes, {{n, 1}});
  const double limit = kind == CollectiveKind::all_reduce && world.topology.levels[0].reduces_in_switch ? 1.07 : 1;
  RC_ASSERT(passes * (n - 1) / n * bytes / time <= limit * world.port);
}

RC_GTEST_PROP(NcclCollectives, AreNotSlowedByBandwidth, ()) {
  const World world = some_world();
  World faster = world;
  for (Level& level : faster.topology.levels) level.per_device *= 2, level.per_component *= 2;
  const auto group = some_group();
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(faster.time(kind, bytes, group) <= slack * world.time(kind, bytes, group));
}

RC_GTEST_PROP(NcclCollectives, InsideANodeDoNotSeeTheNetwork, ()) {
  const World world = some_world();
  World flat = world;
  flat.topology.devices = 8;
  flat.topology.levels.pop_back();
  const int size = 1 << *rc::gen::inRange(1, 4);
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(world.time(kind, bytes, {{size, 1}}) == flat.time(kind, bytes, {{size, 1}}));
}

RC_GTEST_PROP(NcclCollectives, WaitForASlowerNetwork, ()) {
  const World world = some_world();
  World farther = world;
  farther.topology.levels[1].latency += Seconds{1e-5};
  const auto group = some_group();
  const CollectiveKind kind = some_kind();
  const Bytes bytes = some_bytes();
  RC_ASSERT(world.time(kind, bytes, group) <= slack * farther.time(kind, bytes, group));
}

}  // namespace
}  // namespace forerun

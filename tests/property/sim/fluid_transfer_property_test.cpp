// Do transfers keep to what their links can carry, over the whole time?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "sim/fluid_transfer.hpp"
#include "tests/support/cases.hpp"

namespace forerun {
namespace {

struct Scene {
  std::vector<double> links;
  std::vector<Transfer> transfers;
};

Scene some_scene() {
  Random random(*rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint64_t>())));
  const auto amount = [&] { return std::pow(10.0, 3 * random.uniform()); };
  Scene scene;
  for (std::uint64_t n = 1 + random.next() % 6; n > 0; --n) scene.links.push_back(amount());
  for (std::uint64_t n = 1 + random.next() % 20; n > 0; --n) {
    Transfer transfer{.size = amount(), .path = {}};
    if (random.next() % 2 == 0) transfer.start = to_ticks(Seconds{random.uniform()});
    transfer.path.push_back(
        {.capacity = CapacityId{static_cast<std::uint32_t>(random.next() % scene.links.size())}, .share = 1});
    const auto other = static_cast<std::uint32_t>(random.next() % scene.links.size());
    if (CapacityId{other} != transfer.path[0].capacity)
      transfer.path.push_back({.capacity = CapacityId{other}, .share = 1});
    scene.transfers.push_back(transfer);
  }
  return scene;
}

double alone(const Scene& scene, const Transfer& transfer) {
  double narrowest = no_cap;
  for (const Demand& demand : transfer.path) narrowest = std::min(narrowest, scene.links[index(demand.capacity)]);
  return transfer.size / narrowest;
}

RC_GTEST_PROP(FinishTimes, AreNeverBeforeThoseOfOneAlone, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Scene scene = some_scene();
    const std::vector<Tick> finish = finish_times(scene.links, scene.transfers);
    for (std::size_t t = 0; t < finish.size(); ++t) {
      const double took = to_seconds(finish[t] - scene.transfers[t].start).value();
      RC_ASSERT(took >= alone(scene, scene.transfers[t]) * (1 - 1e-9) - 1e-10);
    }
  }
}

// A link needs the time for all that crosses it. And the last one is there no later than if they went in a row: at any
// moment some link is full, so that parts of their times alone that add up to at least 1 are done in each second.
RC_GTEST_PROP(FinishTimes, LieBetweenTheBusiestLinkAndOneAfterTheOther, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    Scene scene = some_scene();
    std::vector<double> load(scene.links.size(), 0.0);
    double in_a_row = 0;
    for (Transfer& transfer : scene.transfers) {
      transfer.start = 0;
      in_a_row += alone(scene, transfer);
      for (const Demand& demand : transfer.path) load[index(demand.capacity)] += transfer.size;
    }
    const double last = to_seconds(std::ranges::max(finish_times(scene.links, scene.transfers))).value();
    for (std::size_t l = 0; l < load.size(); ++l) RC_ASSERT(last >= load[l] / scene.links[l] * (1 - 1e-9) - 1e-10);
    RC_ASSERT(last <= in_a_row * (1 + 1e-9) + 1e-10);
  }
}

// Twice the size on links twice as wide takes as long: all numbers scale by a power of two, so that not even the
// rounding differs.
RC_GTEST_PROP(FinishTimes, DependOnSizeOverBandwidthAlone, ()) {
  for (int i = 0; i < test::per_case; ++i) {
    const Scene scene = some_scene();
    Scene twice = scene;
    for (double& link : twice.links) link *= 2;
    for (Transfer& transfer : twice.transfers) transfer.size *= 2;
    RC_ASSERT(finish_times(scene.links, scene.transfers) == finish_times(twice.links, twice.transfers));
  }
}

}  // namespace
}  // namespace forerun

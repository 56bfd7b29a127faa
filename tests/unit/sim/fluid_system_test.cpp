// Do flows share capacities as one computes by hand?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "sim/fluid_system.hpp"

namespace forerun {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Flows with a share of 1 of each of the capacities, and no cap.
FlowId start(FluidSystem& fluid, std::initializer_list<CapacityId> path, double cap = no_cap) {
  std::vector<Demand> demands;
  for (const CapacityId capacity : path) demands.push_back({.capacity = capacity, .share = 1});
  return fluid.start(demands, cap);
}

std::vector<FlowId> changed(FluidSystem& fluid) {
  const auto span = fluid.changed();
  return {span.begin(), span.end()};
}

TEST(FluidSystem, GivesALinkToOneAndHalvesToTwo) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(10);
  const FlowId a = start(fluid, {link});
  EXPECT_THAT(changed(fluid), ElementsAre(a));
  EXPECT_EQ(fluid.rate(a), 10);
  const FlowId b = start(fluid, {link});
  EXPECT_THAT(changed(fluid), UnorderedElementsAre(a, b));
  EXPECT_EQ(fluid.rate(a), 5);
  EXPECT_EQ(fluid.rate(b), 5);
}

TEST(FluidSystem, GivesBackWhatAStoppedFlowHad) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(9);
  const FlowId a = start(fluid, {link}), b = start(fluid, {link}), c = start(fluid, {link});
  fluid.changed();
  EXPECT_EQ(fluid.rate(a), 3);
  fluid.stop(b);
  EXPECT_THAT(changed(fluid), UnorderedElementsAre(a, c));
  EXPECT_EQ(fluid.rate(a), 4.5);
  fluid.stop(a);
  EXPECT_THAT(changed(fluid), ElementsAre(c));
  EXPECT_EQ(fluid.rate(c), 9);
  fluid.stop(c);
  EXPECT_THAT(changed(fluid), IsEmpty());
}

// Links of 10, 20 and 40, one flow across all, and one more on each. The first link gives 5 to each of its two; the
// long flow is then held at 5, which leaves 15 and 35.
TEST(FluidSystem, SharesAParkingLot) {
  FluidSystem fluid;
  const CapacityId first = fluid.add(10), second = fluid.add(20), third = fluid.add(40);
  const FlowId across = start(fluid, {first, second, third});
  const FlowId a = start(fluid, {first}), b = start(fluid, {second}), c = start(fluid, {third});
  fluid.changed();
  EXPECT_EQ(fluid.rate(across), 5);
  EXPECT_EQ(fluid.rate(a), 5);
  EXPECT_EQ(fluid.rate(b), 15);
  EXPECT_EQ(fluid.rate(c), 35);
  fluid.stop(a);  // now the second link is the narrowest: 20 / 2; the first is full with the long flow alone, at the
                  // same level
  EXPECT_THAT(changed(fluid), UnorderedElementsAre(across, b, c));
  EXPECT_EQ(fluid.rate(across), 10);
  EXPECT_EQ(fluid.rate(b), 10);
  EXPECT_EQ(fluid.rate(c), 30);
}

// The long flow, which the second link of 4 holds at 2, leaves 8 on the first; another long one takes 4 / 3 each, and
// leaves 10 - 8 / 3.
TEST(FluidSystem, ReportsWhomAChangeReachesThroughOthers) {
  FluidSystem fluid;
  const CapacityId first = fluid.add(10), second = fluid.add(4), elsewhere = fluid.add(1);
  const FlowId a = start(fluid, {first}), across = start(fluid, {first, second}), b = start(fluid, {second});
  const FlowId far = start(fluid, {elsewhere});
  fluid.changed();
  EXPECT_EQ(fluid.rate(a), 8);
  const FlowId more = start(fluid, {first, second});
  EXPECT_THAT(changed(fluid), UnorderedElementsAre(a, across, b, more));
  EXPECT_DOUBLE_EQ(fluid.rate(across), 4.0 / 3);
  EXPECT_DOUBLE_EQ(fluid.rate(a), 10 - 8.0 / 3);
  EXPECT_EQ(fluid.rate(far), 1);
}

TEST(FluidSystem, LeavesToOthersWhatACapDoesNotUse) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(10);
  const FlowId slow = start(fluid, {link}, 2), a = start(fluid, {link}), b = start(fluid, {link});
  fluid.changed();
  EXPECT_EQ(fluid.rate(slow), 2);
  EXPECT_EQ(fluid.rate(a), 4);  // (10 - 2) / 2
  EXPECT_EQ(fluid.rate(b), 4);
}

TEST(FluidSystem, PressesAFlowBelowItsCapAndLetsItBackUp) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(6);
  const FlowId a = start(fluid, {link}, 4);
  fluid.changed();
  EXPECT_EQ(fluid.rate(a), 4);
  const FlowId b = start(fluid, {link}, 3);  // 4 + 3 are too many: 3 each
  EXPECT_THAT(changed(fluid), UnorderedElementsAre(a, b));
  EXPECT_EQ(fluid.rate(a), 3);
  EXPECT_EQ(fluid.rate(b), 3);
  fluid.stop(b);
  EXPECT_THAT(changed(fluid), ElementsAre(a));
  EXPECT_EQ(fluid.rate(a), 4);
}

TEST(FluidSystem, CountsTheMembersOfAClass) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(10);
  const std::vector<Demand> demands{{.capacity = link, .share = 1}};
  const FlowId four = fluid.start(demands, no_cap, 4), one = fluid.start(demands, no_cap);
  fluid.changed();
  EXPECT_EQ(fluid.rate(four), 2);  // 10 / 5, each of its members
  EXPECT_EQ(fluid.rate(one), 2);
}

// A matrix product that can use all processors, and a collective beside it that takes 0.19 of them: r + 0.19 r = 1.
TEST(FluidSystem, SlowsATaskAndTheOneBesideItAlike) {
  FluidSystem fluid;
  const CapacityId processors = fluid.add(1);
  const std::vector<Demand> all{{.capacity = processors, .share = 1}}, some{{.capacity = processors, .share = 0.19}};
  const FlowId product = fluid.start(all);
  fluid.changed();
  EXPECT_EQ(fluid.rate(product), 1);
  const FlowId collective = fluid.start(some);
  fluid.changed();
  EXPECT_DOUBLE_EQ(fluid.rate(product), 1 / 1.19);
  EXPECT_DOUBLE_EQ(fluid.rate(collective), 1 / 1.19);
  fluid.stop(collective);
  EXPECT_THAT(changed(fluid), ElementsAre(product));
  EXPECT_EQ(fluid.rate(product), 1);
}

TEST(FluidSystem, TellsNobodyWhereThereIsRoom) {
  FluidSystem fluid;
  const std::vector<Demand> demands{{.capacity = fluid.add(1), .share = 0.3}};
  const FlowId a = fluid.start(demands);
  fluid.changed();
  const FlowId b = fluid.start(demands);
  EXPECT_THAT(changed(fluid), ElementsAre(b));
  fluid.stop(a);
  EXPECT_THAT(changed(fluid), IsEmpty());
  EXPECT_EQ(fluid.rate(b), 1);
}

// The double 0.1 is a little more than a tenth, so that ten are more than 1; and three are more than the double 0.3.
TEST(FluidSystem, RunsAtExactlyFullRateWhereSharesFillACapacityToRounding) {
  FluidSystem fluid;
  const CapacityId one = fluid.add(1), third = fluid.add(0.3);
  const std::vector<Demand> demands{{.capacity = one, .share = 0.1}};
  std::vector<FlowId> flows;
  for (int i = 0; i < 10; ++i) flows.push_back(fluid.start(demands));
  for (int i = 0; i < 3; ++i) flows.push_back(fluid.start(std::vector<Demand>{{.capacity = third, .share = 0.1}}));
  fluid.changed();
  for (const FlowId flow : flows) EXPECT_EQ(fluid.rate(flow), 1);
}

TEST(FluidSystem, AddsUpDemandsOnOneCapacity) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(9);
  const FlowId twice = start(fluid, {link, link}), once = start(fluid, {link});
  fluid.changed();
  EXPECT_EQ(fluid.rate(twice), 3);
  fluid.stop(twice);
  fluid.changed();
  EXPECT_EQ(fluid.rate(once), 9);
}

TEST(FluidSystem, RunsAFlowWithoutDemandsAtItsCap) {
  FluidSystem fluid;
  const FlowId free = fluid.start({}, 7);
  EXPECT_THAT(changed(fluid), ElementsAre(free));
  EXPECT_EQ(fluid.rate(free), 7);
}

TEST(FluidSystem, ReportsAChangeOnce) {
  FluidSystem fluid;
  const FlowId flow = start(fluid, {fluid.add(1)});
  EXPECT_THAT(changed(fluid), ElementsAre(flow));
  EXPECT_THAT(changed(fluid), IsEmpty());
  EXPECT_EQ(fluid.rate(flow), 1);
}

TEST(FluidSystem, GivesIdsAgain) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(1);
  const FlowId a = start(fluid, {link}), b = start(fluid, {link});
  fluid.stop(a);
  EXPECT_EQ(start(fluid, {link}), a);
  fluid.stop(b);
  EXPECT_EQ(start(fluid, {link}), b);
  EXPECT_THAT(changed(fluid), UnorderedElementsAre(a, b));
}

TEST(FluidSystem, ForgetsAFlowThatStopsBeforeAnybodyAsked) {
  FluidSystem fluid;
  const CapacityId link = fluid.add(8);
  const FlowId a = start(fluid, {link});
  fluid.changed();
  fluid.stop(start(fluid, {link}));
  EXPECT_THAT(changed(fluid), IsEmpty());
  EXPECT_EQ(fluid.rate(a), 8);
}

TEST(FluidSystemDeathTest, KnowsAStoppedFlow) {
  FluidSystem fluid;
  const FlowId flow = start(fluid, {fluid.add(1)});
  fluid.stop(flow);
  EXPECT_DEATH(fluid.stop(flow), "running");
}

}  // namespace
}  // namespace forerun

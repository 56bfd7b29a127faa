// Are predicted collectives right, against published nccl-tests runs?
#include <gtest/gtest.h>

#include <cstdio>

#include "reports/scores/collective_report.hpp"

namespace forerun {
namespace {

const CollectiveValidation& runs() {
  static const auto validation =
      validate_collectives(FORERUN_ROOT "/tests/validation/data/collectives.csv", WithLeftOut::yes);
  EXPECT_TRUE(validation) << to_string(validation.error());
  return *validation;
}

TEST(PublishedCollectives, AreAllScored) {
  std::puts(to_text(runs(), 220).c_str());
  EXPECT_EQ(runs().scored, runs().rows);
}

TEST(PublishedCollectives, InsideANode) {
  EXPECT_LE(runs().in_node.median, 0.05);
  for (const CollectiveGroup& g : runs().groups) {
    if (g.nodes > 1 || g.errors.n < 10 || g.evidence != Evidence::fitted || g.source == "vidur") continue;
    EXPECT_LE(g.errors.median, 0.05) << g.source << " " << g.gpu << " " << g.kind;
    EXPECT_LE(g.errors.p90, 0.20) << g.source << " " << g.gpu << " " << g.kind;
  }
}

TEST(PublishedCollectives, OverNodes) {
  for (const CollectiveGroup& g : runs().groups) {
    if (g.nodes == 1 || g.errors.n < 10 || g.source == "vidur") continue;
    EXPECT_LE(g.errors.median, 0.15) << g.source << " " << g.link;
    EXPECT_LE(g.errors.p90, 0.35) << g.source << " " << g.link;
    if (!g.link.starts_with("IB") && !g.link.starts_with("EFA")) continue;
    EXPECT_LE(g.left_out.median, 0.15) << g.source << " " << g.link;
    EXPECT_LE(g.left_out.p90, 0.35) << g.source << " " << g.link;
  }
}

TEST(PublishedCollectives, OfRanksThatNoFitSaw) {
  bool found = false;
  for (const HeldOutRanks& h : runs().held_out) {
    if (h.source != "vTrain") continue;
    found = true;
    EXPECT_LE(h.errors.median, 0.08);
    EXPECT_LE(h.errors.p90, 0.25);
  }
  EXPECT_TRUE(found);
}

TEST(PublishedCollectives, OnlyRowsThatNoFitSawCountAsLeftOut) {
  std::size_t left_out = 0;
  for (const CollectiveGroup& g : runs().groups) {
    left_out += g.left_out.n;
    EXPECT_LE(g.left_out.n, g.errors.n) << g.source << " " << g.kind;
    // Four sizes cannot be dealt into five folds of two.
    if (g.kind == "sendrecv" && g.nodes == 1) {
      EXPECT_EQ(g.left_out.n, 0U) << g.source;
    }
  }
  EXPECT_EQ(left_out, runs().in_node_left_out.n + runs().over_network_left_out.n);
  EXPECT_LT(runs().in_node_left_out.n, runs().in_node.n);
}

TEST(PublishedCollectives, FourInFiveAreInTheirBands) {
  EXPECT_GE(runs().in_node_left_out.in_band, 0.72);
  EXPECT_LE(runs().in_node_left_out.in_band, 0.88);
}

}  // namespace
}  // namespace forerun

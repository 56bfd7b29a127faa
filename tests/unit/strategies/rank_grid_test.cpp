// Do ranks stand where the order of the dimensions puts them, and are their groups the axes of that grid?
#include <gtest/gtest.h>

#include "strategies/plan/rank_grid.hpp"

namespace forerun {
namespace {

using Ranks = std::vector<int>;

TEST(RankGrid, NumbersRanksWithTpInnermost) {
  const RankGrid grid(Plan{.tp = 2, .cp = 3, .pp = 2, .dp = 4});  // rank = tp + 2 cp + 6 dp + 24 pp
  const RankCoordinates at = grid.at(1 + 2 * 2 + 6 * 3 + 24 * 1);
  EXPECT_EQ(at.tp, 1);
  EXPECT_EQ(at.cp, 2);
  EXPECT_EQ(at.dp, 3);
  EXPECT_EQ(at.pp, 1);
  EXPECT_EQ(grid.stage_ranks(), 24);
}

TEST(RankGrid, LaysExpertsOverTheRanksOfAStage) {
  // rank = etp + 2 ep + 4 expert_dp + 16 pp
  const RankGrid grid(Plan{.tp = 2, .sp = true, .pp = 2, .ep = 2, .etp = 2, .dp = 8});
  const RankCoordinates at = grid.at(1 + 2 * 1 + 4 * 3 + 16 * 1);
  EXPECT_EQ(at.etp, 1);
  EXPECT_EQ(at.ep, 1);
  EXPECT_EQ(at.expert_dp, 3);
  EXPECT_EQ(at.pp, 1);
}

TEST(RankGrid, HasGroupsThatAreAxes) {
  const RankGrid grid(Plan{.tp = 2, .cp = 2, .pp = 2, .dp = 2});  // rank = tp + 2 cp + 4 dp + 8 pp
  EXPECT_EQ(grid.members(GroupKind::tp, 5), (Ranks{4, 5}));
  EXPECT_EQ(grid.members(GroupKind::cp, 5), (Ranks{5, 7}));
  EXPECT_EQ(grid.members(GroupKind::dp, 5), (Ranks{1, 3, 5, 7}));  // gradients are replicated over cp and dp
  EXPECT_EQ(grid.members(GroupKind::next_stage, 5), (Ranks{5, 13}));
  const RankGrid sharded(Plan{.dp = 8, .zero = 3, .sharding_group = 4});
  EXPECT_EQ(sharded.members(GroupKind::shard, 6), (Ranks{4, 5, 6, 7}));
  EXPECT_EQ(sharded.members(GroupKind::replica, 6), (Ranks{2, 6}));
  // etp innermost, then ep, then copies
  const RankGrid experts(Plan{.tp = 2, .sp = true, .ep = 2, .etp = 2, .dp = 4});
  EXPECT_EQ(experts.members(GroupKind::etp, 6), (Ranks{6, 7}));
  EXPECT_EQ(experts.members(GroupKind::ep, 6), (Ranks{4, 6}));
  EXPECT_EQ(experts.members(GroupKind::expert_dp, 6), (Ranks{2, 6}));
}

TEST(RankGrid, JoinsTheEndsOfAPipelineAndMirroredStages) {
  const RankGrid grid(Plan{.tp = 2, .pp = 4});  // rank = tp + 2 pp
  EXPECT_EQ(grid.members(GroupKind::ends, 1), (Ranks{1, 7}));
  EXPECT_EQ(grid.members(GroupKind::ends, 7), (Ranks{1, 7}));
  EXPECT_EQ(grid.members(GroupKind::ends, 3), Ranks{});  // a stage between them
  EXPECT_EQ(grid.members(GroupKind::mirror, 5), (Ranks{3, 5}));  // stages 1 and 2
  EXPECT_EQ(RankGrid(Plan{.pp = 3}).members(GroupKind::mirror, 1), Ranks{1});  // its own mirror image
}

// ZeRO cuts weights over dp x cp, or over the ranks that share a copy under HSDP; experts have fewer copies.
TEST(RankGrid, CutsWeightsOverThoseThatShareACopy) {
  const RankGrid all(Plan{.cp = 2, .dp = 4, .zero = 1});
  EXPECT_EQ(all.shard_group(false), GroupKind::dp);
  EXPECT_EQ(all.shard_group(true), GroupKind::expert_dp);
  EXPECT_EQ(all.size(GroupKind::dp), 8);
  const RankGrid hybrid(Plan{.ep = 2, .dp = 8, .zero = 3, .sharding_group = 4});
  EXPECT_EQ(hybrid.shard_group(false), GroupKind::shard);
  EXPECT_EQ(hybrid.shard_group(true), GroupKind::expert_shard);
  EXPECT_EQ(hybrid.size(GroupKind::expert_shard), 2);  // 8 / ep = 4 copies, of which 4 / 8 share one
  EXPECT_EQ(hybrid.size(GroupKind::expert_replica), 2);
}

}  // namespace
}  // namespace forerun

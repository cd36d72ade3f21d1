// What a Node proposes for itself, and to whom it shows its views: through whole members.
#include <gtest/gtest.h>

#include "node/mini_cluster_fixture.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Told = std::shared_ptr<std::optional<OwnOutcome>>;

Told propose(MiniCluster* cluster, std::uint64_t id, raft::Term term) {
  auto told = std::make_shared<std::optional<OwnOutcome>>();
  etcdserverpb::PutRequest put;
  put.set_key("own");
  cluster->handle(id, OwnProposal{.kind = CommandKind::put,
                                  .request = put.SerializeAsString(),
                                  .term = term,
                                  .done = [told](OwnOutcome outcome) { *told = std::move(outcome); }});
  return told;
}

TEST(OwnProposal, IsAppliedEverywhereAndItsOutcomeToldHere) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  const auto client = cluster.put(leader, "a", "1");
  const Told told = propose(&cluster, leader, cluster.node(leader).status().term);
  EXPECT_FALSE(told->has_value());
  cluster.advance(milliseconds(200));
  ASSERT_TRUE(told->has_value() && client->has_value());
  EXPECT_EQ((*told)->kind, OwnOutcome::Kind::applied);
  EXPECT_EQ((*told)->applied.revision, 3) << "behind the client's of the same turn";
  for (std::uint64_t id = 1; id <= 3; ++id) EXPECT_EQ(cluster.node(id).view()->revision(), 3) << id;
}

TEST(OwnProposal, OfAFollowerIsRefusedAndForwardedToNobody) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.advance(milliseconds(200));
  const std::uint64_t follower = leader == 1 ? 2 : 1;
  const Told told = propose(&cluster, follower, cluster.node(follower).status().term);
  cluster.advance(milliseconds(200));
  ASSERT_TRUE(told->has_value());
  EXPECT_EQ((*told)->kind, OwnOutcome::Kind::refused);
  EXPECT_EQ(cluster.node(leader).view()->revision(), 1);
}

TEST(OwnProposal, OfADeposedLeaderIsOutlivedAndNeverProposedAgain) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.advance(milliseconds(200));
  cluster.cut(leader);
  const Told told = propose(&cluster, leader, cluster.node(leader).status().term);
  cluster.settle();
  ASSERT_NE(cluster.elect(), leader);
  EXPECT_FALSE(told->has_value()) << "it may still be committed, as far as this member knows";
  cluster.heal();
  cluster.advance(seconds(3));
  ASSERT_TRUE(told->has_value());
  EXPECT_EQ((*told)->kind, OwnOutcome::Kind::outlived);
  EXPECT_EQ(cluster.node(leader).view()->revision(), 1);
}

TEST(OwnProposal, BeyondTheConfiguredLimitsIsRefusedAsOverloaded) {
  for (const bool by_count : {true, false}) {
    MiniCluster cluster(3, [by_count](Config* config) {
      if (by_count) config->own_proposals_max = 1;
      if (!by_count) config->own_proposal_bytes_max = 1;
    });
    const std::uint64_t leader = cluster.elect();
    cluster.advance(milliseconds(200));
    const raft::Term term = cluster.node(leader).status().term;
    const Told first = propose(&cluster, leader, term), second = propose(&cluster, leader, term);
    cluster.advance(milliseconds(200));
    ASSERT_TRUE(first->has_value() && second->has_value());
    EXPECT_EQ((*first)->kind, OwnOutcome::Kind::applied) << "a single one always fits";
    EXPECT_EQ((*second)->kind, OwnOutcome::Kind::refused);
  }
}

TEST(OwnProposal, DuringATransferIsRefused) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.advance(milliseconds(200));
  cluster.handle(leader, TransferLeadership{raft::NodeId{leader == 1 ? 2U : 1U}});
  const Told told = propose(&cluster, leader, cluster.node(leader).status().term);
  cluster.node(leader).flush();
  ASSERT_TRUE(told->has_value());
  EXPECT_EQ((*told)->kind, OwnOutcome::Kind::refused);
}

TEST(Views, ArePublishedOncePerTurnThatAppliedSomethingToWhoeverListens) {
  MiniCluster cluster(1);
  ASSERT_EQ(cluster.elect(), 1U);
  cluster.settle();
  cluster.put(1, "a", "1");
  cluster.settle();
  EXPECT_TRUE(cluster.views(1).empty()) << "nobody listens";
  cluster.listen(1, true);
  cluster.node(1).flush();
  ASSERT_EQ(cluster.views(1).size(), 1U) << "the latest, as soon as somebody does";
  cluster.put(1, "a", "2");
  cluster.put(1, "a", "3");
  cluster.settle();
  ASSERT_EQ(cluster.views(1).size(), 2U);
  EXPECT_EQ(cluster.views(1).back()->revision(), 4);
  cluster.advance(milliseconds(500));
  EXPECT_EQ(cluster.views(1).size(), 2U) << "nothing was applied";
}

TEST(Views, OfAnInstalledSnapshotArePublishedToo) {
  MiniCluster cluster(3, [](Config* config) {
    config->snapshot_log_bytes_min = 4096;
    config->raft.log_keep_bytes = 0;
    config->raft.log_keep_lagging_bytes = 0;
  });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = leader == 1 ? 2 : 1;
  cluster.listen(behind, true);
  cluster.cut(behind);
  for (int i = 0; i < 200; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  cluster.heal();
  cluster.advance(seconds(5));
  ASSERT_GT(cluster.snapshots_loaded(behind), 0U);
  ASSERT_FALSE(cluster.views(behind).empty());
  EXPECT_EQ(cluster.views(behind).back()->revision(), 201);
  std::uint64_t before = 0;
  for (const auto& view : cluster.views(behind)) {
    EXPECT_GT(view->applied_index(), before);
    before = view->applied_index();
  }
}

}  // namespace
}  // namespace cairn::node

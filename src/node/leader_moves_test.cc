#include "node/leader_moves.h"

#include <gtest/gtest.h>

#include "etcd/reasons.h"
#include "node/mini_cluster_fixture.h"

namespace cairn::node {
namespace {

using std::chrono::seconds;

std::shared_ptr<std::optional<mvcc::Outcome>> move(MiniCluster* cluster, std::uint64_t at, std::uint64_t to,
                                                   Duration patience = seconds(5)) {
  auto result = std::make_shared<std::optional<mvcc::Outcome>>();
  cluster->handle(at, MoveLeader{.to = to,
                                 .deadline = cluster->now() + patience,
                                 .responder = std::make_unique<WriteResult>(result)});
  cluster->settle();
  return result;
}

TEST(LeaderMoves, ToAnotherVoterIsAnsweredWhenItLeads) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect(), other = leader == 1 ? 2 : 1;
  const auto moved = move(&cluster, leader, other);
  for (int i = 0; i < 100 && !moved->has_value(); ++i) cluster.advance(std::chrono::milliseconds(10));
  ASSERT_TRUE(moved->has_value());
  EXPECT_EQ((*moved)->code, Code::ok) << (*moved)->error;
  EXPECT_EQ(cluster.node(leader).leader(), raft::NodeId{other});
}

TEST(LeaderMoves, OnlyTheLeaderMovesItAndOnlyToAVoter) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect(), other = leader == 1 ? 2 : 1;
  EXPECT_EQ((*move(&cluster, other, leader))->reason, Reason::not_leader);
  EXPECT_EQ((*move(&cluster, leader, 77))->reason, Reason::bad_leader_transferee);
  EXPECT_EQ((*move(&cluster, leader, leader))->code, Code::ok) << "it leads already";
  EXPECT_EQ(cluster.node(leader).leader(), raft::NodeId{leader});
}

TEST(LeaderMoves, ThatDoNotComeAboutTimeOutAndAreBounded) {
  MiniCluster cluster(3, [](Config* config) { config->leader_moves_max = 1; });
  const std::uint64_t leader = cluster.elect(), other = leader == 1 ? 2 : 1;
  cluster.cut(other);
  const auto first = move(&cluster, leader, other, seconds(2));
  EXPECT_FALSE(first->has_value());
  EXPECT_EQ((*move(&cluster, leader, other))->reason, Reason::too_many_requests);
  cluster.advance(seconds(3));
  ASSERT_TRUE(first->has_value());
  EXPECT_EQ((*first)->reason, Reason::timed_out);
}

}  // namespace
}  // namespace cairn::node

// When followers hear of a commit: at once where somebody waits for it, else with the next entries, or a
// little later.
#include <gtest/gtest.h>

#include "raft/testing/cluster.h"

namespace cairn::raft::testing {
namespace {

constexpr Duration kDelay = std::chrono::milliseconds(1);
constexpr NodeId kLeader{1}, kOne{2}, kOther{3};

Config config() {
  Config made;
  made.commit_notice_delay = kDelay;
  return made;
}

struct CommitNotice : ::testing::Test {
  CommitNotice() : cluster(config()) {
    Members members;
    members.voters = {kLeader, kOne, kOther};
    for (const NodeId id : members.voters) cluster.add(id, members);
    cluster.now = cluster.members.at(kLeader).core->deadline();
    cluster.step(kLeader, Tick{});
    settle();
    pass(kDelay);
    EXPECT_TRUE(is_leader(cluster.state(kLeader)));
    EXPECT_EQ(cluster.state(kOther).applied, cluster.state(kLeader).commit);
  }
  ~CommitNotice() override { EXPECT_TRUE(cluster.problems.empty()) << cluster.problems.front(); }

  // Everything is written and delivered until nothing is left to do at this time.
  void settle() {
    for (bool busy = true; busy;) {
      busy = !cluster.network.empty();
      while (!cluster.network.empty()) {
        if (const auto* request = std::get_if<AppendRequest>(&cluster.network[0].body))
          (request->entries.empty() ? notices : appends) += 1;
        cluster.deliver(0);
      }
      for (const NodeId id : {kLeader, kOne, kOther}) {
        busy = busy || !cluster.members.at(id).writing.empty();
        cluster.persist_all(id);
      }
    }
  }
  void pass(Duration time) {
    cluster.now += time;
    cluster.step(kLeader, Tick{});
    settle();
  }
  void propose(const char* what, std::vector<NodeId> awaited_by = {}) {
    cluster.step(kLeader, Propose{1, make_bytes(what), std::move(awaited_by)});
    settle();
  }
  Index applied(NodeId id) const { return cluster.state(id).applied; }

  Cluster cluster;
  int notices = 0, appends = 0;
};

TEST_F(CommitNotice, RidesOnTheNextEntries) {
  notices = 0;
  propose("a");
  const Index a = applied(kLeader);
  EXPECT_EQ(a, cluster.state(kLeader).log.last());
  EXPECT_LT(applied(kOne), a);
  propose("b");
  EXPECT_EQ(applied(kOne), a);
  EXPECT_EQ(applied(kOther), a);
  EXPECT_EQ(notices, 0);
}

TEST_F(CommitNotice, IsSentAloneWhenNothingCameInTimeAndNeedsNoAnswer) {
  propose("a");
  EXPECT_EQ(cluster.members.at(kLeader).core->deadline(), cluster.now + kDelay);
  cluster.now += kDelay;
  cluster.step(kLeader, Tick{});
  EXPECT_EQ(cluster.network.size(), 2U);
  while (!cluster.network.empty() && cluster.network[0].from == kLeader) cluster.deliver(0);
  EXPECT_TRUE(cluster.network.empty());
  EXPECT_EQ(applied(kOne), applied(kLeader));
  EXPECT_EQ(applied(kOther), applied(kLeader));
  EXPECT_GT(cluster.members.at(kLeader).core->deadline(), cluster.now + kDelay);
}

TEST_F(CommitNotice, GoesAtOnceToAFollowerWhoseClientsWait) {
  propose("a", {kOne});
  EXPECT_EQ(applied(kOne), applied(kLeader));
  EXPECT_LT(applied(kOther), applied(kLeader));
}

TEST_F(CommitNotice, GoesAlongWithTheIndexOfARead) {
  propose("a");
  ASSERT_LT(applied(kOne), applied(kLeader));
  cluster.step(kOne, ReadBarrier{7});
  settle();
  EXPECT_EQ(cluster.reads_ready, 1U);
  EXPECT_EQ(applied(kOne), applied(kLeader));
}

TEST_F(CommitNotice, IsSentAgainToAFollowerThatMayHaveMissedIt) {
  propose("a");
  cluster.now += kDelay;
  cluster.step(kLeader, Tick{});
  while (!cluster.network.empty()) cluster.lose(0);
  cluster.step(kLeader, Unreachable{kOne});
  pass(config().heartbeat_interval);  // the probe, and its answer
  pass(kDelay);
  EXPECT_EQ(applied(kOne), applied(kLeader));
}

TEST_F(CommitNotice, IsNoReasonToLeaveAHeartbeatUnanswered) {
  cluster.now += config().heartbeat_interval;
  cluster.step(kLeader, Tick{});
  ASSERT_EQ(cluster.network.size(), 2U);
  cluster.deliver(0);
  cluster.deliver(0);
  EXPECT_EQ(cluster.network.size(), 2U);
}

}  // namespace
}  // namespace cairn::raft::testing

#include "node/node.h"

#include <gtest/gtest.h>

#include "node/mini_cluster_fixture.h"
#include "raft/state.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::uint64_t other_than(std::uint64_t leader) { return leader == 1 ? 2 : 1; }

TEST(Write, IsAnsweredOnlyOnceItIsDurable) {
  MiniCluster cluster(1);
  ASSERT_EQ(cluster.elect(), 1U);
  cluster.hold_disk(1, true);
  const auto result = cluster.put(1, "a", "1");
  cluster.settle();
  EXPECT_FALSE(result->has_value());
  cluster.hold_disk(1, false);
  cluster.settle();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::ok);
  EXPECT_EQ((*result)->revision, 2);
}

TEST(Write, AllOfOneTurnShareOneLogWrite) {
  MiniCluster cluster(1);
  ASSERT_EQ(cluster.elect(), 1U);
  cluster.settle();
  const std::size_t before = cluster.log_writes(1);
  const auto first = cluster.put(1, "a", "1");
  const auto second = cluster.put(1, "b", "2");
  cluster.settle();
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_EQ((*second)->revision, 3);
  EXPECT_EQ(cluster.log_writes(1), before + 1);
}

TEST(Write, AtAFollowerIsForwardedAndAnsweredOnceAppliedThere) {
  MiniCluster cluster(3);
  const std::uint64_t follower = other_than(cluster.elect());
  const auto result = cluster.put(follower, "a", "1");
  cluster.advance(milliseconds(300));
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::ok);
  const auto read = cluster.get(follower, "a", true);
  EXPECT_EQ(read->value, "1");
}

TEST(Write, WithoutQuorumTimesOutAsUnknown) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.cut(leader);
  const auto result = cluster.put(leader, "a", "1", seconds(1));
  cluster.advance(seconds(2));
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::unavailable);
  EXPECT_EQ((*result)->error.find("etcdserver: request timed out"), 0U);
}

TEST(Write, WaitsForALeaderInsteadOfFailing) {
  MiniCluster cluster(3);
  const auto result = cluster.put(1, "a", "1");
  cluster.settle();
  EXPECT_FALSE(result->has_value());
  cluster.elect();
  cluster.advance(milliseconds(500));
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::ok);
}

TEST(Write, BeyondTheLimitIsRefusedEarly) {
  MiniCluster cluster(1, [](Config* config) { config->pending_writes_max = 2; });
  ASSERT_EQ(cluster.elect(), 1U);
  cluster.hold_disk(1, true);
  const auto first = cluster.put(1, "a", "1");
  const auto second = cluster.put(1, "b", "1");
  const auto third = cluster.put(1, "c", "1");
  ASSERT_TRUE(third->has_value());
  EXPECT_EQ((*third)->code, Code::resource_exhausted);
  EXPECT_EQ((*third)->error, "etcdserver: too many requests");
  cluster.hold_disk(1, false);
  cluster.settle();
  EXPECT_TRUE(first->has_value() && second->has_value());
}

TEST(Write, BeyondTheLimitOfBytesIsRefusedEarlyAndMakesRoomWhenAnswered) {
  MiniCluster cluster(1, [](Config* config) { config->pending_write_bytes_max = 3000; });
  ASSERT_EQ(cluster.elect(), 1U);
  cluster.hold_disk(1, true);
  const std::string value(1400, 'v');
  const auto first = cluster.put(1, "a", value);
  const auto second = cluster.put(1, "b", value);
  const auto third = cluster.put(1, "c", value);
  ASSERT_TRUE(third->has_value());
  EXPECT_EQ((*third)->error, "etcdserver: too many requests");
  cluster.hold_disk(1, false);
  cluster.settle();
  EXPECT_TRUE(first->has_value() && second->has_value());
  const auto fourth = cluster.put(1, "d", std::string(5000, 'v'));
  cluster.settle();
  ASSERT_TRUE(fourth->has_value());
  EXPECT_EQ((*fourth)->code, Code::ok) << "one alone always fits";
}

TEST(Read, LinearizableAtAFollowerSeesWhatWasAcknowledged) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  const auto written = cluster.put(leader, "a", "1");
  cluster.settle();
  ASSERT_TRUE(written->has_value());
  const auto read = cluster.get(other_than(leader), "a");
  cluster.advance(milliseconds(300));
  EXPECT_EQ(read->value, "1");
}

TEST(Read, LinearizableAtACutOffLeaderIsNeverServed) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.cut(leader);
  const auto read = cluster.get(leader, "a");
  cluster.advance(seconds(8));
  EXPECT_FALSE(read->value.has_value());
  ASSERT_TRUE(read->error.has_value());
  EXPECT_EQ(read->error->code, Code::unavailable);
}

TEST(Read, BeyondTheLimitIsRefusedEarly) {
  MiniCluster cluster(1, [](Config* config) { config->pending_reads_max = 1; });
  ASSERT_EQ(cluster.elect(), 1U);
  const auto first = cluster.get(1, "a");
  const auto second = cluster.get(1, "a");
  ASSERT_TRUE(second->error.has_value());
  EXPECT_EQ(second->error->message, "etcdserver: too many requests");
  cluster.settle();
  EXPECT_EQ(first->value, "");
}

TEST(Snapshot, IsCutByLogBytesAndInstalledAtALaggingFollower) {
  MiniCluster cluster(3, [](Config* config) {
    config->snapshot_log_bytes_min = 4096;
    config->raft.log_keep_bytes = 0;
    config->raft.log_keep_lagging_bytes = 0;
  });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = other_than(leader);
  cluster.cut(behind);
  for (int i = 0; i < 200; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  EXPECT_GT(cluster.snapshots_saved(leader), 0U);
  cluster.heal();
  cluster.advance(seconds(5));
  EXPECT_GT(cluster.snapshots_loaded(behind), 0U);
  EXPECT_EQ(cluster.node(behind).view()->hash(), cluster.node(leader).view()->hash());
  // F3: also what was loaded is compared with the others', before anything is applied to it.
  const raft::State& state = cluster.node(behind).core().state();
  ASSERT_FALSE(state.hashes.empty());
  EXPECT_EQ(state.hashes.front().index, state.log.snapshot().index);
}

TEST(Snapshot, IsCutAgainAtTheSameIndexWhenItTurnsOutToBeDamaged) {
  MiniCluster cluster(3, [](Config* config) {
    config->snapshot_log_bytes_min = 4096;
    config->raft.log_keep_bytes = 0;
    config->raft.log_keep_lagging_bytes = 0;
  });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = other_than(leader);
  cluster.cut(behind);
  while (cluster.snapshots_saved(leader) == 0) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  cluster.lose_snapshot(leader);
  cluster.settle();
  EXPECT_EQ(cluster.snapshots_saved(leader), 2U) << "nobody wrote anything since the first";
  cluster.settle();
  EXPECT_EQ(cluster.snapshots_saved(leader), 2U);
  cluster.heal();
  cluster.advance(seconds(5));
  EXPECT_GT(cluster.snapshots_loaded(behind), 0U);
  EXPECT_EQ(cluster.node(behind).view()->hash(), cluster.node(leader).view()->hash());
}

TEST(Snapshot, IsCutForAFollowerThatLacksWhatMemoryNoLongerHolds) {
  MiniCluster cluster(3, [](Config* config) { config->log_memory_bytes = 2000; });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = other_than(leader);
  cluster.cut(behind);
  cluster.advance(seconds(5));  // nothing is kept for a follower that does not answer
  for (int i = 0; i < 200; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  EXPECT_EQ(cluster.snapshots_saved(leader), 0U);
  EXPECT_LT(cluster.node(leader).status().memory.log_bytes, 3000U);
  cluster.heal();
  cluster.advance(seconds(5));
  EXPECT_EQ(cluster.snapshots_saved(leader), 1U);
  EXPECT_GT(cluster.snapshots_loaded(behind), 0U);
  EXPECT_EQ(cluster.node(behind).view()->hash(), cluster.node(leader).view()->hash());
}

TEST(Snapshot, IsCutOnceForAFollowerThatAsksAgainWhileItIsSaved) {
  MiniCluster cluster(3, [](Config* config) { config->log_memory_bytes = 2000; });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = other_than(leader);
  cluster.cut(behind);
  cluster.advance(seconds(5));
  for (int i = 0; i < 200; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  cluster.hold_saves(leader, true);
  cluster.heal();
  // Question and answer without a pause would never settle: what is too much is lost.
  constexpr int kMessagesMax = 1000;
  int messages = 0;
  cluster.lose([&](const raft::Message&) { return ++messages > kMessagesMax; });
  for (int i = 0; i < 20; ++i) {  // the log grows on meanwhile
    cluster.put(leader, "key", "meanwhile");
    cluster.advance(milliseconds(100));
  }
  EXPECT_LT(messages, kMessagesMax);
  ASSERT_EQ(cluster.snapshots_saved(leader), 1U);
  cluster.lose({});
  cluster.hold_saves(leader, false);
  cluster.advance(seconds(5));
  EXPECT_EQ(cluster.snapshots_saved(leader), 1U);
  EXPECT_EQ(cluster.node(behind).view()->hash(), cluster.node(leader).view()->hash());
}

TEST(Snapshot, WhatWasKeptWhileItWasSavedLeavesMemoryWithoutAFurtherWrite) {
  MiniCluster cluster(3, [](Config* config) {
    config->log_memory_bytes = 2000;
    config->snapshot_log_bytes_min = 4096;
    config->raft.log_keep_bytes = 1 << 20;
    config->raft.log_keep_lagging_bytes = 1 << 20;
  });
  const std::uint64_t leader = cluster.elect();
  cluster.hold_saves(leader, true);
  for (int i = 0; i < 200; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  ASSERT_EQ(cluster.snapshots_saved(leader), 1U);
  ASSERT_GT(cluster.node(leader).status().memory.log_bytes, 10000U);
  cluster.hold_saves(leader, false);
  cluster.settle();
  EXPECT_LT(cluster.node(leader).status().memory.log_bytes, 3000U);
}

TEST(Snapshot, WhatAnAnsweringFollowerLacksStaysInMemory) {
  MiniCluster cluster(3, [](Config* config) { config->log_memory_bytes = 2000; });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = other_than(leader);
  cluster.cut(behind);
  for (int i = 0; i < 50; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  EXPECT_GT(cluster.node(leader).status().memory.log_bytes, 5000U);
  cluster.heal();
  cluster.advance(seconds(5));
  EXPECT_EQ(cluster.snapshots_saved(leader), 0U);
  EXPECT_EQ(cluster.node(behind).view()->hash(), cluster.node(leader).view()->hash());
  cluster.put(leader, "key", "x");
  cluster.settle();
  EXPECT_LT(cluster.node(leader).status().memory.log_bytes, 3000U);
}

TEST(Apply, ALongStretchIsAppliedInSlicesAndReadsWaitForTheirs) {
  MiniCluster cluster(3, [](Config* config) { config->apply_bytes_per_turn = 1000; });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = other_than(leader);
  cluster.cut(behind);
  for (int i = 0; i < 100; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  cluster.put(leader, "key", "last");
  cluster.settle();
  const raft::Index end = cluster.node(leader).status().applied;
  const raft::Index before = cluster.node(behind).status().applied;
  cluster.heal();
  int turns = 0;
  std::shared_ptr<ReadAnswer> read;
  while (cluster.node(behind).status().applied < end && turns < 1000) {
    const raft::Index at = cluster.node(behind).status().applied;
    cluster.advance(milliseconds(1));
    const bool began = cluster.node(behind).status().applied > before;
    if (began && read == nullptr) read = cluster.get(behind, "key");
    turns += cluster.node(behind).status().applied > at ? 1 : 0;
  }
  EXPECT_GT(turns, 5);
  ASSERT_NE(read, nullptr);
  cluster.advance(milliseconds(200));
  EXPECT_EQ(read->value, "last");
}

TEST(Snapshot, WhatWasCommittedWhileItLoadedIsAppliedAtOnceAfterwards) {
  MiniCluster cluster(3, [](Config* config) {
    config->snapshot_log_bytes_min = 4096;
    config->raft.log_keep_bytes = 0;
    config->raft.log_keep_lagging_bytes = 0;
  });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t behind = other_than(leader);
  cluster.cut(behind);
  for (int i = 0; i < 200; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  cluster.hold_loads(behind, true);
  cluster.heal();
  cluster.advance(seconds(5));
  cluster.put(leader, "key", "last");
  cluster.settle();
  cluster.advance(milliseconds(200));
  const MemberStatus loading = cluster.node(behind).status();
  ASSERT_GT(loading.commit, loading.snapshot);
  ASSERT_LT(loading.applied, loading.snapshot);
  ASSERT_GT(loading.applied, raft::Index{});
  const auto read = cluster.get(behind, "key");
  // One that was asked for before a newer one was offered comes too late.
  cluster.handle(behind,
                 SnapshotLoaded{{}, std::make_unique<mvcc::StateMachine>(std::vector<mvcc::MemberInfo>{})});
  cluster.settle();
  EXPECT_EQ(cluster.node(behind).status().applied, loading.applied);
  EXPECT_FALSE(read->value.has_value()) << "served from a state that is behind";
  cluster.hold_loads(behind, false);
  cluster.settle();
  EXPECT_EQ(cluster.node(behind).status().applied, loading.commit);
  EXPECT_EQ(read->value, "last");
}

TEST(Write, EntersTheLogOnce) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  const auto own = cluster.put(leader, "a", "1");
  const auto forwarded = cluster.put(other_than(leader), "b", "2");
  cluster.advance(seconds(1));
  ASSERT_TRUE(own->has_value() && forwarded->has_value());
  EXPECT_EQ(cluster.node(leader).view()->revision(), 3);
}

TEST(Write, ForwardedDuringATransferGoesToTheNextLeader) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.advance(milliseconds(200));
  const std::uint64_t successor = other_than(leader);
  const std::uint64_t asked = 6 - leader - successor;
  cluster.handle(leader, TransferLeadership{raft::NodeId{successor}});
  const auto result = cluster.put(asked, "a", "1");
  cluster.advance(seconds(1));
  EXPECT_EQ(cluster.node(asked).leader(), raft::NodeId{successor});
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::ok);
  EXPECT_EQ((*result)->revision, 2);
}

TEST(Write, ForwardedToAMemberThatLeadsNoMoreIsTriedAgain) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.advance(milliseconds(200));
  const std::uint64_t asked = other_than(leader);
  const raft::Term later = cluster.node(leader).status().term.next();
  cluster.handle(leader, MessageReceived{raft::Message{raft::NodeId{6 - leader - asked}, raft::NodeId{leader},
                                                       later, raft::VoteReply{}}});
  ASSERT_EQ(cluster.node(leader).leader(), raft::NodeId{});
  const auto result = cluster.put(asked, "a", "1", seconds(20));
  cluster.settle();
  EXPECT_FALSE(result->has_value());
  cluster.advance(seconds(6));
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::ok);
  EXPECT_EQ((*result)->revision, 2);
}

TEST(Read, WaitsForALeaderInsteadOfFailing) {
  MiniCluster cluster(3);
  const auto read = cluster.get(1, "a");
  cluster.settle();
  EXPECT_FALSE(read->value.has_value() || read->error.has_value());
  ASSERT_NE(cluster.elect(), 0U);
  cluster.advance(seconds(2));
  EXPECT_EQ(read->value, "");
}

TEST(Read, BeyondTheLeadersLimitIsAskedAgainUntilItExpires) {
  MiniCluster cluster(3, [](Config* config) { config->raft.forwarded_reads_max = 0; });
  const std::uint64_t leader = cluster.elect();
  const auto own = cluster.get(leader, "a");
  const auto read = cluster.get(other_than(leader), "a");
  cluster.settle();
  EXPECT_EQ(own->value, "") << "own reads are bounded where they come in";
  EXPECT_FALSE(read->value.has_value() || read->error.has_value());
  cluster.advance(seconds(8));
  ASSERT_TRUE(read->error.has_value());
  EXPECT_EQ(read->error->code, Code::unavailable);
}

TEST(Write, OnceToldThatItTimedOutIsNotKeptForTheNextLeader) {
  MiniCluster cluster(3);
  const auto late = cluster.put(1, "a", "late", Duration::zero());
  cluster.settle();
  ASSERT_TRUE(late->has_value());
  ASSERT_NE(cluster.elect(), 0U);
  cluster.advance(seconds(1));
  EXPECT_EQ(cluster.get(1, "a", true)->value, "");
}

// A snapshot of it costs a slow follower more than the log it replaces.
TEST(Snapshot, ALargeStateKeepsMoreLogInMemory) {
  const auto kept = [](std::uint64_t share) {
    MiniCluster cluster(1, [share](Config* config) {
      config->log_memory_bytes = 2000;
      config->log_memory_share = share;
      config->snapshot_log_bytes_min = 4096;
    });
    EXPECT_EQ(cluster.elect(), 1U);
    cluster.put(1, "large", std::string(40'000, 'x'));
    cluster.settle();
    EXPECT_EQ(cluster.snapshots_saved(1), 1U);
    for (int i = 0; i < 300; ++i) {
      cluster.put(1, "key", std::string(100, 'x'));
      cluster.settle();
    }
    return cluster.node(1).status().memory.log_bytes;
  };
  EXPECT_LT(kept(1'000'000), 3000U);
  EXPECT_GT(kept(4), 9000U);
  EXPECT_LT(kept(4), 15'000U);
  EXPECT_GT(kept(1), 30'000U);
}

TEST(Write, DeadlinesAreLookedAtOnceInAWhile) {
  for (const milliseconds interval : {milliseconds(1), milliseconds(200)}) {
    MiniCluster cluster(3, [interval](Config* config) { config->sweep_interval = interval; });
    cluster.cut(1);
    cluster.settle();  // and looks for the first time
    const Time looked = cluster.now();
    const auto result = cluster.put(1, "a", "1", milliseconds(10));
    EXPECT_LE(cluster.node(1).deadline(), looked + interval);
    cluster.advance(std::max(interval, milliseconds(10)) - milliseconds(10));
    EXPECT_FALSE(result->has_value());
    cluster.advance(milliseconds(10));
    EXPECT_TRUE(result->has_value());
  }
}

}  // namespace
}  // namespace cairn::node

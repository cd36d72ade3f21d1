// A member that uses more than its quota: who is refused, who raises the alarm and when, and what ends it.
#include "node/quota.h"

#include <gtest/gtest.h>

#include "etcd/reasons.h"
#include "node/mini_cluster_fixture.h"
#include "node/removals.h"
#include "raft/state.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Quota, RefusesWhatWouldBeOneTooMany) {
  Quota quota({.bytes = 1000, .retry_interval = seconds(1)});
  quota.pass(Time(), {.live_bytes = 300, .history_bytes = 200, .log_bytes = 100}, 0, false);
  EXPECT_FALSE(quota.is_exceeded_by(144)) << "with etcd's 256 beside";
  EXPECT_TRUE(quota.is_exceeded_by(145));
  Quota none({.bytes = 0, .retry_interval = seconds(1)});
  none.pass(Time(), {.live_bytes = std::uint64_t{1} << 50, .history_bytes = 0, .log_bytes = 0}, 9, false);
  EXPECT_FALSE(none.is_exceeded_by(1 << 20));
  EXPECT_FALSE(none.begin_alarm(Time(seconds(1))));
}

TEST(Quota, AsksForTheAlarmOnceAndAgainWhenItWasNotRaised) {
  const Time start(seconds(10));
  Quota quota({.bytes = 1000, .retry_interval = seconds(1)});
  const MemoryUse over{.live_bytes = 2000};
  quota.pass(start, over, 0, false);
  EXPECT_FALSE(quota.begin_alarm(start)) << "nothing was written";
  quota.pass(start, over, 1, false);
  EXPECT_TRUE(quota.begin_alarm(start));
  EXPECT_FALSE(quota.begin_alarm(start + seconds(5))) << "on its way";
  quota.answered(false);
  EXPECT_TRUE(quota.begin_alarm(start + seconds(5)));
  quota.answered(false);
  EXPECT_FALSE(quota.begin_alarm(start + seconds(5) + milliseconds(999)));
  EXPECT_TRUE(quota.begin_alarm(start + seconds(6)));
  quota.answered(true);
  EXPECT_FALSE(quota.begin_alarm(start + seconds(60)));
  quota.pass(start + seconds(60), over, 1, true);
  quota.pass(start + seconds(60), over, 1, false);
  EXPECT_FALSE(quota.begin_alarm(start + seconds(60))) << "disarmed, and nothing written since";
  quota.refused();
  EXPECT_TRUE(quota.begin_alarm(start + seconds(60)));
}

TEST(Quota, IsPatientUnlessItHasRefusedAWrite) {
  const Time start(seconds(10));
  Quota quota({.bytes = 1000, .retry_interval = {}, .patience = seconds(1)});
  quota.pass(start, {.live_bytes = 2000}, 1, false);
  EXPECT_FALSE(quota.begin_alarm(start + milliseconds(999)));
  quota.pass(start + milliseconds(999), {.live_bytes = 10}, 2, false);
  EXPECT_FALSE(quota.begin_alarm(start + seconds(9))) << "there is room again";
  quota.pass(start + seconds(9), {.live_bytes = 2000}, 3, false);
  EXPECT_FALSE(quota.begin_alarm(start + seconds(9)));
  EXPECT_TRUE(quota.begin_alarm(start + seconds(10)));
  quota.answered(false);
  quota.pass(start + seconds(11), {.live_bytes = 10}, 3, false);
  quota.refused();
  EXPECT_TRUE(quota.begin_alarm(start + seconds(11)));
}

TEST(Quota, ChangedForgetsWhatItRefusedBefore) {
  Quota quota({.bytes = 1000, .retry_interval = seconds(1)});
  quota.pass(Time(seconds(9)), {.live_bytes = 2000}, 1, false);
  quota.refused();
  quota.change(10'000);
  EXPECT_EQ(quota.bytes(), 10'000U);
  EXPECT_FALSE(quota.is_exceeded_by(1000));
  EXPECT_FALSE(quota.begin_alarm(Time(seconds(20))));
  quota.refused();
  quota.change(10'000);
  EXPECT_TRUE(quota.begin_alarm(Time(seconds(20)))) << "nothing was changed";
}

class QuotaOfACluster : public ::testing::Test {
 protected:
  QuotaOfACluster()
      : QuotaOfACluster([](Config* config) {
          config->log_memory_bytes = 0;
          if (config->raft.id == raft::NodeId{3}) config->quota_bytes = 100'000;
        }) {}
  explicit QuotaOfACluster(const std::function<void(Config*)>& tune) : cluster(3, tune) {
    leader = cluster.elect();
  }
  // The first member but this one.
  static std::uint64_t other_than(std::uint64_t id) { return id == 1 ? 2 : 1; }
  mvcc::Outcome write(std::uint64_t at, CommandKind kind, std::string request) {
    auto result = std::make_shared<std::optional<mvcc::Outcome>>();
    cluster.handle(at, ClientWrite{.kind = kind,
                                   .request = std::move(request),
                                   .idempotency_key = {},
                                   .deadline = cluster.now() + seconds(7),
                                   .responder = std::make_unique<WriteResult>(result)});
    cluster.settle();
    if (!*result) cluster.advance(seconds(1));
    return result->value_or(mvcc::refuse({Code::unknown, "not answered"}));
  }
  mvcc::Outcome put(std::uint64_t at, const std::string& key, std::size_t size = 1) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(std::string(size, 'v'));
    return write(at, CommandKind::put, request.SerializeAsString());
  }
  mvcc::Outcome erase(std::uint64_t at, const std::string& key) {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(key);
    return write(at, CommandKind::delete_range, request.SerializeAsString());
  }
  mvcc::Outcome compact(std::uint64_t at, bool physical = false) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(cluster.node(at).view()->revision());
    request.set_physical(physical);
    return write(at, CommandKind::compaction, request.SerializeAsString());
  }
  mvcc::Outcome disarm(std::uint64_t at, std::uint64_t member) {
    etcdserverpb::AlarmRequest request;
    request.set_action(etcdserverpb::AlarmRequest::DEACTIVATE);
    request.set_memberid(member);
    request.set_alarm(etcdserverpb::NOSPACE);
    return write(at, CommandKind::alarm, request.SerializeAsString());
  }
  void fill() {
    for (int i = 0; i < 100; ++i) {
      if (put(other_than(3), "k", 10'000).code != Code::ok) break;
      cluster.advance(milliseconds(200));
    }
  }
  const mvcc::AlarmList& alarms(std::uint64_t at) { return cluster.node(at).view()->alarms(); }

  MiniCluster cluster;
  std::uint64_t leader = 0;
  const mvcc::AlarmList of_3{{3, mvcc::AlarmKind::no_space}};
};

TEST_F(QuotaOfACluster, OneMembersAlarmRefusesEverybodysWritesUntilItIsDisarmed) {
  fill();
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(alarms(id), of_3) << id;
    EXPECT_EQ(put(id, "other").reason, Reason::no_space) << id;
  }
  EXPECT_GT(cluster.node(3).numbers().memory.history_bytes, 80'000U);
  EXPECT_EQ(cluster.node(3).numbers().quota_bytes, 100'000U);
  EXPECT_EQ(erase(1, "k").code, Code::ok);
  EXPECT_EQ(compact(2, true).code, Code::ok);
  cluster.advance(seconds(1));
  EXPECT_LT(cluster.node(3).numbers().memory.all_bytes(), 20'000U) << "without a write";
  EXPECT_EQ(put(1, "k").reason, Reason::no_space) << "room alone does not end it";
  EXPECT_EQ(disarm(2, 3).code, Code::ok);
  cluster.advance(seconds(1));
  for (std::uint64_t id = 1; id <= 3; ++id) EXPECT_EQ(put(id, "k").code, Code::ok) << id;
  EXPECT_TRUE(alarms(1).empty());
}

TEST_F(QuotaOfACluster, ALargerOneIsTakenWhileTheMemberRuns) {
  fill();
  ASSERT_EQ(alarms(3), of_3);
  cluster.handle(3, Tune{.quota_bytes = 10'000'000, .compaction = {}});
  ASSERT_EQ(disarm(1, 3).code, Code::ok);
  EXPECT_EQ(put(3, "k", 10'000).code, Code::ok);
  cluster.advance(seconds(5));
  EXPECT_TRUE(alarms(1).empty());
  EXPECT_EQ(cluster.node(3).numbers().quota_bytes, 10'000'000U);
}

TEST_F(QuotaOfACluster, DisarmedWithoutRoomItComesBackWithTheNextWrite) {
  fill();
  ASSERT_EQ(alarms(3), of_3);
  ASSERT_EQ(disarm(1, 3).code, Code::ok);
  cluster.advance(seconds(5));
  EXPECT_TRUE(alarms(1).empty());
  EXPECT_EQ(put(3, "k").reason, Reason::no_space) << "its own clients are refused at once";
  cluster.advance(seconds(5));
  EXPECT_EQ(alarms(1), of_3);
}

TEST_F(QuotaOfACluster, WhatWasRefusedByItIsNotInTheLog) {
  fill();
  const raft::Index last = cluster.node(leader).core().state().log.last();
  EXPECT_EQ(put(leader, "k").reason, Reason::no_space);
  EXPECT_EQ(put(leader == 1 ? 2 : 1, "k").reason, Reason::no_space);
  EXPECT_EQ(cluster.node(leader).core().state().log.last(), last);
}

// Reads what it lacks entry by entry, from others who have kept it.
struct QuotaOfALaggard : QuotaOfACluster {
  QuotaOfALaggard()
      : QuotaOfACluster([](Config* config) {
          config->raft.append_bytes_max = 1;
          const bool is_small = config->raft.id == raft::NodeId{3};
          config->log_memory_bytes = is_small ? 0 : 1 << 20;
          if (is_small) config->quota_bytes = 100'000;
        }) {}
};

TEST_F(QuotaOfALaggard, DoesNotCryOverThePast) {
  cluster.cut(3);
  cluster.advance(seconds(5));
  const std::uint64_t at = cluster.node(1).leader() == raft::NodeId{1} ? 1 : 2;
  for (int i = 0; i < 30; ++i) ASSERT_EQ(put(at, "k", 10'000).code, Code::ok);
  ASSERT_EQ(compact(at).code, Code::ok);
  ASSERT_TRUE(alarms(at).empty());
  cluster.heal();
  cluster.advance(seconds(10));
  EXPECT_EQ(cluster.snapshots_loaded(3), 0U);
  EXPECT_EQ(cluster.node(3).view()->revision(), cluster.node(at).view()->revision());
  EXPECT_TRUE(alarms(3).empty());
  EXPECT_EQ(put(3, "k").code, Code::ok);
}

struct Told final : WriteResponder {
  explicit Told(int* of) : count(of) {}
  void done(mvcc::Outcome) override { ++*count; }
  int* count;
};

TEST(Removals, AreAnsweredWhenNothingIsLeftOrTheClientsTimeIsOver) {
  Removals removals({.count = 1});
  int first = 0, second = 0, failed = 0;
  const Time start(seconds(10));
  auto a = removals.await(5, start + seconds(2), std::make_unique<Told>(&first));
  auto b = removals.await(6, start + seconds(2), std::make_unique<Told>(&second));
  auto c = removals.await(7, start + seconds(2), std::make_unique<Told>(&failed));
  c->done(mvcc::refuse(etcd::error_of(Reason::compacted)));
  EXPECT_EQ(failed, 1);
  a->done({});
  EXPECT_EQ(first, 0);
  b->done({});
  EXPECT_EQ(second, 1) << "beyond the limit none is waited for";
  removals.look(4, start);
  EXPECT_EQ(first, 0);
  EXPECT_EQ(removals.pending(), 1U);
  removals.look(5, start);
  EXPECT_EQ(first, 1);
  int late = 0;
  removals.await(9, start + seconds(2), std::make_unique<Told>(&late))->done({});
  removals.look(8, start + seconds(2));
  EXPECT_EQ(late, 1);
  EXPECT_EQ(removals.pending(), 0U);
}

TEST(Removal, OfACompactionIsDoneInTurnsOfTheirOwn) {
  MiniCluster cluster(1, [](Config* config) {
    config->removed_records_per_turn = 10;
    config->removals_max = 8;
  });
  cluster.elect();
  for (int i = 0; i < 1000; ++i) {
    cluster.put(1, "k", "v");
    cluster.settle();
  }
  etcdserverpb::CompactionRequest request;
  request.set_revision(1001);
  request.set_physical(true);
  auto result = std::make_shared<std::optional<mvcc::Outcome>>();
  cluster.handle(1, ClientWrite{.kind = CommandKind::compaction,
                                .request = request.SerializeAsString(),
                                .idempotency_key = {},
                                .deadline = cluster.now() + seconds(7),
                                .responder = std::make_unique<WriteResult>(result)});
  cluster.settle();
  EXPECT_FALSE(result->has_value()) << "256 went with the entry itself";
  int turns = 0;
  for (; !result->has_value() && turns < 200; ++turns) {
    EXPECT_LE(cluster.node(1).deadline(), cluster.now()) << "the next turn is wanted at once";
    cluster.node(1).flush();
  }
  EXPECT_GT(turns, 50);
  EXPECT_EQ((*result)->code, Code::ok);
}

}  // namespace
}  // namespace cairn::node

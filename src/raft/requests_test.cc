// What a driver asks of the core: reads, proposals of clients and own ones, changes, and how each is
// answered.
#include <gtest/gtest.h>

#include "raft/core.h"
#include "raft/state.h"

namespace cairn::raft {
namespace {

constexpr Time kStart{std::chrono::seconds(1)};

SnapshotMeta first_start(std::vector<std::uint64_t> voters) {
  SnapshotMeta meta;
  for (const std::uint64_t id : voters) meta.members.voters.push_back(NodeId{id});
  return meta;
}

// One member that leads.
struct Alone {
  explicit Alone(Config config = {}, SnapshotMeta members = first_start({1}))
      : core(with_id(std::move(config)), {{}, std::move(members), {}}, kStart) {
    core.step(kStart, Tick{}, &out);
    core.step(kStart, Persisted{out.write[0].seq}, &out);
    out = {};
  }
  static Config with_id(Config config) {
    config.id = NodeId{1};
    return config;
  }
  Term term() const { return core.state().term; }
  Core core;
  Output out;
};

// One of three that follows.
struct Led {
  Led() : core(Alone::with_id({}), {{}, first_start({1, 2, 3}), {}}, kStart) {
    core.step(kStart, Received{{NodeId{2}, NodeId{1}, Term{1}, AppendRequest{}}}, &out);
    core.step(kStart, Flush{}, &out);
    core.step(kStart, Persisted{out.write.back().seq}, &out);
    out = {};
  }
  const Follower& follower() const { return std::get<Follower>(core.state().role); }
  Core core;
  Output out;
};

TEST(ReadBarrier, BeyondTheLimitOfOthersIsRefusedThemAndOwnOnesAreTheDriversToBound) {
  Config config;
  config.forwarded_reads_max = 1;
  SnapshotMeta members = first_start({1});
  members.members.learners = {NodeId{2}};
  Alone alone(config, std::move(members));
  for (std::uint64_t tag = 1; tag <= 3; ++tag) alone.core.step(kStart, ReadBarrier{tag}, &alone.out);
  for (std::uint64_t id = 1; id <= 2; ++id)
    alone.core.step(kStart, Received{{NodeId{2}, NodeId{1}, alone.term(), ReadIndexRequest{id}}}, &alone.out);
  EXPECT_TRUE(alone.out.reads_failed.empty());
  ASSERT_EQ(alone.out.send.size(), 1U);
  const auto& refused = std::get<ReadIndexReply>(alone.out.send[0].body);
  EXPECT_EQ(refused.id, 2U);
  EXPECT_FALSE(refused.ok);
}

TEST(ReadBarrier, WithoutALeaderFailsAsAReadAndNotAsAProposal) {
  Core core(Alone::with_id({}), {{}, first_start({1, 2, 3}), {}}, kStart);
  Output out;
  core.step(kStart, ReadBarrier{9}, &out);
  EXPECT_TRUE(out.proposals.empty());
  ASSERT_EQ(out.reads_failed.size(), 1U);
  EXPECT_EQ(out.reads_failed[0].tag, 9U);
}

TEST(ReadBarrier, AbandonedAtALeaderIsAnsweredNoMore) {
  Alone alone;
  for (const std::uint64_t tag : {1, 2, 3}) alone.core.step(kStart, ReadBarrier{tag}, &alone.out);
  alone.core.step(kStart, AbandonReads{{1, 3}}, &alone.out);
  alone.core.step(kStart, Flush{}, &alone.out);
  alone.core.step(kStart, Persisted{alone.out.write.back().seq}, &alone.out);
  alone.core.step(kStart, Flush{}, &alone.out);
  ASSERT_EQ(alone.out.reads.size(), 1U);
  EXPECT_EQ(alone.out.reads[0].tag, 2U);
  EXPECT_TRUE(alone.out.reads_failed.empty());
}

TEST(ReadBarrier, AFollowerKeepsOneUntilItIsAbandonedAndNoLonger) {
  Led led;
  led.core.step(kStart, ReadBarrier{1}, &led.out);
  led.core.step(kStart, ReadBarrier{2}, &led.out);
  led.core.step(kStart, Flush{}, &led.out);
  led.core.step(kStart, AbandonReads{{1}}, &led.out);
  ASSERT_EQ(led.follower().asked.size(), 1U);
  led.core.step(kStart, AbandonReads{{2}}, &led.out);
  EXPECT_TRUE(led.follower().asked.empty());
  EXPECT_TRUE(led.out.reads_failed.empty()) << "whoever abandons it need not be told";
}

TEST(Propose, OwnOnesEnterTheTermTheyWereDecidedInOrNone) {
  Alone alone;
  alone.core.step(kStart, ProposeOwn{7, alone.term().prev(), make_bytes("earlier")}, &alone.out);
  alone.core.step(kStart, ProposeOwn{8, alone.term().next(), make_bytes("later")}, &alone.out);
  ASSERT_EQ(alone.out.own.refused.size(), 2U);
  EXPECT_EQ(alone.out.own.refused[0].reason, Refusal::not_leader);
  alone.core.step(kStart, ProposeOwn{9, alone.term(), make_bytes("now")}, &alone.out);
  ASSERT_EQ(alone.out.own.accepted.size(), 1U);
  EXPECT_EQ(alone.out.own.accepted[0].tag, 9U);
  EXPECT_EQ(alone.out.own.accepted[0].term, alone.term());
  EXPECT_TRUE(alone.out.proposals.empty() && alone.out.changes.empty());
}

TEST(Verdicts, OfEachKindAreApart) {
  Led led;
  led.core.step(kStart, Propose{5, make_bytes("a")}, &led.out);
  led.core.step(kStart, ProposeOwn{5, led.core.state().term, make_bytes("b")}, &led.out);
  led.core.step(kStart, ChangeMembers{5, {NodeId{1}}, {}}, &led.out);
  EXPECT_EQ(led.out.proposals.refused.size(), 1U);
  EXPECT_EQ(led.out.own.refused.size(), 1U);
  EXPECT_EQ(led.out.changes.refused.size(), 1U);
}

// etcd #2267: a member that kept its old configuration would count the wrong majorities from then on.
}  // namespace
}  // namespace cairn::raft

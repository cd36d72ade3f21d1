#include "raft/core.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "raft/state.h"

namespace cairn::raft {
namespace {

constexpr Time kStart{std::chrono::seconds(1)};

SnapshotMeta first_start(std::vector<std::uint64_t> voters) {
  SnapshotMeta meta;
  for (const std::uint64_t id : voters) meta.members.voters.push_back(NodeId{id});
  return meta;
}

TEST(SingleVoter, ElectsItselfAtOnceAndCommitsOnlyWhatIsDurable) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1}), {}}, kStart);
  EXPECT_EQ(core.deadline(), kStart);
  Output out;
  core.step(kStart, Tick{}, &out);
  ASSERT_EQ(out.write.size(), 1U);
  EXPECT_FALSE(is_leader(core.state()));
  core.step(kStart, Persisted{out.write[0].seq}, &out);
  EXPECT_TRUE(is_leader(core.state()));
  core.step(kStart, Propose{7, make_bytes("x")}, &out);
  core.step(kStart, Flush{}, &out);
  ASSERT_EQ(out.write.size(), 2U);
  EXPECT_TRUE(out.apply.empty());
  core.step(kStart, ReadBarrier{9}, &out);
  core.step(kStart, Flush{}, &out);
  EXPECT_TRUE(out.reads.empty());  // no own entry is committed yet
  core.step(kStart, Persisted{out.write[1].seq}, &out);
  core.step(kStart, Flush{}, &out);
  ASSERT_EQ(out.apply.size(), 2U);
  EXPECT_EQ(*out.apply[1].data, "x");
  ASSERT_EQ(out.accepted.size(), 1U);
  EXPECT_EQ(out.accepted[0].index, out.apply[1].index);
  ASSERT_EQ(out.reads.size(), 1U);
  EXPECT_EQ(out.reads[0].index, Index{2});
  EXPECT_EQ(core.deadline(), Time::max());  // idle costs nothing
}

TEST(FirstElection, IsAskedForSoonAfterTheStartAndLaterOnesAfterAWholeTimeout) {
  Config config;
  config.id = NodeId{1};
  Time earliest = Time::max();
  Time latest = Time::min();
  for (config.seed = 0; config.seed < 200; ++config.seed) {
    Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
    const Time first = core.deadline();
    earliest = std::min(earliest, first);
    latest = std::max(latest, first);
    Output out;
    core.step(first, Tick{}, &out);
    EXPECT_EQ(out.send.size(), 2U);
    EXPECT_EQ(core.state().term, Term{0}) << "only asks";
    EXPECT_GE(core.deadline(), first + config.election_timeout);
  }
  EXPECT_GE(earliest, kStart + config.heartbeat_interval / 2);
  EXPECT_LT(earliest, kStart + config.election_timeout / 8);
  EXPECT_GT(latest, kStart + config.election_timeout * 3 / 8);
  EXPECT_LE(latest, kStart + config.election_timeout / 2);
}

TEST(ReadBarrier, BeyondTheLimitFailsAsAReadAndNotAsAProposal) {
  Config config;
  config.id = NodeId{1};
  config.reads_max = 0;
  Core core(config, Recovered{HardState{}, first_start({1}), {}}, kStart);
  Output out;
  core.step(kStart, Tick{}, &out);
  core.step(kStart, Persisted{out.write[0].seq}, &out);
  ASSERT_TRUE(is_leader(core.state()));
  core.step(kStart, ReadBarrier{9}, &out);
  EXPECT_TRUE(out.refused.empty());
  ASSERT_EQ(out.reads_failed.size(), 1U);
  EXPECT_EQ(out.reads_failed[0].tag, 9U);
}

}  // namespace
}  // namespace cairn::raft

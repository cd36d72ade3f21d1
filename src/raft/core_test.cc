#include "raft/core.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace cairn::raft

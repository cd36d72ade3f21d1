#include "node/applying.h"

#include <gtest/gtest.h>

#include <string>

#include "node/command_codec.h"
#include "raft/members.h"

namespace cairn::node {
namespace {

using raft::Index;
using raft::Term;

raft::Entry put(std::uint64_t index, std::uint64_t term, std::uint64_t request_id) {
  std::string batch;
  append_command({.request_id = request_id}, CommandKind::put, "\n\1a", &batch);
  return {Term{term}, Index{index}, raft::EntryType::command, make_bytes(std::move(batch))};
}

struct Done final : mvcc::ApplySink {
  bool wants(std::uint64_t) const override { return true; }
  void done(std::uint64_t request_id, mvcc::Outcome outcome) override {
    if (outcome.code == Code::ok) ids.push_back(request_id);
  }
  std::vector<std::uint64_t> ids;
};

std::unique_ptr<mvcc::StateMachine> machine_at(std::uint64_t index) {
  auto machine = std::make_unique<mvcc::StateMachine>(std::vector<mvcc::MemberInfo>{});
  for (std::uint64_t i = 1; i <= index; ++i) machine->apply({i, 1}, "", nullptr);
  return machine;
}

struct ApplyingTest : testing::Test {
  static constexpr std::size_t kBytesPerTurn = 100;  // two puts and a little
  Applying applying{machine_at(0), {}, kBytesPerTurn};
  Done sink;
  std::optional<Applying::Progress> turn() {
    applying.begin_turn();
    return applying.apply(&sink);
  }
};

TEST_F(ApplyingTest, GoesInSlicesOfATurn) {
  applying.committed({put(1, 1, 11), put(2, 1, 12), put(3, 1, 13), put(4, 2, 14)});
  const auto first = turn();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->latest_term, Term{1});
  EXPECT_TRUE(applying.has_more());
  EXPECT_LT(sink.ids.size(), 4U);
  EXPECT_EQ(applying.take_hashes().size(), sink.ids.size());
  EXPECT_EQ(turn()->latest_term, Term{2});
  EXPECT_EQ(sink.ids, (std::vector<std::uint64_t>{11, 12, 13, 14}));
  EXPECT_FALSE(applying.has_more());
  EXPECT_EQ(applying.applied().index, Index{4});
  EXPECT_EQ(applying.applied().term, Term{2});
  EXPECT_EQ(applying.machine().applied_index(), 4U);
  EXPECT_FALSE(turn().has_value());
}

TEST_F(ApplyingTest, AnEntryOfTheSameTermIsNoNewsOfTerms) {
  applying.committed({put(1, 1, 11)});
  turn();
  applying.committed({put(2, 1, 12)});
  EXPECT_EQ(turn()->latest_term, std::nullopt);
}

TEST_F(ApplyingTest, MembersAreThoseOfTheLastSuchEntry) {
  raft::Members members;
  members.voters = {raft::NodeId{1}, raft::NodeId{2}};
  applying.committed({{Term{1}, Index{1}, raft::EntryType::members, raft::encode(members)}, put(2, 1, 12)});
  turn();
  EXPECT_EQ(applying.applied().members, members);
  EXPECT_EQ(applying.machine().applied_index(), 2U);
}

TEST_F(ApplyingTest, NothingIsAppliedWhileASnapshotLoadsAndWhatItHoldsNeverIs) {
  applying.committed({put(1, 1, 11)});
  raft::SnapshotMeta meta;
  meta.index = Index{5};
  meta.term = Term{2};
  applying.await(meta);
  applying.committed({put(6, 2, 16)});
  EXPECT_FALSE(turn().has_value());
  EXPECT_FALSE(applying.has_more()) << "no turn would help";
  raft::SnapshotMeta earlier = meta;
  earlier.index = Index{4};
  EXPECT_FALSE(applying.install(machine_at(4), earlier)) << "another one was asked for since";
  ASSERT_TRUE(applying.install(machine_at(5), meta));
  EXPECT_EQ(applying.applied(), meta);
  turn();
  EXPECT_EQ(sink.ids, std::vector<std::uint64_t>{16});
  EXPECT_EQ(applying.operations().puts, 1U);
}

}  // namespace
}  // namespace cairn::node

#include "node/own_proposals.h"

#include <gtest/gtest.h>

#include "mvcc/command_view.h"
#include "node/parts_fixture.h"

namespace cairn::node {
namespace {

using Kind = OwnOutcome::Kind;

struct OwnTest : testing::Test {
  RecordingCore core;
  LeaderClock clock;
  OwnProposals own{100, {.count = 3, .bytes = 1000, .batch_bytes = 200}, core, clock};
  std::vector<OwnOutcome> told;

  void propose(const std::string& request, std::uint64_t term = 3, bool frees = false) {
    own.propose({.kind = CommandKind::compaction,
                 .request = request,
                 .term = raft::Term{term},
                 .frees = frees,
                 .done = [this](OwnOutcome outcome) { told.push_back(std::move(outcome)); }},
                led_by(1));
  }
  std::vector<raft::ProposeOwn> send(const Standing& standing) {
    own.send(standing);
    return core.taken<raft::ProposeOwn>();
  }
  std::vector<std::uint64_t> ids_in(const Bytes& entry) {
    std::vector<std::uint64_t> ids;
    mvcc::CommandReader commands(*entry);
    while (const auto command = commands.next()) ids.push_back(command->request_id);
    return ids;
  }
};

TEST_F(OwnTest, OfOneTurnShareAnEntryOfTheirTerm) {
  propose("a");
  propose("b");
  const auto entries = send(led_by(1));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].term, raft::Term{3});
  EXPECT_EQ(ids_in(entries[0].data), (std::vector<std::uint64_t>{100, 101}));
  EXPECT_EQ(mvcc::CommandReader(*entries[0].data).leader_elapsed_ms(), 0U) << "as every entry of a leader";
  own.accepted({entries[0].tag, raft::Term{3}, raft::Index{7}});
  mvcc::Outcome outcome;
  outcome.revision = 9;
  own.done(101, outcome);
  EXPECT_TRUE(told.empty()) << "not before the turn ends";
  own.end_turn();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, Kind::applied);
  EXPECT_EQ(told[0].applied.revision, 9);
  EXPECT_TRUE(own.wants(100));
  EXPECT_FALSE(own.wants(101));
}

TEST_F(OwnTest, DecidedInAnotherTermOrNotLeadingAnyMoreAreRefusedAndNotKept) {
  propose("earlier", 2);
  EXPECT_TRUE(send(led_by(1)).empty());
  propose("now", 3);
  EXPECT_TRUE(send(led_by(2)).empty());
  propose("nobody leads", 3);
  EXPECT_TRUE(send(led_by(0)).empty());
  own.end_turn();
  ASSERT_EQ(told.size(), 3U);
  for (const OwnOutcome& outcome : told) {
    EXPECT_EQ(outcome.kind, Kind::refused);
    EXPECT_EQ(outcome.refusal, raft::Refusal::not_leader);
  }
  EXPECT_TRUE(send(led_by(1)).empty()) << "nothing is held for later";
}

TEST_F(OwnTest, TheCoresRefusalIsTold) {
  propose("a");
  const auto entries = send(led_by(1));
  own.refused({entries.at(0).tag, raft::Refusal::no_space, {}});
  own.end_turn();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, Kind::refused);
  EXPECT_EQ(told[0].refusal, raft::Refusal::no_space);
}

TEST_F(OwnTest, AnAppliedEntryOfALaterTermEndsThem) {
  propose("a");
  send(led_by(1));
  own.outlived(raft::Term{3});
  own.end_turn();
  EXPECT_TRUE(told.empty());
  own.outlived(raft::Term{4});
  own.end_turn();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, Kind::outlived);
  EXPECT_EQ(own.pending(), 0U);
}

TEST_F(OwnTest, ASnapshotMayHoldThem) {
  propose("a");
  send(led_by(1));
  own.obscured(raft::Term{2});
  own.obscured(raft::Term{3});
  own.end_turn();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, Kind::unknown);
}

TEST_F(OwnTest, BeyondTheLimitsAreRefusedAsOverloaded) {
  for (int i = 0; i < 4; ++i) propose("a");
  own.end_turn();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].refusal, raft::Refusal::overloaded);
  own.done(100, {});
  own.done(101, {});
  own.done(102, {});
  propose(std::string(2000, 'x'));
  EXPECT_EQ(own.pending(), 1U) << "a single one always fits";
  propose("a");
  own.end_turn();
  EXPECT_EQ(told.back().refusal, raft::Refusal::overloaded);
}

TEST_F(OwnTest, AreSharedOutByEntrySizeTermAndWhatTheyDoToSpace) {
  propose(std::string(150, 'x'));
  propose(std::string(150, 'x'));
  propose("frees", 3, true);
  const auto entries = send(led_by(1));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_FALSE(entries[1].frees);
  EXPECT_TRUE(entries[2].frees);
}

TEST_F(OwnTest, WhoIsToldMayProposeAgain) {
  own.propose({.kind = CommandKind::compaction,
               .request = "a",
               .term = raft::Term{2},
               .done = [this](OwnOutcome) { propose("again"); }},
              led_by(1));
  send(led_by(1));
  own.end_turn();
  EXPECT_TRUE(own.wants_turn());
  EXPECT_EQ(send(led_by(1)).size(), 1U);
}

TEST_F(OwnTest, IdsOfOthersAreNotTheirs) {
  propose("a");
  EXPECT_TRUE(own.owns(100));
  for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{99}, std::uint64_t{101}, ~std::uint64_t{0}})
    EXPECT_FALSE(own.owns(id)) << id;
}

}  // namespace
}  // namespace cairn::node

// Changes of the membership, from the question to the answer.
#include "node/membership.h"

#include <gtest/gtest.h>

#include "node/mini_cluster_fixture.h"
#include "proto/command.pb.h"
#include "raft/members.h"

namespace cairn::node {
namespace {

using raft::NodeId;
using Kind = MembershipOutcome::Kind;

std::string about(const std::string& name) {
  command::PublishMember said;
  said.set_name(name);
  said.add_peer_urls("http://" + name + ":2380");
  return said.SerializeAsString();
}

struct MembershipTest : testing::Test {
  explicit MembershipTest(std::size_t members = 3, std::function<void(Config*)> tune = {})
      : cluster(members, tune), leader(cluster.elect()) {
    cluster.advance(std::chrono::milliseconds(200));
  }

  std::shared_ptr<std::optional<MembershipOutcome>> ask(std::uint64_t at, MembershipKind kind,
                                                        std::uint64_t member, std::uint64_t replaced = 0,
                                                        std::string text = {}) {
    auto result = std::make_shared<std::optional<MembershipOutcome>>();
    ChangeMembership change;
    change.kind = kind;
    change.member = NodeId{member};
    change.replaced = NodeId{replaced};
    change.about = std::move(text);
    change.deadline = cluster.now() + std::chrono::seconds(5);
    change.done = [result](MembershipOutcome outcome) { *result = std::move(outcome); };
    cluster.handle(at, std::move(change));
    return result;
  }
  // Refused at once, or made within a second.
  MembershipOutcome change(MembershipKind kind, std::uint64_t member, std::uint64_t replaced = 0,
                           std::string text = {}) {
    const auto result = ask(leader, kind, member, replaced, std::move(text));
    cluster.settle();
    if (!result->has_value()) cluster.advance(std::chrono::seconds(1));
    return result->value_or(MembershipOutcome{.kind = Kind::unknown});
  }
  MembershipRefusal refusal(MembershipKind kind, std::uint64_t member, std::uint64_t replaced = 0,
                            std::string text = {}) {
    const MembershipOutcome outcome = change(kind, member, replaced, std::move(text));
    EXPECT_EQ(outcome.kind, Kind::refused);
    EXPECT_EQ(outcome.kind == Kind::refused, !outcome.why.empty());
    return outcome.refusal;
  }
  void add_learner(std::uint64_t id) {
    cluster.join(id);
    ASSERT_EQ(change(MembershipKind::add_learner, id, 0, about("n" + std::to_string(id))).kind, Kind::made);
    cluster.advance(std::chrono::seconds(1));
  }
  std::uint64_t follower() const { return leader == 1 ? 2 : 1; }
  const raft::Members& members(std::uint64_t at) { return cluster.node(at).core().state().log.members(); }
  bool writes_go_through(std::uint64_t at) {
    const auto written = cluster.put(at, "key", "value");
    cluster.advance(std::chrono::seconds(2));
    return written->has_value() && (*written)->code == Code::ok;
  }

  MiniCluster cluster;
  std::uint64_t leader;
};

TEST_F(MembershipTest, ALearnerJoinsIsPromotedAndTheStateKnowsIt) {
  add_learner(4);
  EXPECT_EQ(members(leader).learners, std::vector{NodeId{4}});
  EXPECT_TRUE(cluster.node(4).core().state().life.full);  // taken in by a record of its incarnation
  EXPECT_EQ(cluster.node(4).members()->at(4).name, "n4");
  EXPECT_EQ(cluster.node(follower()).members()->at(4).peer_urls, std::vector<std::string>{"http://n4:2380"});
  const MembershipOutcome promoted = change(MembershipKind::promote, 4);
  ASSERT_EQ(promoted.kind, Kind::made) << promoted.why;
  EXPECT_EQ(promoted.members.voters.size(), 4u);
  EXPECT_TRUE(promoted.members.learners.empty());
  EXPECT_TRUE(writes_go_through(4));
  EXPECT_EQ(cluster.node(4).core().state().log.members(), members(leader));
  ASSERT_FALSE(cluster.configurations(4).empty());
  EXPECT_EQ(cluster.configurations(4).back().members, members(leader));
}

TEST_F(MembershipTest, OneVoterIsReplacedInOneJointStep) {
  add_learner(4);
  const std::uint64_t gone = follower();
  const MembershipOutcome replaced = change(MembershipKind::replace, 4, gone);
  ASSERT_EQ(replaced.kind, Kind::made) << replaced.why;
  EXPECT_FALSE(raft::is_joint(replaced.members));
  EXPECT_EQ(replaced.members.voters.size(), 3u);
  EXPECT_FALSE(raft::is_member(replaced.members, NodeId{gone}));
  EXPECT_EQ(cluster.node(leader).members()->count(gone), 0u);
  EXPECT_TRUE(writes_go_through(4));
}

TEST_F(MembershipTest, ALeaderRemovesItselfAndAnotherTakesOverAtOnce) {
  const auto removed = ask(leader, MembershipKind::remove, leader);
  cluster.settle();
  ASSERT_TRUE(removed->has_value());
  EXPECT_EQ((*removed)->kind, Kind::made);
  const std::uint64_t before = leader;
  cluster.advance(std::chrono::milliseconds(100));
  leader = follower();
  EXPECT_NE(cluster.node(leader).leader(), NodeId{before});
  EXPECT_NE(cluster.node(leader).leader(), NodeId{});  // within a tenth of an election timeout
  EXPECT_FALSE(raft::is_member(members(leader), NodeId{before}));
  EXPECT_TRUE(writes_go_through(leader));
}

TEST_F(MembershipTest, WhatIsSaidOfAMemberChangesAndWhatItPublishedStays) {
  command::PublishMember said;
  said.set_id(leader);
  said.set_name("published");
  said.add_client_urls("http://clients:1");
  ASSERT_EQ(change(MembershipKind::update, leader, 0, about("first")).kind, Kind::made);
  auto outcome = std::make_shared<std::optional<mvcc::Outcome>>();
  cluster.handle(leader, ClientWrite{.kind = CommandKind::publish,
                                     .request = said.SerializeAsString(),
                                     .idempotency_key = {},
                                     .deadline = cluster.now() + std::chrono::seconds(5),
                                     .responder = std::make_unique<WriteResult>(outcome)});
  cluster.settle();
  ASSERT_EQ(change(MembershipKind::update, leader, 0, about("moved")).kind, Kind::made);
  const mvcc::MemberInfo known = cluster.node(follower()).members()->at(leader);
  EXPECT_EQ(known.name, "published");
  EXPECT_EQ(known.client_urls, std::vector<std::string>{"http://clients:1"});
  EXPECT_EQ(known.peer_urls, std::vector<std::string>{"http://moved:2380"});
}

TEST_F(MembershipTest, WhatCannotBeIsRefusedByName) {
  EXPECT_EQ(refusal(MembershipKind::add_learner, leader), MembershipRefusal::already_member);
  EXPECT_EQ(refusal(MembershipKind::add_learner, 0), MembershipRefusal::invalid);
  EXPECT_EQ(refusal(MembershipKind::add_learner, 9, 0, std::string(std::size_t{1} << 20, 'x')),
            MembershipRefusal::invalid);
  EXPECT_EQ(refusal(MembershipKind::promote, 9), MembershipRefusal::no_member);
  EXPECT_EQ(refusal(MembershipKind::promote, follower()), MembershipRefusal::no_learner);
  EXPECT_EQ(refusal(MembershipKind::remove, 9), MembershipRefusal::no_member);
  EXPECT_EQ(refusal(MembershipKind::update, 9), MembershipRefusal::no_member);
  EXPECT_EQ(refusal(MembershipKind::replace, 9, 8), MembershipRefusal::no_voter);
  EXPECT_EQ(refusal(MembershipKind::replace, 9, leader), MembershipRefusal::no_member);
  const auto at_follower = ask(follower(), MembershipKind::remove, leader);
  cluster.settle();
  ASSERT_TRUE(at_follower->has_value());
  EXPECT_EQ((*at_follower)->refusal, MembershipRefusal::not_leader);
  EXPECT_EQ((*at_follower)->leader, NodeId{leader});
  EXPECT_EQ(members(leader).voters.size(), 3u);
}

TEST_F(MembershipTest, OneAtATime) {
  const auto first = ask(leader, MembershipKind::add_learner, 8);
  const auto second = ask(leader, MembershipKind::add_learner, 9);
  cluster.settle();
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((*second)->refusal, MembershipRefusal::busy);
  ASSERT_TRUE(first->has_value());
  EXPECT_EQ((*first)->kind, Kind::made);
}

struct FewChangesTest : MembershipTest {
  FewChangesTest() : MembershipTest(3, [](Config* config) { config->membership_changes_max = 1; }) {}
};

TEST_F(FewChangesTest, BeyondTheLimitOneIsRefusedAsOverloaded) {
  const auto first = ask(leader, MembershipKind::add_learner, 8);
  const auto second = ask(leader, MembershipKind::add_learner, 9);
  cluster.settle();
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((*second)->refusal, MembershipRefusal::overloaded);
  ASSERT_TRUE(first->has_value());
  EXPECT_EQ((*first)->kind, Kind::made);
  EXPECT_EQ(change(MembershipKind::add_learner, 9).kind, Kind::made);
}

TEST_F(MembershipTest, WhoDoesNotAnswerOrLagsIsNotPromoted) {
  ASSERT_EQ(change(MembershipKind::add_learner, 4).kind, Kind::made);  // there is no such machine yet
  cluster.advance(std::chrono::seconds(2));
  EXPECT_EQ(refusal(MembershipKind::promote, 4), MembershipRefusal::not_caught_up);
}

struct LagTest : MembershipTest {
  LagTest() : MembershipTest(3, [](Config* config) { config->promotion_lag_max = 5; }) {}
};

TEST_F(LagTest, HowFarALearnerIsBehindIsSaid) {
  add_learner(4);
  cluster.lose([](const raft::Message& message) {  // it hears that there is a leader, and gets nothing
    const auto* append = std::get_if<raft::AppendRequest>(&message.body);
    return message.to == NodeId{4} && append != nullptr && !append->entries.empty();
  });
  for (int i = 0; i < 10; ++i) {
    cluster.put(leader, "key", "value");
    cluster.settle();
  }
  cluster.advance(std::chrono::milliseconds(300));
  const MembershipOutcome refused = change(MembershipKind::promote, 4);
  EXPECT_EQ(refused.refusal, MembershipRefusal::not_caught_up);
  EXPECT_NE(refused.why.find("lacks 10 entries"), std::string::npos) << refused.why;
  cluster.lose({});
  cluster.advance(std::chrono::seconds(1));
  EXPECT_EQ(change(MembershipKind::promote, 4).kind, Kind::made);
}

// Of three one is gone: to remove the other follower would leave nobody to agree with.
TEST_F(MembershipTest, WithoutAMajorityThatAnswersNothingIsChanged) {
  const std::uint64_t gone = leader == 3 ? 2 : 3;
  cluster.cut(gone);
  cluster.advance(std::chrono::seconds(2));
  EXPECT_EQ(refusal(MembershipKind::remove, follower()), MembershipRefusal::no_quorum);
  EXPECT_EQ(change(MembershipKind::remove, gone).kind, Kind::made);  // that is the way out
}

TEST_F(MembershipTest, WhatAnotherLeaderReplacedWasNotMade) {
  cluster.cut(leader);
  const auto lost = ask(leader, MembershipKind::add_learner, 9);
  const std::uint64_t before = leader;
  cluster.settle();
  EXPECT_FALSE(lost->has_value());
  EXPECT_EQ(members(before).learners.size(), 1u);  // in force there, as it is in its log
  leader = cluster.elect();
  ASSERT_NE(leader, before);
  cluster.heal();
  cluster.advance(std::chrono::seconds(2));
  ASSERT_TRUE(lost->has_value());
  EXPECT_EQ((*lost)->kind, Kind::refused);
  EXPECT_EQ((*lost)->refusal, MembershipRefusal::overtaken);
  EXPECT_TRUE(members(before).learners.empty());
}

TEST_F(MembershipTest, WhatNobodyCanSayIsUnknownInTheEnd) {
  cluster.cut(leader);
  const auto asked = ask(leader, MembershipKind::add_learner, 9);
  cluster.advance(std::chrono::seconds(6));
  ASSERT_TRUE(asked->has_value());
  EXPECT_EQ((*asked)->kind, Kind::unknown);
}

}  // namespace
}  // namespace cairn::node

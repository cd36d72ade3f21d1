// Changes of the members as clients ask for them: from any member, to whoever leads.
#include "node/membership_calls.h"

#include <gtest/gtest.h>

#include "node/membership_about.h"
#include "node/mini_cluster_fixture.h"
#include "node/parts_fixture.h"
#include "proto/command.pb.h"
#include "raft/members.h"
#include "raft/state.h"

namespace cairn::node {
namespace {

using raft::NodeId;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = MembershipOutcome::Kind;

std::string about(const std::string& name, bool votes_when_ready = false) {
  command::PublishMember said;
  said.set_name(name);
  said.add_peer_urls("http://" + name + ":2380");
  said.set_votes_when_ready(votes_when_ready);
  return said.SerializeAsString();
}

// ---- alone ----

struct AskedQuestions final : MembershipCalls::Port {
  void ask(LeaderQuestion question) override { asked.push_back(std::move(question)); }
  std::vector<LeaderQuestion> asked;
};

struct MembershipCallsTest : testing::Test {
  AskedQuestions port;
  MembershipCalls calls{{.count = 2}, port};
  std::vector<MembershipOutcome> told;

  void add(Duration deadline = seconds(60)) {
    calls.add({.kind = MembershipKind::remove,
               .member = NodeId{9},
               .replaced = {},
               .about = {},
               .deadline = Time(deadline),
               .done = [this](MembershipOutcome outcome) { told.push_back(std::move(outcome)); }});
  }
  void answer(std::size_t question, QuestionOutcome outcome) {
    port.asked.at(question).done(std::move(outcome));
    calls.end_turn();
  }
  static QuestionOutcome refusal(MembershipRefusal why) {
    return {std::nullopt, encode_membership_answer({.kind = Kind::refused, .refusal = why, .why = "so"})};
  }
};

TEST_F(MembershipCallsTest, GoToWhoeverLeadsAndItsAnswerIsTold) {
  add();
  calls.send(led_by(0));
  EXPECT_TRUE(port.asked.empty());
  calls.send(led_by(2));
  calls.send(led_by(2));
  ASSERT_EQ(port.asked.size(), 1u);
  EXPECT_EQ(port.asked[0].kind, kMembershipQuestion);
  const auto question = decode_membership_question(port.asked[0].body);
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->kind, MembershipKind::remove);
  EXPECT_EQ(question->member, NodeId{9});
  answer(0, {std::nullopt, encode_membership_answer({.kind = Kind::made})});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, Kind::made);
  EXPECT_EQ(calls.pending(), 0u);
}

TEST_F(MembershipCallsTest, BeyondTheLimitOneIsRefusedAsOverloaded) {
  for (int i = 0; i < 3; ++i) add();
  EXPECT_TRUE(told.empty());  // not from within the call
  EXPECT_TRUE(calls.wants_turn());
  calls.end_turn();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].refusal, MembershipRefusal::overloaded);
  EXPECT_EQ(calls.pending(), 2u);
}

TEST_F(MembershipCallsTest, WhatMayHaveBeenMadeIsUnknownAndNotAskedAgain) {
  for (const NoAnswer why : {NoAnswer::timed_out, NoAnswer::leader_lost}) {
    add();
    calls.send(led_by(2));
    answer(port.asked.size() - 1, {why, {}});
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back().kind, Kind::unknown);
    EXPECT_EQ(calls.pending(), 0u);
  }
  add();
  calls.send(led_by(2));
  answer(port.asked.size() - 1, {std::nullopt, "no answer that this version knows"});
  EXPECT_EQ(told.back().kind, Kind::unknown);
  EXPECT_EQ(told.size(), 3u);
}

TEST_F(MembershipCallsTest, WhatWasSurelyNotMadeIsAskedAgain) {
  add();
  calls.send(led_by(2));
  answer(0, {NoAnswer::not_leader, {}});
  calls.send(led_by(2));  // as often as time is looked at, or there is another leader
  EXPECT_EQ(port.asked.size(), 1u);
  calls.expire(led_by(2));
  calls.send(led_by(2));
  ASSERT_EQ(port.asked.size(), 2u);
  for (const MembershipRefusal why :
       {MembershipRefusal::busy, MembershipRefusal::not_leader, MembershipRefusal::overtaken}) {
    answer(port.asked.size() - 1, refusal(why));
    calls.send(led_by(2, 3 + port.asked.size()));
  }
  EXPECT_EQ(port.asked.size(), 5u);
  EXPECT_TRUE(told.empty());
  answer(4, refusal(MembershipRefusal::no_quorum));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].refusal, MembershipRefusal::no_quorum);
  EXPECT_EQ(told[0].why, "so");
}

TEST_F(MembershipCallsTest, WhenTimeIsUpTheLastRefusalIsTold) {
  add(seconds(10));
  add(seconds(10));
  calls.send(led_by(2));
  answer(0, refusal(MembershipRefusal::busy));
  answer(1, {NoAnswer::no_leader, {}});
  calls.expire(led_by(0, 3, seconds(9)));
  EXPECT_EQ(calls.pending(), 2u);
  calls.expire(led_by(0, 3, seconds(10)));
  calls.end_turn();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].refusal, MembershipRefusal::busy);
  EXPECT_EQ(told[1].refusal, MembershipRefusal::no_leader);
}

TEST_F(MembershipCallsTest, WhatTheLeaderDoesNotKnowOrCannotTakeIsRefused) {
  for (const NoAnswer why : {NoAnswer::unknown_kind, NoAnswer::too_large}) {
    add();
    calls.send(led_by(2));
    answer(port.asked.size() - 1, {why, {}});
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back().refusal, MembershipRefusal::invalid);
    EXPECT_FALSE(told.back().why.empty());
  }
  EXPECT_EQ(told.size(), 2u);
}

TEST(MembershipQuestion, WhatIsNoneIsNotRead) {
  EXPECT_FALSE(decode_membership_question("\xff").has_value());
  EXPECT_FALSE(decode_membership_question(std::string("\x08\x05", 2)).has_value());  // a kind of later
  EXPECT_FALSE(decode_membership_answer("\xff").has_value());
  EXPECT_FALSE(decode_membership_answer(std::string("\x08\x03", 2)).has_value());
  EXPECT_FALSE(decode_membership_answer(std::string("\x10\x7f", 2)).has_value());  // a refusal of later
}

// ---- in a cluster ----

struct CalledCluster : testing::Test {
  explicit CalledCluster(std::function<void(Config*)> tune = {}) : cluster(3, tune), leader(cluster.elect()) {
    cluster.advance(milliseconds(200));
  }
  std::shared_ptr<std::optional<MembershipOutcome>> call(std::uint64_t at, MembershipKind kind,
                                                         std::uint64_t member, std::string text = {}) {
    auto result = std::make_shared<std::optional<MembershipOutcome>>();
    ChangeMembership change;
    change.kind = kind;
    change.member = NodeId{member};
    change.about = std::move(text);
    change.deadline = cluster.now() + seconds(5);
    change.done = [result](MembershipOutcome outcome) { *result = std::move(outcome); };
    cluster.handle(at, MembershipCall{std::move(change)});
    return result;
  }
  MembershipOutcome outcome(std::uint64_t at, MembershipKind kind, std::uint64_t member,
                            std::string text = {}) {
    const auto result = call(at, kind, member, std::move(text));
    cluster.advance(seconds(1));
    return result->value_or(MembershipOutcome{.kind = Kind::unknown});
  }
  std::uint64_t follower() const { return leader == 1 ? 2 : 1; }
  const raft::Members& members(std::uint64_t at) { return cluster.node(at).core().state().log.members(); }

  MiniCluster cluster;
  std::uint64_t leader;
};

TEST_F(CalledCluster, AnyMemberCanBeAsked) {
  EXPECT_EQ(outcome(follower(), MembershipKind::add_learner, 8, about("n8")).kind, Kind::made);
  EXPECT_EQ(outcome(leader, MembershipKind::add_learner, 9, about("n9")).kind, Kind::made);
  EXPECT_EQ(members(leader).learners.size(), 2u);
  EXPECT_EQ(outcome(follower(), MembershipKind::remove, 77).refusal, MembershipRefusal::no_member);
}

TEST_F(CalledCluster, ChangesAskedForAtOnceAreMadeOneAfterTheOther) {
  std::vector<std::shared_ptr<std::optional<MembershipOutcome>>> asked;
  for (std::uint64_t id = 11; id <= 14; ++id)
    asked.push_back(call(1 + id % 3, MembershipKind::add_learner, id, about("n" + std::to_string(id))));
  cluster.advance(seconds(3));
  for (const auto& each : asked) {
    ASSERT_TRUE(each->has_value());
    EXPECT_EQ((*each)->kind, Kind::made) << (*each)->why;
  }
  EXPECT_EQ(members(leader).learners.size(), 4u);
}

TEST_F(CalledCluster, TheSameAskedForTwiceIsMadeOnce) {
  const auto first = call(follower(), MembershipKind::add_learner, 8, about("n8"));
  const auto again = call(leader, MembershipKind::add_learner, 8, about("n8"));
  cluster.advance(seconds(1));
  ASSERT_TRUE(first->has_value() && again->has_value());
  const int made = ((*first)->kind == Kind::made) + ((*again)->kind == Kind::made);
  EXPECT_EQ(made, 1);
  const MembershipOutcome& refused = (*first)->kind == Kind::made ? **again : **first;
  EXPECT_EQ(refused.refusal, MembershipRefusal::already_member);
}

TEST_F(CalledCluster, WhoVotesWhenReadyIsPromotedByTheLeader) {
  cluster.join(4);
  ASSERT_EQ(outcome(follower(), MembershipKind::add_learner, 4, about("n4", true)).kind, Kind::made);
  ASSERT_EQ(outcome(follower(), MembershipKind::add_learner, 5, about("n5", true)).kind, Kind::made);
  cluster.advance(seconds(2));
  EXPECT_TRUE(raft::is_voter(members(leader), NodeId{4}));
  EXPECT_EQ(members(leader).learners, std::vector{NodeId{5}});  // which never came, and costs no quorum
}

TEST_F(CalledCluster, WhoseAddressIsSaidAnewVotesWhenReadyAllTheSame) {
  ASSERT_EQ(outcome(leader, MembershipKind::add_learner, 5, about("n5", true)).kind, Kind::made);
  ASSERT_EQ(outcome(leader, MembershipKind::update, 5, about("moved")).kind, Kind::made);
  EXPECT_TRUE(votes_when_ready(members(leader), NodeId{5}));
  ASSERT_EQ(outcome(leader, MembershipKind::add_learner, 6, about("n6")).kind, Kind::made);
  ASSERT_EQ(outcome(leader, MembershipKind::update, 6, about("elsewhere")).kind, Kind::made);
  EXPECT_FALSE(votes_when_ready(members(leader), NodeId{6}));
}

TEST_F(CalledCluster, NobodyComesWhereAnotherIs) {
  ASSERT_EQ(outcome(leader, MembershipKind::add_learner, 8, about("n8")).kind, Kind::made);
  EXPECT_EQ(outcome(leader, MembershipKind::add_learner, 9, about("n8")).refusal,
            MembershipRefusal::address_taken);
  ASSERT_EQ(outcome(leader, MembershipKind::add_learner, 9, about("n9")).kind, Kind::made);
  EXPECT_EQ(outcome(leader, MembershipKind::update, 9, about("n8")).refusal,
            MembershipRefusal::address_taken);
  EXPECT_EQ(outcome(leader, MembershipKind::update, 9, about("n9")).kind, Kind::made);  // where it is
}

struct FewLearners : CalledCluster {
  FewLearners() : CalledCluster([](Config* config) { config->learners_max = 1; }) {}
};

TEST_F(FewLearners, NoMoreAreAddedThanTheLimit) {
  ASSERT_EQ(outcome(leader, MembershipKind::add_learner, 8, about("n8")).kind, Kind::made);
  EXPECT_EQ(outcome(leader, MembershipKind::add_learner, 9, about("n9")).refusal,
            MembershipRefusal::many_learners);
  ASSERT_EQ(outcome(leader, MembershipKind::remove, 8).kind, Kind::made);
  EXPECT_EQ(outcome(leader, MembershipKind::add_learner, 9, about("n9")).kind, Kind::made);
}

struct FewCalls : CalledCluster {
  FewCalls() : CalledCluster([](Config* config) { config->membership_calls_max = 1; }) {}
};

TEST_F(FewCalls, BeyondTheLimitOfAMemberOneIsRefused) {
  const auto first = call(follower(), MembershipKind::add_learner, 8, about("n8"));
  const auto second = call(follower(), MembershipKind::add_learner, 9, about("n9"));
  cluster.advance(seconds(1));
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_EQ((*first)->kind, Kind::made);
  EXPECT_EQ((*second)->refusal, MembershipRefusal::overloaded);
}

TEST_F(CalledCluster, WhatALostLeaderWasAskedIsUnknown) {
  const std::uint64_t other = 6 - leader - follower();
  cluster.cut(leader);
  const auto asked = call(leader, MembershipKind::add_learner, 9, about("n9"));
  cluster.advance(seconds(6));
  ASSERT_TRUE(asked->has_value());
  EXPECT_EQ((*asked)->kind, Kind::unknown);
  EXPECT_TRUE(members(other).learners.empty());
}

}  // namespace
}  // namespace cairn::node

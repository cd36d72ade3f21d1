#include "node/questions.h"

#include <gtest/gtest.h>

#include "node/mini_cluster_fixture.h"
#include "node/parts_fixture.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr QuestionKind kEcho = 77;

struct QuestionsTest : testing::Test {
  RecordingTransport transport;
  Questions questions{500, {.count = 2, .bytes = 100, .in_hand_count = 1, .body_bytes = 90}, transport};
  std::vector<QuestionOutcome> told;

  void ask(const Standing& standing, std::string body = "?", Duration deadline = seconds(60)) {
    questions.ask({kEcho, std::move(body), Time(deadline),
                   [this](QuestionOutcome outcome) { told.push_back(std::move(outcome)); }},
                  standing);
  }
  std::optional<NoAnswer> last_refusal(const Standing& standing) {
    questions.end_turn(standing);
    return told.empty() ? std::nullopt : told.back().refusal;
  }
  Question sent() {
    return std::get<Question>(parse_note(transport.notes.back().note));  // which keeps the note
  }
  Answer answered() { return std::get<Answer>(parse_note(transport.notes.back().note)); }
};

TEST_F(QuestionsTest, AreSentOnceToTheLeaderAndItsAnswerIsToldWhenTheTurnEnds) {
  ask(led_by(2), "what?");
  ASSERT_EQ(transport.notes.size(), 1U);
  EXPECT_EQ(transport.notes[0].to, raft::NodeId{2});
  const Question question = sent();
  EXPECT_EQ(question.body, "what?");
  EXPECT_EQ(question.term, raft::Term{3});
  questions.received(raft::NodeId{2}, Answer{question.id, raft::Term{3}, {}, "that"});
  EXPECT_TRUE(told.empty());
  questions.end_turn(led_by(2));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].refusal, std::nullopt);
  EXPECT_EQ(told[0].body, "that");
  questions.received(raft::NodeId{2}, Answer{question.id, raft::Term{3}, {}, "once more"});
  questions.end_turn(led_by(2));
  EXPECT_EQ(told.size(), 1U);
  EXPECT_EQ(questions.pending(), 0U);
}

TEST_F(QuestionsTest, WithoutRoomOnTheWayItIsRefusedAtOnce) {
  transport.note_room = 0;
  ask(led_by(2));
  questions.end_turn(led_by(2));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].refusal, NoAnswer::too_many);
  EXPECT_EQ(questions.pending(), 0U);
}

TEST_F(QuestionsTest, AnswersOfOthersOfOtherTermsAndOfEarlierLivesAreIgnored) {
  ask(led_by(2));
  const Question question = sent();
  questions.received(raft::NodeId{3}, Answer{question.id, raft::Term{3}, {}, "not the leader"});
  questions.received(raft::NodeId{2}, Answer{question.id, raft::Term{2}, {}, "an earlier term"});
  questions.received(raft::NodeId{2}, Answer{question.id - 1, raft::Term{3}, {}, "an earlier life"});
  questions.end_turn(led_by(2));
  EXPECT_TRUE(told.empty());
}

TEST_F(QuestionsTest, WithoutALeaderAreRefusedAndNotSent) {
  ask(led_by(0));
  EXPECT_EQ(last_refusal(led_by(0)), NoAnswer::no_leader);
  EXPECT_FALSE(may_have_been_done(NoAnswer::no_leader));
  EXPECT_TRUE(transport.notes.empty());
}

TEST_F(QuestionsTest, BeyondTheLimitsAreRefusedUntilOneIsAnswered) {
  ask(led_by(2));
  ask(led_by(2));
  ask(led_by(2));
  EXPECT_EQ(last_refusal(led_by(2)), NoAnswer::too_many);
  questions.received(raft::NodeId{2}, Answer{sent().id, raft::Term{3}, {}, {}});
  ask(led_by(2), std::string(91, 'x'));
  EXPECT_EQ(last_refusal(led_by(2)), NoAnswer::too_large);
  ask(led_by(2), std::string(90, 'x'));
  EXPECT_EQ(questions.pending(), 2U);
  EXPECT_EQ(transport.notes.size(), 3U);
}

TEST_F(QuestionsTest, BytesAreBounded) {
  ask(led_by(2), std::string(80, 'x'));
  ask(led_by(2), std::string(80, 'x'));
  EXPECT_EQ(last_refusal(led_by(2)), NoAnswer::too_many);
}

TEST_F(QuestionsTest, WithoutAnAnswerMayHaveBeenDone) {
  ask(led_by(2), "?", seconds(5));
  questions.expire(Time(seconds(4)));
  EXPECT_EQ(last_refusal(led_by(2)), std::nullopt);
  questions.expire(Time(seconds(5)));
  EXPECT_EQ(last_refusal(led_by(2)), NoAnswer::timed_out);
  EXPECT_TRUE(may_have_been_done(NoAnswer::timed_out));
  ask(led_by(2));
  EXPECT_EQ(last_refusal(led_by(3, 4)), NoAnswer::leader_lost);
  EXPECT_TRUE(may_have_been_done(NoAnswer::leader_lost));
}

TEST_F(QuestionsTest, OnlyTheLeaderOfThatTermAnswersAndOnlyWhatItKnows) {
  questions.answer_with(kEcho,
                        [](std::string_view body, Reply reply) { reply.answer(std::string(body) + "!"); });
  const auto asked = [&](raft::Term term, QuestionKind kind, const Standing& standing) {
    questions.received(raft::NodeId{2}, Question{9, term, kind, "hello"}, standing);
    EXPECT_EQ(transport.notes.back().to, raft::NodeId{2});
    return answered();
  };
  EXPECT_EQ(asked(raft::Term{3}, kEcho, led_by(1)).body, "hello!");
  EXPECT_EQ(asked(raft::Term{3}, kEcho, led_by(2)).refusal, NoAnswer::not_leader);
  EXPECT_EQ(asked(raft::Term{2}, kEcho, led_by(1)).refusal, NoAnswer::not_leader);
  EXPECT_EQ(asked(raft::Term{3}, kEcho + 1, led_by(1)).refusal, NoAnswer::unknown_kind);
}

TEST_F(QuestionsTest, OneInHandMayBeAnsweredLaterAndIsCounted) {
  std::vector<Reply> in_hand;
  questions.answer_with(kEcho, [&](std::string_view, Reply reply) { in_hand.push_back(std::move(reply)); });
  questions.received(raft::NodeId{2}, Question{8, raft::Term{3}, kEcho, "?"}, led_by(1));
  EXPECT_TRUE(transport.notes.empty());
  questions.received(raft::NodeId{2}, Question{9, raft::Term{3}, kEcho, "?"}, led_by(1));
  EXPECT_EQ(answered().refusal, NoAnswer::too_many);
  in_hand[0].answer("late");
  EXPECT_EQ(answered().id, 8U);
  EXPECT_EQ(answered().body, "late");
  in_hand[0].answer("again");
  EXPECT_EQ(transport.notes.size(), 2U) << "at most once";
  questions.received(raft::NodeId{2}, Question{10, raft::Term{3}, kEcho, "?"}, led_by(1));
  in_hand.clear();
  EXPECT_EQ(transport.notes.size(), 2U) << "dropped: the asker's time runs out";
  questions.received(raft::NodeId{2}, Question{11, raft::Term{3}, kEcho, "?"}, led_by(1));
  EXPECT_EQ(transport.notes.size(), 2U) << "there was room again";
  in_hand.clear();
}

TEST_F(QuestionsTest, ALeaderAsksItself) {
  questions.answer_with(kEcho, [](std::string_view body, Reply reply) { reply.answer(std::string(body)); });
  ask(led_by(1), "me");
  EXPECT_TRUE(told.empty());
  questions.end_turn(led_by(1));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].body, "me");
  EXPECT_TRUE(transport.notes.empty());
}

// ---- through whole members ----

struct Asking {
  explicit Asking(std::function<void(Config*)> tune = {})
      : cluster(3, std::move(tune)), leader(cluster.elect()) {
    cluster.advance(milliseconds(200));
    for (std::uint64_t id = 1; id <= 3; ++id) {
      cluster.node(id).answer_with(kEcho, [this, id](std::string_view body, Reply reply) {
        ++handled;
        reply.answer(std::to_string(id) + " of " + std::to_string(reply.asker().v) + ": " +
                     std::string(body));
      });
    }
  }
  std::uint64_t follower() const { return leader == 1 ? 2 : 1; }
  std::shared_ptr<std::optional<QuestionOutcome>> ask(std::uint64_t id, QuestionKind kind = kEcho,
                                                      Duration patience = seconds(5)) {
    auto outcome = std::make_shared<std::optional<QuestionOutcome>>();
    cluster.handle(id, LeaderQuestion{kind, "hello", cluster.now() + patience,
                                      [outcome](QuestionOutcome told) { *outcome = std::move(told); }});
    return outcome;
  }
  MiniCluster cluster;
  std::uint64_t leader;
  int handled = 0;
};

TEST(LeaderQuestion, IsAnsweredByTheLeaderWhoeverAsks) {
  Asking asking;
  for (const std::uint64_t id : {asking.follower(), asking.leader}) {
    const auto outcome = asking.ask(id);
    asking.cluster.settle();
    ASSERT_TRUE(outcome->has_value());
    EXPECT_EQ((*outcome)->refusal, std::nullopt);
    EXPECT_EQ((*outcome)->body, std::to_string(asking.leader) + " of " + std::to_string(id) + ": hello");
  }
  EXPECT_EQ(asking.handled, 2);
}

TEST(LeaderQuestion, OfAKindThatTheLeaderDoesNotKnowIsRefused) {
  Asking asking;
  const auto outcome = asking.ask(asking.follower(), kEcho + 1);
  asking.cluster.settle();
  ASSERT_TRUE(outcome->has_value());
  EXPECT_EQ((*outcome)->refusal, NoAnswer::unknown_kind);
}

TEST(LeaderQuestion, BeyondTheConfiguredLimitsIsRefused) {
  Asking asking([](Config* config) { config->questions.count = 1; });
  const auto first = asking.ask(asking.follower()), second = asking.ask(asking.follower());
  asking.cluster.settle();
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_EQ((*first)->refusal, std::nullopt);
  EXPECT_EQ((*second)->refusal, NoAnswer::too_many);
}

TEST(LeaderQuestion, ThatIsLostEndsWithItsDeadlineAndIsNotAskedAgain) {
  Asking asking;
  asking.cluster.cut(asking.leader);
  const auto outcome = asking.ask(asking.follower(), kEcho, milliseconds(300));
  asking.cluster.settle();
  asking.cluster.heal();
  asking.cluster.advance(milliseconds(200));
  EXPECT_FALSE(outcome->has_value());
  asking.cluster.advance(milliseconds(200));
  ASSERT_TRUE(outcome->has_value());
  EXPECT_EQ((*outcome)->refusal, NoAnswer::timed_out);
  EXPECT_EQ(asking.handled, 0);
}

TEST(LeaderQuestion, IsOverWhenAnotherTermBegins) {
  Asking asking;
  asking.cluster.cut(asking.leader);
  const auto outcome = asking.ask(asking.follower(), kEcho, std::chrono::hours(1));
  asking.cluster.settle();
  ASSERT_NE(asking.cluster.elect(), asking.leader);
  asking.cluster.advance(milliseconds(300));
  ASSERT_TRUE(outcome->has_value());
  EXPECT_EQ((*outcome)->refusal, NoAnswer::leader_lost);
}

TEST(LeaderQuestion, OfALateNoteIsNotAnsweredInALaterTerm) {
  Asking asking;
  const raft::Term term = asking.cluster.node(asking.leader).status().term;
  const raft::NodeId from{asking.follower()};
  asking.cluster.handle(
      asking.leader,
      NoteReceived{from, question_note({.id = 1, .term = term.prev(), .kind = kEcho, .body = {}})});
  asking.cluster.settle();
  EXPECT_EQ(asking.handled, 0);
}

}  // namespace
}  // namespace cairn::node

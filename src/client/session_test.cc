#include "client/session.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>

namespace cairn::client {
namespace {

using std::chrono::milliseconds;

// Members by endpoint, each with a script of answers; time passes only while the client sleeps or one of them
// hangs.
struct FakeTransport final : Transport {
  struct Asked {
    std::string endpoint, target, key, revision, timeout_ms;
  };
  std::map<std::string, std::deque<std::variant<Response, Failure>>> script;  // the last answer repeats
  std::vector<Asked> asked;
  std::set<std::string> hangs;  // takes all the time it is given
  milliseconds slept{0};

  std::variant<Response, Failure> exchange(const std::string& endpoint, const Request& request,
                                           milliseconds timeout) override {
    Asked question{
        .endpoint = endpoint, .target = request.target, .key = {}, .revision = {}, .timeout_ms = {}};
    for (const auto& [name, value] : request.headers) {
      if (name == "idempotency-key") question.key = value;
      if (name == "idempotency-revision") question.revision = value;
      if (name == "cairn-timeout-ms") question.timeout_ms = value;
    }
    asked.push_back(question);
    if (hangs.count(endpoint) != 0) {
      slept += timeout;
      return Failure{true, "no answer"};
    }
    auto& answers = script[endpoint];
    if (answers.empty()) return Failure{false, "connection refused"};
    auto answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    return answer;
  }
  std::chrono::steady_clock::time_point now() override {
    return std::chrono::steady_clock::time_point(slept);
  }
  void sleep(milliseconds duration) override { slept += duration; }
};

struct ClientOverFakes : testing::Test {
  FakeTransport* transport = new FakeTransport;  // tidy-allow(new): the client owns it, one line below
  Client client{{.endpoints = {"http://a", "http://b"}, .timeout = milliseconds(1000)},
                std::unique_ptr<Transport>(transport)};

  static Response ok() { return {200, {{"cairn-revision", "7"}}, ""}; }
  static Response redirect(const std::string& to) { return {307, {{"location", to + "/v1/kv/k"}}, "{}"}; }
  static Response problem(int status, const std::string& code) {
    return {status, {}, R"({"title":"t","code":")" + code + "\"}"};
  }
};

TEST_F(ClientOverFakes, FollowsARedirectAndRemembersTheLeader) {
  transport->script["http://a"] = {redirect("http://c")};
  transport->script["http://c"] = {ok()};
  EXPECT_EQ(client.put("k", "v")->revision, 7);
  EXPECT_EQ(client.put("k", "v")->revision, 7);
  ASSERT_EQ(transport->asked.size(), 3u);
  EXPECT_EQ(transport->asked[2].endpoint, "http://c");
  EXPECT_EQ(transport->slept.count(), 0);
}

TEST_F(ClientOverFakes, AChangeOfTheMembersIsAskedForOnce) {
  const MembersChange removal{.kind = MembersChange::Kind::remove, .member = "000000000000000a"};
  transport->script["http://b"] = {Response{
      200, {}, R"({"members":[{"ID":"18446744073709551615","name":"n1","peerURLs":["http://p"]}]})"}};
  const auto made = client.change_members(removal);  // nobody is at the first
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->members[0].id, "ffffffffffffffff");
  EXPECT_EQ(transport->asked.size(), 2u);
  transport->script["http://a"] = {Failure{true, "connection lost"}};
  EXPECT_EQ(client.change_members(removal).error().reason, Reason::outcome_unknown);
  EXPECT_EQ(transport->asked.size(), 3u);
  EXPECT_TRUE(client.change_members({}).ok());  // who only looks goes on to the next
}

TEST_F(ClientOverFakes, RefusedChangesOfTheMembersSayWhatNext) {
  const auto refused = [&](int status, const std::string& text) {
    transport->script["http://a"] = {
        Response{status, {}, R"({"error":"x","code":9,"message":")" + text + "\"}"}};
    return client.change_members({.kind = MembersChange::Kind::add, .peer_urls = {"http://p"}}).error();
  };
  const Error unhealthy = refused(503, "etcdserver: unhealthy cluster");
  EXPECT_EQ(unhealthy.reason, Reason::refused);
  EXPECT_EQ(unhealthy.message, "etcdserver: unhealthy cluster");
  EXPECT_NE(unhealthy.hint.find("cairn status"), std::string::npos);
  EXPECT_EQ(refused(400, "etcdserver: can only promote a learner member which is in sync with leader").code,
            "learner_not_ready");
  EXPECT_EQ(refused(503, "etcdserver: no leader").reason, Reason::unavailable);
  EXPECT_EQ(transport->asked.back().endpoint, "http://b");  // who may have one
  for (const int status : {503, 504})
    EXPECT_EQ(refused(status, "etcdserver: request timed out").reason, Reason::outcome_unknown);
  transport->script["http://a"] = {Response{200, {}, R"({"members":[{"ID":7,"name":8}]})"}};
  EXPECT_EQ(client.change_members({}).error().code, "bad_answer");
}

TEST_F(ClientOverFakes, RetriesCarryTheSameKeyAndOtherWritesAnother) {
  transport->script["http://a"] = {Failure{true, "connection lost"}, ok()};
  transport->script["http://b"] = {ok()};
  EXPECT_TRUE(client.put("k", "v").ok());
  EXPECT_TRUE(client.put("k", "v").ok());
  ASSERT_EQ(transport->asked.size(), 3u);
  EXPECT_EQ(transport->asked[0].key, transport->asked[1].key);
  EXPECT_NE(transport->asked[1].key, transport->asked[2].key);
  EXPECT_NE(transport->asked[0].key, "");
}

TEST_F(ClientOverFakes, AKeyCarriesTheNewestRevisionSeenBeforeIt) {
  transport->script["http://a"] = {ok(), Failure{true, "connection lost"}, ok()};
  transport->script["http://b"] = {{Response{200, {{"cairn-revision", "9"}}, ""}}};
  EXPECT_TRUE(client.put("k", "v").ok());
  EXPECT_TRUE(client.put("k", "v").ok());
  EXPECT_TRUE(client.put("k", "v", "mine").ok());
  ASSERT_EQ(transport->asked.size(), 4u);
  EXPECT_EQ(transport->asked[0].revision, "");
  EXPECT_EQ(transport->asked[1].revision, "7");
  EXPECT_EQ(transport->asked[2].revision, "7") << "a retry says what the first attempt said";
  EXPECT_EQ(transport->asked[3].revision, "") << "when that key was made, the client cannot know";
}

TEST_F(ClientOverFakes, AnOwnKeyThatIsTooOldAtItsFirstAttemptIsReplaced) {
  for (const auto& [status, code] :
       {std::pair(409, "idempotency_key_too_old"), {400, "idempotency_revision_invalid"}}) {
    transport->asked.clear();
    transport->script["http://a"] = {ok(), problem(status, code), ok()};
    EXPECT_TRUE(client.put("k", "v").ok());
    EXPECT_TRUE(client.put("k", "v").ok());
    ASSERT_EQ(transport->asked.size(), 3u);
    EXPECT_NE(transport->asked[1].key, transport->asked[2].key);
    EXPECT_EQ(transport->asked[2].revision, "");
  }
}

TEST_F(ClientOverFakes, AKeyThatIsTooOldAfterALostAttemptIsUnknown) {
  transport->script["http://a"] = {ok(), Failure{true, "connection lost"}};
  transport->script["http://b"] = {problem(409, "idempotency_key_too_old")};
  EXPECT_TRUE(client.put("k", "v").ok());
  EXPECT_EQ(client.put("k", "v").error().reason, Reason::outcome_unknown);
  EXPECT_EQ(transport->asked.size(), 3u);
}

TEST_F(ClientOverFakes, NobodyThereIsSaidAtOnce) {
  const auto answer = client.put("k", "v");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, Reason::unreachable);
  EXPECT_EQ(transport->asked.size(), 2u);
  EXPECT_EQ(transport->slept.count(), 0);
}

TEST_F(ClientOverFakes, ADeadLeaderIsReplacedByWhoeverIsElected) {
  transport->script["http://a"] = {redirect("http://c"), redirect("http://b")};
  transport->script["http://c"] = {ok(), Failure{false, "connection refused"}};
  transport->script["http://b"] = {problem(503, "no_leader"), problem(503, "no_leader"), ok()};
  EXPECT_TRUE(client.put("k", "v").ok());
  EXPECT_TRUE(client.put("k", "v").ok());
  EXPECT_EQ(transport->asked.back().endpoint, "http://b");
  EXPECT_GT(transport->slept.count(), 0);
}

TEST_F(ClientOverFakes, AnUnknownOutcomeStaysUnknownToTheEnd) {
  transport->script["http://a"] = {Failure{true, "connection lost"}, Failure{false, "connection refused"}};
  transport->script["http://b"] = {problem(503, "no_leader")};
  const auto answer = client.put("k", "v");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, Reason::outcome_unknown);
  EXPECT_GE(transport->slept.count(), 1000);
}

TEST_F(ClientOverFakes, WithoutASendNothingIsUnknown) {
  transport->script["http://a"] = {problem(503, "no_leader")};
  transport->script["http://b"] = {problem(429, "too_many_requests")};
  const auto answer = client.put("k", "v");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, Reason::unavailable);
}

TEST_F(ClientOverFakes, EachEndpointsWordsAreInTheEnd) {
  transport->script["http://a"] = {problem(503, "no_leader")};
  const auto refused = client.put("k", "v");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "the write has not happened: http://a: t; http://b: connection refused");
  EXPECT_EQ(refused.error().idempotency_key, "");
}

TEST_F(ClientOverFakes, AnUnknownWriteCanBeRepeatedUnderItsKey) {
  transport->script["http://a"] = {Failure{true, "connection lost"}};
  const auto unknown = client.put("k", "v");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().reason, Reason::outcome_unknown);
  EXPECT_EQ(unknown.error().idempotency_key, transport->asked.back().key);
  EXPECT_NE(unknown.error().hint.find(transport->asked.back().key), std::string::npos);
  EXPECT_EQ(client.put("k", "v", "mine").error().idempotency_key, "mine");
}

// It answers late, or it hangs: that is somebody, and the whole timeout is spent.
TEST_F(ClientOverFakes, OneThatWasAskedIsNotNobody) {
  transport->script["http://a"] = {Failure{true, "no answer in time"}};
  const auto answer = client.put("k", "v");
  EXPECT_EQ(answer.error().reason, Reason::outcome_unknown);
  EXPECT_GE(transport->slept.count(), 1000);
}

// Also when it is asked first: who was there counts, not who was asked last.
TEST_F(ClientOverFakes, AnAnswerFromAnybodyIsNotUnreachable) {
  transport->script["http://b"] = {problem(503, "no_leader")};
  EXPECT_EQ(client.put("k", "v").error().reason, Reason::unavailable);
  EXPECT_EQ(client.get("k").error().reason, Reason::unavailable);
}

// The time is shared out so that all are asked, whoever hangs.
TEST_F(ClientOverFakes, ThoseThatHangLeaveTimeForTheOthers) {
  auto* const hanging = new FakeTransport;  // tidy-allow(new): the client owns it, one line below
  Client of_three{{.endpoints = {"http://a", "http://b", "http://c"},
                   .timeout = milliseconds(3000),
                   .share_min = milliseconds(100)},
                  std::unique_ptr<Transport>(hanging)};
  hanging->hangs = {"http://a", "http://b"};
  hanging->script["http://c"] = {ok()};
  EXPECT_TRUE(of_three.put("k", "v").ok());
}

// A refusal is certain; an answer that comes too late is not.
TEST_F(ClientOverFakes, AWriteIsNotTriedAgainAtTheLastMoment) {
  for (const char* endpoint : {"http://a", "http://b"})
    transport->script[endpoint] = {problem(503, "no_leader")};
  EXPECT_EQ(client.put("k", "v").error().reason, Reason::unavailable);
  EXPECT_GE(transport->slept, milliseconds(800));
  ASSERT_FALSE(transport->asked.empty());
  EXPECT_GE(std::stoll(transport->asked.back().timeout_ms), 100);
}

TEST_F(ClientOverFakes, AMissingKeyOfALocalReadSaysSo) {
  const std::string body = problem(404, "key_not_found").body;
  transport->script["http://a"] = {
      Response{404, {{"cairn-consistency", "local"}, {"cairn-leader", "none"}}, body},
      Response{404, {{"cairn-consistency", "local"}, {"cairn-leader", "n1"}}, body},
      Response{404, {{"cairn-consistency", "linearizable"}, {"cairn-leader", "n1"}}, body}};
  EXPECT_NE(client.get("k").error().hint.find("knows no leader"), std::string::npos);
  EXPECT_NE(client.get("k").error().hint.find("may be behind"), std::string::npos);
  EXPECT_EQ(client.get("k").error().hint, "");
}

TEST_F(ClientOverFakes, AWriteSaysHowLongItsClientWaits) {
  transport->script["http://a"] = {ok()};
  EXPECT_TRUE(client.put("k", "v").ok());
  const std::int64_t ms = std::stoll("0" + transport->asked.back().timeout_ms);
  EXPECT_GT(ms, 0);
  EXPECT_LT(ms, 1000);
}

TEST_F(ClientOverFakes, RefusalsAreFinal) {
  transport->script["http://a"] = {problem(412, "precondition_failed")};
  EXPECT_EQ(client.put("k", "v").error().reason, Reason::precondition_failed);
  transport->script["http://a"] = {problem(413, "too_large")};
  EXPECT_EQ(client.put("k", "v").error().reason, Reason::invalid);
  EXPECT_EQ(transport->asked.size(), 2u);
  EXPECT_EQ(client.put("", "v").error().reason, Reason::invalid);
}

TEST_F(ClientOverFakes, MembersThatPointAtOneAnotherDoNotSpin) {
  transport->script["http://a"] = {redirect("http://b")};
  transport->script["http://b"] = {redirect("http://a")};
  EXPECT_EQ(client.put("k", "v").error().reason, Reason::unavailable);
  EXPECT_LT(transport->asked.size(), 200u);
}

TEST_F(ClientOverFakes, AnAnswerOfAnotherProgramIsNoCrash) {
  for (const char* body : {"<html>", "[]", "{}", R"({"kvs":5})", R"({"kvs":[{"key":5}]})"}) {
    transport->script["http://a"] = {Response{200, {}, body}};
    EXPECT_FALSE(client.list("").ok()) << body;
    EXPECT_FALSE(client.members().ok()) << body;
    EXPECT_FALSE(client.status("http://a").ok()) << body;
    EXPECT_FALSE(client.batch({}).ok()) << body;
  }
}

struct WatchOverFakes : ClientOverFakes {
  static Response line(const std::string& json) { return {200, {}, json + "\n"}; }
  static Response progress(int revision) {
    return line(R"({"type":"progress","revision":)" + std::to_string(revision) + "}");
  }
  static Response put_at(int revision) {
    return line(R"({"type":"changes","revision":)" + std::to_string(revision) +
                R"(,"events":[{"type":"put","key":"k","value":"v","mod_revision":)" +
                std::to_string(revision) + "}]}");
  }
  static Response ended(const std::string& code) {
    return line(R"({"type":"ended","code":")" + code + R"(","title":"t","compact_revision":9})");
  }
};

TEST_F(WatchOverFakes, GoesOnBehindWhatItWasTold) {
  transport->script["http://a"] = {put_at(5), progress(8), put_at(9)};
  Watch watch(client, {.key = "k"});
  ASSERT_TRUE(watch.next().ok());
  EXPECT_EQ(watch.from_revision(), 6);
  const auto next = watch.next();
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(next->changes.at(0).now.value, "v");
  ASSERT_EQ(transport->asked.size(), 3U);
  EXPECT_NE(transport->asked[0].target.find("consistency=linearizable"), std::string::npos);
  EXPECT_NE(transport->asked[1].target.find("from=6"), std::string::npos);
  EXPECT_NE(transport->asked[2].target.find("from=9"), std::string::npos);
}

TEST_F(WatchOverFakes, NothingInTimeIsNoChangesAndNoError) {
  transport->script["http://a"] = {progress(8)};
  Watch watch(client, {.key = "k", .from_revision = 3});
  const auto next = watch.next(milliseconds(0));
  ASSERT_TRUE(next.ok());
  EXPECT_TRUE(next->changes.empty());
  EXPECT_EQ(watch.from_revision(), 9);
}

TEST_F(WatchOverFakes, AnotherMemberIsAskedWhereOneHasNoLeaderOrStops) {
  transport->script["http://a"] = {ended("no_leader")};
  transport->script["http://b"] = {ended("server_stopped"), put_at(5)};
  transport->script["http://a"].push_back(put_at(5));
  const auto changes = client.watch({.key = "k", .from_revision = 3}, milliseconds(1000));
  ASSERT_TRUE(changes.ok()) << changes.error().message;
  EXPECT_EQ(changes->revision, 5);
  EXPECT_GE(transport->asked.size(), 3U);
}

TEST_F(WatchOverFakes, WhatIsCompactedIsToldAndNotAskedAgain) {
  transport->script["http://a"] = {ended("compacted")};
  const auto changes = client.watch({.key = "k", .from_revision = 3}, milliseconds(1000));
  ASSERT_FALSE(changes.ok());
  EXPECT_EQ(changes.error().reason, Reason::compacted);
  EXPECT_NE(changes.error().message.find("9"), std::string::npos);
  EXPECT_EQ(transport->asked.size(), 1U);
}

TEST_F(WatchOverFakes, AMemberThatHangsIsFoundOutWithinOneQuestion) {
  transport->hangs = {"http://a"};
  transport->script["http://b"] = {put_at(5)};
  const auto changes = client.watch({.key = "k", .from_revision = 3}, std::chrono::hours(1));
  ASSERT_TRUE(changes.ok());
  EXPECT_LE(transport->slept, Options{}.watch_question + milliseconds(1000));
}

TEST_F(WatchOverFakes, AnAnswerOfSomethingElseIsSaidToBeOne) {
  transport->script["http://a"] = {line(R"({"type":"changes","events":[{"type":"moved","key":"k"}]})")};
  const auto changes = client.watch({.key = "k", .from_revision = 3}, milliseconds(1000));
  ASSERT_FALSE(changes.ok());
  EXPECT_EQ(changes.error().code, "bad_answer");
}

}  // namespace
}  // namespace cairn::client

// Elections over gRPC: who leads, and who hears of it.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "api/queue_fixture.h"

namespace cairn::api {
namespace {

using namespace v3electionpb;  // NOLINT: the messages under test

// A call whose messages are kept.
struct ObserveCall final : rpc::GrpcCall {
  std::vector<LeaderResponse> told;
  bool room = true, paused = false, finished = false;
  Code code = Code::unknown;
  std::string message;
  std::optional<Time> call_deadline;

  std::string_view method() const override { return "/v3electionpb.Election/Observe"; }
  std::string_view metadata(std::string_view) const override { return {}; }
  std::optional<Time> deadline() const override { return call_deadline; }
  bool cancelled() const override { return false; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return room; }
  void pause() override { paused = true; }
  void resume() override { paused = false; }
  void send(std::string_view head, std::string_view body) override {
    told.emplace_back();
    EXPECT_TRUE(told.back().ParseFromString(std::string(head) + std::string(body)));
  }
  void send(std::string_view, std::unique_ptr<LongMessage>) override { FAIL(); }
  void finish(Code with, std::string_view text) override {
    finished = true;
    code = with;
    message = std::string(text);
  }
};

struct ElectionApi : QueueApi {
  Asked campaign(std::int64_t lease, const std::string& value) {
    CampaignRequest request;
    request.set_name("e");
    request.set_lease(lease);
    request.set_value(value);
    return open("/v3electionpb.Election/Campaign", request);
  }
  LeaderKey won(std::int64_t lease, const std::string& value) {
    return answer<CampaignResponse>(campaign(lease, value)).leader();
  }
  Asked proclaim(const LeaderKey& leader, const std::string& value) {
    ProclaimRequest request;
    *request.mutable_leader() = leader;
    request.set_value(value);
    return ask("/v3electionpb.Election/Proclaim", request);
  }
  Asked resign(const LeaderKey& leader) {
    ResignRequest request;
    *request.mutable_leader() = leader;
    return ask("/v3electionpb.Election/Resign", request);
  }
  Asked leader() {
    LeaderRequest request;
    request.set_name("e");
    return ask("/v3electionpb.Election/Leader", request);
  }
  void observe() {
    observation = api->open_stream(*api->find_method("/v3electionpb.Election/Observe"), observer);
    run();
    ASSERT_FALSE(observer->paused) << "there is a state now";
    LeaderRequest request;
    request.set_name("e");
    observation->on_message(request.SerializeAsString());
    observation->on_half_close();
    run();
  }
  std::string told() {
    std::string all;
    for (const LeaderResponse& response : observer->told)
      all += (all.empty() ? "" : ", ") + response.kv().key() + "=" + response.kv().value() + "@" +
             std::to_string(response.header().revision());
    return all;
  }

  std::shared_ptr<ObserveCall> observer = std::make_shared<ObserveCall>();
  std::unique_ptr<rpc::GrpcStream> observation;
};

TEST_F(ElectionApi, TheFirstLeadsAndTheNextFollowsIt) {
  grant(0x1a);
  grant(2);
  const Asked first = campaign(0x1a, "one");
  const auto response = answer<CampaignResponse>(first);
  EXPECT_EQ(response.header().revision(), 2);
  EXPECT_EQ(response.leader().name(), "e");
  EXPECT_EQ(response.leader().key(), "e/1a");
  EXPECT_EQ(response.leader().rev(), 2);
  EXPECT_EQ(response.leader().lease(), 0x1a);
  const Asked second = campaign(2, "two");
  EXPECT_FALSE(second->finished);
  const auto leads = answer<LeaderResponse>(leader());
  EXPECT_EQ(leads.kv().key() + "=" + leads.kv().value(), "e/1a=one");
  const auto resigned = answer<ResignResponse>(resign(response.leader()));
  EXPECT_EQ(resigned.header().revision(), 4);
  EXPECT_EQ(answer<CampaignResponse>(second).leader().rev(), 3);
  EXPECT_EQ(answer<LeaderResponse>(leader()).kv().value(), "two");
}

TEST_F(ElectionApi, WhoLeadsAlreadyWinsAgainWithItsNewValue) {
  grant(1);
  const LeaderKey before = won(1, "one");
  EXPECT_EQ(won(1, "one").rev(), before.rev());
  EXPECT_EQ(member.view()->revision(), 2) << "nothing to write";
  EXPECT_EQ(won(1, "more").rev(), before.rev());
  EXPECT_EQ(answer<LeaderResponse>(leader()).kv().value(), "more");
}

TEST_F(ElectionApi, OnlyWhoLeadsProclaims) {
  grant(1);
  LeaderKey key = won(1, "one");
  EXPECT_EQ(answer<ProclaimResponse>(proclaim(key, "more")).header().revision(), 3);
  EXPECT_EQ(answer<LeaderResponse>(leader()).kv().value(), "more");
  EXPECT_EQ(answer<LeaderResponse>(leader()).kv().lease(), 1);
  key.set_rev(key.rev() - 1);
  const Asked refused = proclaim(key, "wrong");
  EXPECT_EQ(refused->code, Code::unknown);
  EXPECT_EQ(refused->message, "election: not leader");
  EXPECT_EQ(resign(key)->code, Code::ok) << "who does not lead has nothing to resign from";
  EXPECT_EQ(answer<LeaderResponse>(leader()).kv().value(), "more");
}

TEST_F(ElectionApi, AProclamationWithoutALeaseGetsOne) {
  grant(1);
  LeaderKey key = won(1, "one");
  key.clear_lease();
  EXPECT_EQ(proclaim(key, "more")->code, Code::ok);
  EXPECT_EQ(answer<LeaderResponse>(leader()).kv().lease(), 7);
  EXPECT_EQ(member.view()->lease(7)->ttl_s, 60);
}

TEST_F(ElectionApi, RefusesInEtcdsWords) {
  const Asked nobody = leader();
  EXPECT_EQ(nobody->code, Code::unknown);
  EXPECT_EQ(nobody->message, "election: no leader");
  for (const char* const method : {"Proclaim", "Resign"}) {
    const Asked keyless = ask(std::string("/v3electionpb.Election/") + method, ResignRequest());
    EXPECT_EQ(keyless->code, Code::unknown);
    EXPECT_EQ(keyless->message, "\"leader\" field must be provided");
    ResignRequest empty;
    empty.mutable_leader()->set_lease(1);
    const Asked unnamed = ask(std::string("/v3electionpb.Election/") + method, empty);
    EXPECT_EQ(unnamed->message, "etcdserver: key is not provided");
  }
}

TEST_F(ElectionApi, WhoGoesWhileItCampaignsIsNoCandidateAnyMore) {
  for (const int lease : {1, 2, 3}) grant(lease);
  const LeaderKey first = won(1, "one");
  const Asked second = campaign(2, "two"), third = campaign(3, "three");
  hang_up(second);
  resign(first);
  EXPECT_EQ(answer<CampaignResponse>(third).leader().key(), "e/3");
}

TEST_F(ElectionApi, WhoseLeaseEndsHasLost) {
  grant(1);
  grant(2);
  won(1, "one");
  const Asked second = campaign(2, "two");
  revoke(2);
  EXPECT_EQ(second->code, Code::unknown);
  EXPECT_EQ(second->message, "election: not leader");
}

TEST_F(ElectionApi, ObserversHearOfTheLeaderAndOfWhatChanges) {
  grant(1);
  grant(2);
  const LeaderKey first = won(1, "one");
  observe();
  EXPECT_EQ(told(), "e/1=one@2");
  proclaim(first, "more");
  const Asked second = campaign(2, "two");
  EXPECT_EQ(told(), "e/1=one@2, e/1=more@3") << "a candidate is no leader";
  resign(first);
  EXPECT_EQ(told(), "e/1=one@2, e/1=more@3, e/2=two@5");
  proclaim(answer<CampaignResponse>(second).leader(), "again");
  EXPECT_EQ(told(), "e/1=one@2, e/1=more@3, e/2=two@5, e/2=again@6");
  EXPECT_FALSE(observer->finished);
}

TEST_F(ElectionApi, ObserversWaitForTheFirstLeader) {
  observe();
  EXPECT_EQ(told(), "");
  grant(1);
  put("e", "no candidate");
  const LeaderKey first = won(1, "one");
  EXPECT_EQ(told(), "e/1=one@3");
  proclaim(first, "more");
  EXPECT_EQ(told(), "e/1=one@3, e/1=more@4");
  revoke(1);
  grant(2);
  won(2, "two");
  EXPECT_EQ(told(), "e/1=one@3, e/1=more@4, e/2=two@6");
}

TEST_F(ElectionApi, AnObserverThatReadsSlowlyHearsOfTheLatest) {
  grant(1);
  grant(2);
  const LeaderKey first = won(1, "one");
  observer->room = false;
  observe();
  proclaim(first, "more");
  EXPECT_EQ(told(), "");
  observer->room = true;
  observation->on_room();
  run();
  EXPECT_EQ(told(), "e/1=more@3");
}

TEST_F(ElectionApi, AnObservationEndsAtItsDeadlineAndWhenTheMemberStops) {
  observer->call_deadline = member.now() + std::chrono::seconds(5);
  observe();
  pass(std::chrono::seconds(5));
  EXPECT_EQ(observer->code, Code::deadline_exceeded);
  observer = std::make_shared<ObserveCall>();
  observe();
  api->stop();
  EXPECT_EQ(observer->message, "etcdserver: server stopped");
}

TEST_F(ElectionApi, CampaignsAndLocksShareTheLimit) {
  for (const int lease : {1, 2, 3, 4, 5}) grant(lease);
  won(1, "one");
  const std::vector<Asked> open = {campaign(2, ""), campaign(3, ""), campaign(4, "")};
  ASSERT_EQ(config.queue_calls_max, 3u);
  EXPECT_EQ(campaign(5, "")->code, Code::resource_exhausted);
}

}  // namespace
}  // namespace cairn::api

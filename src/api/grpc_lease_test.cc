// Leases over gRPC: which answers etcd's clients get; how leases behave is tested in mvcc/ and node/.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "api/member_fixture.h"
#include "etcd/reasons.h"
#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

using namespace etcdserverpb;  // NOLINT: the messages under test

// A stream whose messages are kept.
struct KeepAliveCall final : rpc::GrpcCall {
  std::vector<LeaseKeepAliveResponse> responses;
  bool room = true, paused = false, finished = false;
  Code code = Code::unknown;
  std::string message;

  std::string_view method() const override { return "/etcdserverpb.Lease/LeaseKeepAlive"; }
  std::string_view metadata(std::string_view) const override { return {}; }
  std::optional<Time> deadline() const override { return std::nullopt; }
  bool cancelled() const override { return false; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return room; }
  void pause() override { paused = true; }
  void resume() override { paused = false; }
  void send(std::string_view head, std::string_view body) override {
    responses.emplace_back();
    EXPECT_TRUE(responses.back().ParseFromString(std::string(head) + std::string(body)));
  }
  void send(std::string_view, std::unique_ptr<LongMessage>) override { FAIL(); }
  void finish(Code with, std::string_view text) override {
    finished = true;
    code = with;
    message = std::string(text);
  }
};

struct LeaseApi : testing::Test {
  std::shared_ptr<FakeGrpcCall> raw(const std::string& method, const google::protobuf::MessageLite& request) {
    auto done = std::make_shared<FakeGrpcCall>();
    done->path = "/etcdserverpb." + method;
    serve(api, done, request.SerializeAsString());
    EXPECT_TRUE(done->finished);
    return done;
  }
  template <class Response>
  Response ok(const std::string& method, const google::protobuf::MessageLite& request) {
    const auto done = raw(method, request);
    EXPECT_EQ(done->code, Code::ok) << done->message;
    Response response;
    EXPECT_TRUE(response.ParseFromString(done->answer));
    return response;
  }
  static LeaseGrantRequest grant_of(std::int64_t id, std::int64_t ttl) {
    LeaseGrantRequest request;
    request.set_id(id);
    request.set_ttl(ttl);
    return request;
  }
  LeaseGrantResponse grant(std::int64_t id, std::int64_t ttl) {
    return ok<LeaseGrantResponse>("Lease/LeaseGrant", grant_of(id, ttl));
  }
  void put(const std::string& key, std::int64_t lease) {
    PutRequest request;
    request.set_key(key);
    request.set_lease(lease);
    EXPECT_EQ(raw("KV/Put", request)->code, Code::ok);
  }
  void open() {
    stream = api.open_stream(*api.find_method("/etcdserverpb.Lease/LeaseKeepAlive"), call);
    ASSERT_NE(stream, nullptr);
  }
  void keep_alive(std::int64_t id) {
    LeaseKeepAliveRequest request;
    request.set_id(id);
    stream->on_message(request.SerializeAsString());
  }
  void answer_held() {
    for (const node::LeaseCall& held : std::exchange(member.held_leases, {})) member.answer_lease(held);
  }

  FakeMember member;
  std::uint64_t drawn = 14;  // the next that is drawn at random
  Api api{{.name = "n1", .answer_bytes_max = 60, .keep_alives_max = 2, .random = [this] { return drawn; }},
          member};
  std::shared_ptr<KeepAliveCall> call = std::make_shared<KeepAliveCall>();
  std::unique_ptr<rpc::GrpcStream> stream;
};

TEST_F(LeaseApi, GrantChoosesAnIdAndRaisesTheTtl) {
  const auto granted = grant(0, 1);
  EXPECT_EQ(granted.id(), 7);
  EXPECT_EQ(granted.ttl(), 2);
  EXPECT_EQ(granted.header().revision(), 1);
  EXPECT_EQ(grant(-1, 60).id(), -1);
  EXPECT_EQ(member.view()->lease(-1)->ttl_s, 60);
}

TEST_F(LeaseApi, RefusesInEtcdsWords) {
  const auto too_large = raw("Lease/LeaseGrant", grant_of(0, 9'000'000'001));
  EXPECT_EQ(too_large->code, Code::out_of_range);
  EXPECT_EQ(too_large->message, "etcdserver: too large lease TTL");
  EXPECT_TRUE(member.writes.empty()) << "not even proposed";
  grant(9, 60);
  const auto exists = raw("Lease/LeaseGrant", grant_of(9, 60));
  EXPECT_EQ(exists->code, Code::failed_precondition);
  EXPECT_EQ(exists->message, "etcdserver: lease already exists");
  LeaseRevokeRequest revoke;
  revoke.set_id(10);
  const auto unknown = raw("Lease/LeaseRevoke", revoke);
  EXPECT_EQ(unknown->code, Code::not_found);
  EXPECT_EQ(unknown->message, "etcdserver: requested lease not found");
}

TEST_F(LeaseApi, AnIdThatWasDrawnAndExistsIsDrawnAgain) {
  grant(7, 60);
  member.writes.clear();
  const auto in_vain = raw("Lease/LeaseGrant", grant_of(0, 60));
  EXPECT_EQ(in_vain->message, "etcdserver: lease already exists") << "it is always the same one";
  EXPECT_EQ(member.writes.size(), 5u);
}

TEST_F(LeaseApi, WhatARevokeSaysBesideItsIdIsNotPassedOn) {
  grant(7, 60);
  grant(8, 60);
  command::RevokeLeases sneaky;
  sneaky.set_id(7);
  sneaky.add_expired()->set_id(8);
  sneaky.mutable_expired(0)->set_generation(2);
  EXPECT_EQ(raw("Lease/LeaseRevoke", sneaky)->code, Code::ok);
  EXPECT_EQ(member.view()->lease(7), std::nullopt);
  EXPECT_NE(member.view()->lease(8), std::nullopt);
}

TEST_F(LeaseApi, TimeToLiveSaysWhatTheLeaderKnowsAndWhichKeys) {
  grant(7, 60);
  put("b", 7);
  put("a", 7);
  member.lease_times[7] = {.left_s = 42, .granted_s = 60};
  LeaseTimeToLiveRequest request;
  request.set_id(7);
  auto response = ok<LeaseTimeToLiveResponse>("Lease/LeaseTimeToLive", request);
  EXPECT_EQ(response.ttl(), 42);
  EXPECT_EQ(response.grantedttl(), 60);
  EXPECT_EQ(response.keys_size(), 0);
  EXPECT_EQ(response.header().revision(), 3);
  request.set_keys(true);
  response = ok<LeaseTimeToLiveResponse>("Lease/LeaseTimeToLive", request);
  ASSERT_EQ(response.keys_size(), 2);
  EXPECT_EQ(response.keys(0), "a");
  EXPECT_EQ(response.ttl(), 42);
  put(std::string(60, 'c'), 7);
  const auto too_large = raw("Lease/LeaseTimeToLive", request);
  EXPECT_EQ(too_large->code, Code::resource_exhausted);
}

TEST_F(LeaseApi, TimeToLiveOfNoLeaseIsMinusOneAndNoError) {
  LeaseTimeToLiveRequest request;
  request.set_id(7);
  request.set_keys(true);
  EXPECT_EQ(ok<LeaseTimeToLiveResponse>("Lease/LeaseTimeToLive", request).ttl(), -1);
  member.lease_times[7] = {.left_s = 1, .granted_s = 60};  // and then it was revoked
  EXPECT_EQ(ok<LeaseTimeToLiveResponse>("Lease/LeaseTimeToLive", request).ttl(), -1);
}

TEST_F(LeaseApi, LeasesAreListedById) {
  for (const std::int64_t id : {9, -3, 4}) grant(id, 60);
  const auto response = ok<LeaseLeasesResponse>("Lease/LeaseLeases", LeaseLeasesRequest());
  ASSERT_EQ(response.leases_size(), 3);
  EXPECT_EQ(response.leases(0).id(), -3);
  EXPECT_EQ(response.leases(2).id(), 9);
  EXPECT_EQ(member.linearizable_reads, 1);
  for (const std::int64_t id : {1, 2}) grant(id, 60);
  EXPECT_EQ(raw("Lease/LeaseLeases", LeaseLeasesRequest())->code, Code::resource_exhausted);
}

TEST_F(LeaseApi, AKeepAliveOfNoLeaseIsAnsweredAndTheStreamGoesOn) {
  open();
  member.lease_times[7] = {.left_s = 1, .granted_s = 60};
  keep_alive(8);
  keep_alive(7);
  ASSERT_EQ(call->responses.size(), 2u);
  EXPECT_EQ(call->responses[0].id(), 8);
  EXPECT_EQ(call->responses[0].ttl(), 0);
  EXPECT_EQ(call->responses[1].ttl(), 60);
  EXPECT_TRUE(call->responses[1].has_header());
  EXPECT_FALSE(call->finished);
}

TEST_F(LeaseApi, ASlowStreamIsPausedAndALongOneToo) {
  open();
  member.hold_leases = true;
  keep_alive(7);
  EXPECT_FALSE(call->paused);
  keep_alive(7);
  EXPECT_TRUE(call->paused) << "so many are under way";
  call->room = false;
  answer_held();
  EXPECT_TRUE(call->paused) << "and nobody takes the answers";
  call->room = true;
  stream->on_room();
  EXPECT_FALSE(call->paused);
}

TEST_F(LeaseApi, AStreamEndsWhenItsClientHasEndedAndEverythingIsAnswered) {
  open();
  member.hold_leases = true;
  keep_alive(7);
  stream->on_half_close();
  EXPECT_FALSE(call->finished);
  answer_held();
  EXPECT_TRUE(call->finished);
  EXPECT_EQ(call->code, Code::ok);
}

TEST_F(LeaseApi, WithoutALeaderTheStreamEnds) {
  open();
  member.refuse_reads = etcd::error_of(Reason::no_leader);
  keep_alive(7);
  EXPECT_EQ(call->message, "etcdserver: no leader");
  EXPECT_EQ(call->code, Code::unavailable);
}

TEST_F(LeaseApi, WhoIsAnsweredLateMayBeGone) {
  open();
  member.hold_leases = true;
  keep_alive(7);
  stream.reset();
  answer_held();
  EXPECT_TRUE(call->responses.empty());
}

TEST_F(LeaseApi, AServerThatStopsEndsItsStreams) {
  open();
  api.stop();
  EXPECT_EQ(call->message, "etcdserver: server stopped");
  stream.reset();
  call = std::make_shared<KeepAliveCall>();
  EXPECT_EQ(api.open_stream(*api.find_method("/etcdserverpb.Lease/LeaseKeepAlive"), call), nullptr);
  EXPECT_TRUE(call->finished);
}

}  // namespace
}  // namespace cairn::api

#include <gtest/gtest.h>

#include "api/grpc_methods.h"
#include "api/grpc_metrics.h"
#include "api/member_fixture.h"
#include "etcd/reasons.h"
#include "etcd/validate.h"
#include "proto/command.pb.h"
#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

using namespace etcdserverpb;  // NOLINT: the messages under test

struct Grpc : testing::Test {
  FakeMember member;
  Api api{{.name = "n1"}, member};

  std::shared_ptr<FakeGrpcCall> raw(const std::string& path, const std::string& bytes,
                                    std::map<std::string, std::string, std::less<>> metadata = {}) {
    auto call = std::make_shared<FakeGrpcCall>();
    call->path = path;
    call->sent_metadata = std::move(metadata);
    serve(api, call, bytes);
    EXPECT_TRUE(call->finished);
    return call;
  }
  template <class Response>
  Response ok(const std::string& path, const google::protobuf::MessageLite& request) {
    const auto call = raw(path, request.SerializeAsString());
    EXPECT_EQ(call->code, Code::ok) << call->message;
    Response response;
    EXPECT_TRUE(response.ParseFromString(call->answer));
    return response;
  }
  PutResponse put(const std::string& key, const std::string& value) {
    PutRequest request;
    request.set_key(key);
    request.set_value(value);
    return ok<PutResponse>("/etcdserverpb.KV/Put", request);
  }
  static std::string range_of(const std::string& key) {
    RangeRequest request;
    request.set_key(key);
    return request.SerializeAsString();
  }
};

TEST_F(Grpc, PutAnswersTheRevisionAfterItAndWhoAnswered) {
  const PutResponse response = put("a", "1");
  EXPECT_EQ(response.header().revision(), 2);
  EXPECT_EQ(response.header().cluster_id(), 77u);
  EXPECT_EQ(response.header().member_id(), 1u);
  EXPECT_EQ(response.header().raft_term(), 5u);
}

TEST_F(Grpc, TheClientsOwnBytesBecomeTheCommand) {
  PutRequest request;
  request.set_key("a");
  std::string bytes = request.SerializeAsString();
  bytes += std::string("\xfa\x3f\x01x", 4);  // a field this version does not know: kept, not re-encoded
  EXPECT_EQ(raw("/etcdserverpb.KV/Put", bytes)->code, Code::ok);
  ASSERT_EQ(member.writes.size(), 1u);
  EXPECT_EQ(member.writes[0].second, bytes);
}

TEST_F(Grpc, RangeIsLinearizableUnlessAskedOtherwise) {
  put("a", "1");
  RangeRequest request;
  request.set_key("a");
  EXPECT_EQ(ok<RangeResponse>("/etcdserverpb.KV/Range", request).kvs(0).value(), "1");
  EXPECT_EQ(member.linearizable_reads, 1);
  request.set_serializable(true);
  EXPECT_EQ(ok<RangeResponse>("/etcdserverpb.KV/Range", request).header().revision(), 2);
  EXPECT_EQ(member.local_reads, 1);
}

TEST_F(Grpc, ReadOnlyTxnSkipsTheLog) {
  TxnRequest txn;
  txn.add_success()->mutable_request_range()->set_key("a");
  EXPECT_TRUE(ok<TxnResponse>("/etcdserverpb.KV/Txn", txn).succeeded());
  EXPECT_TRUE(member.writes.empty());
  txn.add_success()->mutable_request_put()->set_key("b");
  EXPECT_EQ(ok<TxnResponse>("/etcdserverpb.KV/Txn", txn).responses_size(), 2);
  EXPECT_EQ(member.writes.size(), 1u);
}

TEST_F(Grpc, DeleteRangeCountsAndCompactRefusesTheFuture) {
  put("a", "1");
  DeleteRangeRequest remove;
  remove.set_key("a");
  EXPECT_EQ(ok<DeleteRangeResponse>("/etcdserverpb.KV/DeleteRange", remove).deleted(), 1);
  CompactionRequest compaction;
  compaction.set_revision(99);
  const auto call = raw("/etcdserverpb.KV/Compact", compaction.SerializeAsString());
  EXPECT_EQ(call->code, Code::out_of_range);
  EXPECT_EQ(call->message, "etcdserver: mvcc: required revision is a future revision");
}

TEST_F(Grpc, RefusesInEtcdsWords) {
  const auto empty = raw("/etcdserverpb.KV/Put", "");
  EXPECT_EQ(empty->code, Code::invalid_argument);
  EXPECT_EQ(empty->message, "etcdserver: key is not provided");

  PutRequest large;
  large.set_key("a");
  large.set_value(std::string(etcd::kRequestBytesMax, 'x'));
  const auto too_large = raw("/etcdserverpb.KV/Put", large.SerializeAsString());
  EXPECT_EQ(too_large->code, Code::invalid_argument);
  EXPECT_EQ(too_large->message, "etcdserver: request is too large");

  const auto malformed = raw("/etcdserverpb.KV/Put", "\x0a\x7f");
  EXPECT_EQ(malformed->code, Code::internal);
  EXPECT_EQ(malformed->message.find("grpc: error unmarshalling request: "), 0u);
  EXPECT_TRUE(member.writes.empty());
}

TEST_F(Grpc, WhatIsNotInTheTableIsNotServed) {
  EXPECT_EQ(api.find_method("/etcdserverpb.KV/Nope"), nullptr);
  EXPECT_EQ(api.find_method("/etcdserverpb.KV/Pu"), nullptr);
  EXPECT_EQ(api.find_method(""), nullptr);
  EXPECT_TRUE(api.knows_service("etcdserverpb.KV"));
  EXPECT_FALSE(api.knows_service("etcdserverpb"));
  EXPECT_FALSE(api.knows_service(""));
}

TEST_F(Grpc, ARowHasItsOwnPathAndTheMessagesOfIt) {
  for (const Method& method : methods()) {
    EXPECT_EQ(find_method(method.path), &method) << method.path << " is there twice";
    if (method.request == nullptr) continue;
    const std::string name(method.path.substr(method.path.rfind('/') + 1));
    // etcd calls them so
    const bool is_about_users = method.path.starts_with("/etcdserverpb.Auth/") && !name.starts_with("Auth");
    const std::string base = name == "Compact" ? "Compaction" : is_about_users ? "Auth" + name : name;
    const std::string request = name == "RangeStream" ? "Range" : name == "Observe" ? "Leader" : base;
    const std::string answer = name == "Observe" ? "Leader" : base;
    const std::string package(method.path.substr(1, method.path.find('.')));
    EXPECT_EQ(method.request()->full_name(), package + request + "Request");
    EXPECT_EQ(method.answer()->full_name(), package + answer + "Response");
  }
}

TEST(GrpcMethods, ARowHasTheHandlerOfItsKindAndNoOther) {
  for (const Method& method : methods()) {
    const bool unary = method.kind == rpc::MethodKind::unary;
    EXPECT_EQ(method.run != nullptr, unary) << method.path;
    EXPECT_EQ(method.open != nullptr, !unary) << method.path;
  }
}

TEST_F(Grpc, RequireLeaderIsRefusedWithoutOne) {
  member.leader = 0;
  const auto call = raw("/etcdserverpb.KV/Range", range_of("a"), {{"hasleader", "true"}});
  EXPECT_EQ(call->code, Code::unavailable);
  EXPECT_EQ(call->message, "etcdserver: no leader");
  EXPECT_EQ(raw("/etcdserverpb.KV/Range", range_of("a"))->code, Code::ok);
}

TEST_F(Grpc, IdempotencyKeyAppliesOnce) {
  PutRequest request;
  request.set_key("a");
  const std::string bytes = request.SerializeAsString();
  const auto first = raw("/etcdserverpb.KV/Put", bytes, {{"idempotency-key", "k"}});
  const auto second = raw("/etcdserverpb.KV/Put", bytes, {{"idempotency-key", "k"}});
  EXPECT_EQ(first->answer, second->answer);
  EXPECT_EQ(member.view()->revision(), 2);
  const std::string long_key(etcd::RequestLimits().idempotency_key_bytes_max + 1, 'k');
  EXPECT_EQ(raw("/etcdserverpb.KV/Put", bytes, {{"idempotency-key", long_key}})->code,
            Code::invalid_argument);
}

TEST_F(Grpc, AKeyThatMayBeForgottenIsRefused) {
  PutRequest request;
  request.set_key("a");
  const std::string bytes = request.SerializeAsString();
  const auto put = [&](const char* key, const char* revision) {
    return raw("/etcdserverpb.KV/Put", bytes, {{"idempotency-key", key}, {"idempotency-revision", revision}});
  };
  EXPECT_EQ(put("k1", "1")->code, Code::ok);
  EXPECT_EQ(put("k2", "2")->code, Code::ok) << "forgets k1";
  EXPECT_EQ(put("k1", "1")->code, Code::failed_precondition);
  EXPECT_EQ(put("k3", "x")->code, Code::invalid_argument);
  EXPECT_EQ(member.view()->revision(), 3);
}

TEST_F(Grpc, TheEarlierOfBothDeadlinesHolds) {
  const auto call = std::make_shared<FakeGrpcCall>();
  call->path = "/etcdserverpb.KV/Range";
  call->call_deadline = member.now() + std::chrono::seconds(2);
  serve(api, call, range_of("a"));
  EXPECT_EQ(member.last_deadline, member.now() + std::chrono::seconds(2));
  call->call_deadline = member.now() + std::chrono::seconds(60);
  serve(api, call, range_of("a"));
  EXPECT_EQ(member.last_deadline, member.now() + std::chrono::seconds(7));
}

TEST_F(Grpc, DroppedRequestsAreAnsweredAllTheSame) {
  member.drop_requests = true;
  EXPECT_EQ(raw("/etcdserverpb.KV/Range", range_of("a"))->message, "etcdserver: server stopped");
  EXPECT_EQ(raw("/etcdserverpb.KV/Put", range_of("a"))->code, Code::unavailable);
}

TEST_F(Grpc, TooManyQuestionsAreRefusedAndNotDropped) {
  member.crowded = true;
  for (const char* path : {"/etcdserverpb.Maintenance/Status", "/grpc.health.v1.Health/Check"}) {
    const auto call = raw(path, "");
    EXPECT_EQ(call->code, Code::resource_exhausted) << path;
    EXPECT_EQ(call->message, "etcdserver: too many requests");
  }
}

TEST_F(Grpc, StatusAndMemberList) {
  const auto status = ok<StatusResponse>("/etcdserverpb.Maintenance/Status", StatusRequest());
  EXPECT_EQ(status.leader(), 1u);
  EXPECT_EQ(status.errors_size(), 0);
  EXPECT_FALSE(status.version().empty());
  const auto list = ok<MemberListResponse>("/etcdserverpb.Cluster/MemberList", MemberListRequest());
  ASSERT_EQ(list.members_size(), 2);
  EXPECT_EQ(list.members(1).name(), "n2");
  EXPECT_EQ(list.members(1).clienturls(0), "http://127.0.0.1:2381/");
  EXPECT_EQ(list.header().revision(), 0);
}

struct Changes : Grpc {
  template <class Request>
  std::shared_ptr<FakeGrpcCall> change(const std::string& method, const Request& request) {
    return raw("/etcdserverpb.Cluster/" + method, request.SerializeAsString());
  }
  std::shared_ptr<FakeGrpcCall> add(const std::vector<std::string>& urls, bool learner = false) {
    MemberAddRequest request;
    for (const std::string& url : urls) request.add_peerurls(url);
    request.set_islearner(learner);
    return change("MemberAdd", request);
  }
  static command::PublishMember said(const node::ChangeMembership& change) {
    command::PublishMember about;
    EXPECT_TRUE(about.ParseFromString(change.about));
    return about;
  }
};

TEST_F(Changes, AMemberIsAddedAsALearnerThatVotesWhenItIsReady) {
  const auto added = add({"http://10.0.0.9:2380"});
  EXPECT_EQ(added->code, Code::ok) << added->message;
  MemberAddResponse response;
  ASSERT_TRUE(response.ParseFromString(added->answer));
  EXPECT_EQ(response.members_size(), 2);  // as the state says that there are
  EXPECT_EQ(add({"http://10.0.0.9:2380"}, true)->code, Code::ok);
  ASSERT_EQ(member.changes.size(), 2u);
  EXPECT_EQ(member.changes[0].kind, node::MembershipKind::add_learner);
  EXPECT_NE(member.changes[0].member, raft::NodeId{0});
  EXPECT_EQ(said(member.changes[0]).peer_urls(0), "http://10.0.0.9:2380");
  EXPECT_TRUE(said(member.changes[0]).votes_when_ready());
  EXPECT_FALSE(said(member.changes[1]).votes_when_ready());
}

TEST_F(Changes, RemovePromoteAndUpdateAreAskedForByTheirIds) {
  MemberRemoveRequest remove;
  remove.set_id(2);
  EXPECT_EQ(change("MemberRemove", remove)->code, Code::ok);
  MemberPromoteRequest promote;
  promote.set_id(2);
  EXPECT_EQ(change("MemberPromote", promote)->code, Code::ok);
  MemberUpdateRequest update;
  update.set_id(2);
  update.add_peerurls("http://moved:1");
  EXPECT_EQ(change("MemberUpdate", update)->code, Code::ok);
  ASSERT_EQ(member.changes.size(), 3u);
  EXPECT_EQ(member.changes[0].kind, node::MembershipKind::remove);
  EXPECT_EQ(member.changes[1].kind, node::MembershipKind::promote);
  EXPECT_EQ(member.changes[2].kind, node::MembershipKind::update);
  for (const node::ChangeMembership& each : member.changes) EXPECT_EQ(each.member, raft::NodeId{2});
  EXPECT_EQ(said(member.changes[2]).name(), "n2");
  update.set_id(77);
  EXPECT_EQ(change("MemberUpdate", update)->message, "etcdserver: member not found");
  EXPECT_EQ(member.changes.size(), 3u);
}

TEST_F(Changes, AddressesThatNobodyCouldDialAreRefused) {
  for (const std::vector<std::string>& urls :
       std::vector<std::vector<std::string>>{{},
                                             {"http://a:1", "http://a:1"},
                                             {"a:1"},
                                             {"https://a:1"},
                                             {"http://a"},
                                             {"http://:1"},
                                             {"http://a:0"},
                                             {"http://a:65536"},
                                             {"http://a:1/"},
                                             {"http://a/b:1"},
                                             {"http://a:1 "}})
    EXPECT_EQ(add(urls)->message, "etcdserver: given member URLs are invalid");
  EXPECT_TRUE(member.changes.empty());
}

TEST_F(Changes, RefusalsAreEtcdsAndWhatIsUnknownSaysSo) {
  using enum node::MembershipRefusal;
  const std::vector<std::pair<node::MembershipRefusal, std::string>> expected = {
      {no_member, "etcdserver: member not found"},
      {already_member, "etcdserver: member ID already exist"},
      {no_learner, "etcdserver: can only promote a learner member"},
      {not_caught_up, "etcdserver: can only promote a learner member which is in sync with leader"},
      {no_quorum, "etcdserver: unhealthy cluster"},
      {nobody_votes, "etcdserver: re-configuration failed due to not enough started members"},
      {many_learners, "etcdserver: too many learner members in cluster"},
      {address_taken, "etcdserver: Peer URLs already exists"},
      {busy, "etcdserver: too many requests"},
      {overloaded, "etcdserver: too many requests"},
      {no_leader, "etcdserver: no leader"},
      {overtaken, "etcdserver: no leader"},
      {invalid, "cairn: so it is"}};
  for (const auto& [refusal, text] : expected) {
    member.change_outcome = {
        .kind = node::MembershipOutcome::Kind::refused, .refusal = refusal, .why = "so it is"};
    EXPECT_EQ(add({"http://10.0.0.9:2380"})->message, text);
  }
  member.change_outcome = {.kind = node::MembershipOutcome::Kind::unknown};
  EXPECT_EQ(add({"http://10.0.0.9:2380"})->message, "etcdserver: request timed out");
}

TEST_F(Changes, WhatIsMadeAndCannotBeReadIsUnknown) {
  member.crowded = true;
  EXPECT_EQ(add({"http://10.0.0.9:2380"})->message, "etcdserver: request timed out");
}

std::string put_of(const std::string& key) {
  PutRequest request;
  request.set_key(key);
  return request.SerializeAsString();
}

// "2 NOSPACE, 7 CORRUPT"
std::string listed(const etcdserverpb::AlarmResponse& response) {
  std::string text;
  for (const etcdserverpb::AlarmMember& each : response.alarms())
    text += (text.empty() ? "" : ", ") + std::to_string(each.memberid()) + " " +
            etcdserverpb::AlarmType_Name(each.alarm());
  return text;
}

TEST_F(Grpc, AlarmsAreThoseOfTheStateAndTheShortagesThatThereAre) {
  using etcdserverpb::AlarmRequest;
  using etcdserverpb::AlarmResponse;
  const auto ask = [&](AlarmRequest::AlarmAction action, std::uint64_t id, etcdserverpb::AlarmType type) {
    AlarmRequest request;
    request.set_action(action);
    request.set_memberid(id);
    request.set_alarm(type);
    return listed(ok<AlarmResponse>("/etcdserverpb.Maintenance/Alarm", request));
  };
  using etcdserverpb::CORRUPT, etcdserverpb::NONE, etcdserverpb::NOSPACE;
  EXPECT_EQ(ask(AlarmRequest::GET, 0, NONE), "");
  EXPECT_EQ(ask(AlarmRequest::ACTIVATE, 2, NOSPACE), "2 NOSPACE");
  EXPECT_EQ(raw("/etcdserverpb.KV/Put", put_of("k"))->message, "etcdserver: mvcc: database space exceeded");
  member.space = raft::Space::none;
  EXPECT_EQ(ask(AlarmRequest::GET, 0, NONE), "2 NOSPACE, 1 NOSPACE");
  const auto status = ok<StatusResponse>("/etcdserverpb.Maintenance/Status", StatusRequest());
  ASSERT_EQ(status.errors_size(), 2);
  EXPECT_EQ(status.errors(0), "memberID:2 alarm:NOSPACE ");
  EXPECT_EQ(status.dbsizequota(), 1234);
  EXPECT_EQ(ask(AlarmRequest::GET, 0, CORRUPT), "");
  EXPECT_EQ(ask(AlarmRequest::DEACTIVATE, 1, NOSPACE), "") << "it ends when there is room";
  EXPECT_EQ(ask(AlarmRequest::DEACTIVATE, 2, NOSPACE), "2 NOSPACE");
  EXPECT_EQ(ask(AlarmRequest::GET, 0, NOSPACE), "1 NOSPACE");
  member.refuse_reads = etcd::error_of(Reason::no_leader);
  EXPECT_EQ(raw("/etcdserverpb.Maintenance/Alarm", "")->message, "etcdserver: no leader");
}

TEST_F(Grpc, HealthFollowsTheLeader) {
  EXPECT_EQ(raw("/grpc.health.v1.Health/Check", "")->answer, "\x08\x01");
  member.leader = 0;
  EXPECT_EQ(raw("/grpc.health.v1.Health/Check", "")->answer, "\x08\x02");
}

TEST(GrpcMetrics, CountCallsByMethodAndCode) {
  Metrics registry;
  GrpcMetrics metrics(&registry);
  const Method& put = *find_method("/etcdserverpb.KV/Put");
  metrics.started(put);
  metrics.started(put);
  metrics.handled(put, Code::ok, {});
  metrics.handled(put, Code::unavailable, {});
  const std::string text = registry.render();
  const std::string labels = R"(grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put")";
  const auto has = [&](const std::string& line) { return text.find(line + "\n") != std::string::npos; };
  EXPECT_TRUE(has("grpc_server_started_total{" + labels + "} 2")) << text;
  EXPECT_TRUE(has("grpc_server_handled_total{" + labels + R"(,grpc_code="OK"} 1)"));
  EXPECT_TRUE(has("grpc_server_handled_total{" + labels + R"(,grpc_code="Unavailable"} 1)"));
  EXPECT_TRUE(has("grpc_server_handled_total{" + labels + R"(,grpc_code="Internal"} 0)"));
  EXPECT_EQ(text.find("made.up"), std::string::npos);
}

}  // namespace
}  // namespace cairn::api

// Users as clients meet them: who is asked who they are, logins and how long they last, passwords that go no
// further; and that there is no way around it.
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "api/auth_fixture.h"
#include "api/grpc_methods.h"
#include "base/percent.h"
#include "etcd/reasons.h"
#include "proto/election.pb.h"
#include "proto/health.pb.h"
#include "proto/lock.pb.h"
#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

const std::set<std::string_view> kForAnyone = {
    "/etcdserverpb.Auth/Authenticate",
    "/etcdserverpb.Auth/AuthStatus",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

// CVE-2026-33413. A method that is added and forgets to say whom it serves, serves who has the role root.
TEST_F(AuthApi, EveryOtherMethodAsksWhoItIs) {
  enable();
  for (const std::string& token : {std::string(), std::string("none.1")}) {
    const std::string refusal = token.empty() ? kNobody : kNoToken;
    for (const Method& method : methods()) {
      if (kForAnyone.contains(method.path)) continue;
      SCOPED_TRACE(method.path);
      if (method.kind == rpc::MethodKind::unary) {
        EXPECT_EQ(raw(std::string(method.path), "", token)->message, refusal);
        continue;
      }
      const auto call = std::make_shared<StreamCall>();
      call->token = token;
      const auto stream = api.open_stream(method, call);
      if (method.permission == Permission::by_message) continue;  // see below
      EXPECT_EQ(stream, nullptr);
      EXPECT_EQ(call->refusal, refusal);
    }
  }
}

TEST_F(AuthApi, AdministratorsMethodsAreTheirs) {
  enable();
  const std::string ann = log_in("ann", "annpw");
  for (const Method& method : methods()) {
    if (method.permission != Permission::admin || method.kind != rpc::MethodKind::unary) continue;
    EXPECT_EQ(raw(std::string(method.path), "", ann)->message, kDenied) << method.path;
  }
  const auto call = std::make_shared<StreamCall>();
  call->token = ann;
  EXPECT_EQ(api.open_stream(*api.find_method("/etcdserverpb.Maintenance/Snapshot"), call), nullptr);
  EXPECT_EQ(call->refusal, kDenied);
}

TEST(AuthMethods, EveryMethodOfEveryServiceHasARow) {
  for (const google::protobuf::FileDescriptor* const file :
       {PutRequest::descriptor()->file(), v3lockpb::LockRequest::descriptor()->file(),
        v3electionpb::CampaignRequest::descriptor()->file(),
        grpc::health::v1::HealthCheckRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const google::protobuf::ServiceDescriptor& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) {
        const std::string path = "/" + service.full_name() + "/" + service.method(j)->name();
        const Method* const method = find_method(path);
        ASSERT_NE(method, nullptr) << path;
        EXPECT_EQ(method->permission == Permission::anyone, kForAnyone.contains(path)) << path;
      }
    }
  }
}

// Streams that have begun, and what is taken from ann meanwhile.
struct RunningStreams : AuthApi {
  std::shared_ptr<StreamCall> call = std::make_shared<StreamCall>();
  std::unique_ptr<rpc::GrpcStream> stream;

  void open(const char* method, const google::protobuf::MessageLite& request, const std::string& token) {
    call->token = token;
    stream = api.open_stream(*api.find_method(method), call);
    ask_more(request);
  }
  void ask_more(const google::protobuf::MessageLite& request) {
    member.tell_follower();
    stream->on_message(request.SerializeAsString());
    api.woken();
  }
  static WatchRequest watch_of(const std::string& key) {
    WatchRequest request;
    request.mutable_create_request()->set_key(key);
    return request;
  }
  WatchResponse told(std::size_t number) {
    WatchResponse response;
    EXPECT_TRUE(response.ParseFromString(call->sent.at(number)));
    return response;
  }
  void allow(const std::string& key, const std::string& end, const std::string& root) {
    AuthRoleGrantPermissionRequest request;
    request.set_name("some");
    request.mutable_perm()->set_permtype(authpb::Permission::READ);
    request.mutable_perm()->set_key(key);
    request.mutable_perm()->set_range_end(end);
    EXPECT_EQ(ask("Auth/RoleGrantPermission", request, root), "");
  }
  void forbid(const std::string& key, const std::string& end, const std::string& root) {
    AuthRoleRevokePermissionRequest request;
    request.set_role("some");
    request.set_key(key);
    request.set_range_end(end);
    EXPECT_EQ(ask("Auth/RoleRevokePermission", request, root), "");
    api.woken();
  }
};

TEST_F(RunningStreams, AWatchEndsWhenItsUserMayNoMoreAndTheOthersGoOn) {
  enable();
  const std::string root = log_in("root", "rootpw");
  allow("c", "", root);
  open("/etcdserverpb.Watch/Watch", watch_of("a"), log_in("ann", "annpw"));
  ask_more(watch_of("c"));
  EXPECT_EQ(call->sent.size(), 2U);
  forbid("a", "", root);
  EXPECT_EQ(call->sent.size(), 3U);
  EXPECT_EQ(told(2).watch_id(), 0);
  EXPECT_TRUE(told(2).canceled());
  EXPECT_EQ(told(2).cancel_reason(), std::string("rpc error: code = PermissionDenied desc = ") + kDenied);
  EXPECT_EQ(put("a", root), "");
  EXPECT_EQ(put("c", root), "");
  api.woken();
  EXPECT_EQ(call->sent.size(), 4U);
  EXPECT_EQ(told(3).watch_id(), 1);
  EXPECT_EQ(told(3).events_size(), 1);
  EXPECT_FALSE(call->code);
}

TEST_F(RunningStreams, AWatchEndsWithItsUser) {
  enable();
  const std::string root = log_in("root", "rootpw");
  open("/etcdserverpb.Watch/Watch", watch_of("a"), log_in("ann", "annpw"));
  AuthUserDeleteRequest request;
  request.set_name("ann");
  EXPECT_EQ(ask("Auth/UserDelete", request, root), "");
  EXPECT_EQ(call->sent.size(), 2U);
  EXPECT_TRUE(told(1).canceled());
}

// Its login has ended by time, which says nothing of the user.
TEST_F(RunningStreams, AWatchOutlivesItsLogin) {
  enable();
  open("/etcdserverpb.Watch/Watch", watch_of("a"), log_in("ann", "annpw"));
  member.passed += std::chrono::seconds(1000);
  allow("c", "", log_in("root", "rootpw"));
  EXPECT_EQ(call->sent.size(), 1U);
}

TEST_F(RunningStreams, AWatchOfNobodyEndsWhenUsersAreEnabled) {
  open("/etcdserverpb.Watch/Watch", watch_of("a"), "");
  EXPECT_EQ(call->sent.size(), 1U);
  enable();
  EXPECT_EQ(call->sent.size(), 2U);
  EXPECT_TRUE(told(1).canceled());
  EXPECT_EQ(told(1).cancel_reason(), std::string("rpc error: code = InvalidArgument desc = ") + kNobody);
}

TEST_F(RunningStreams, WhoListensToALeaderIsRefusedWhenTheyMayNoMore) {
  enable();
  const std::string root = log_in("root", "rootpw");
  allow("e/", "e0", root);
  v3electionpb::LeaderRequest request;
  request.set_name("e");
  open("/v3electionpb.Election/Observe", request, log_in("ann", "annpw"));
  EXPECT_FALSE(call->code);
  forbid("e/", "e0", root);
  EXPECT_EQ(call->code, Code::permission_denied);
  EXPECT_EQ(call->refusal, kDenied);
}

TEST_F(AuthApi, AWatchIsRefusedByAMessageOfItsStream) {
  enable();
  const std::string ann = log_in("ann", "annpw");
  const auto refused = [&](const std::string& token, const std::string& key, const std::string& end) {
    const auto call = std::make_shared<StreamCall>();
    call->token = token;
    const auto stream = api.open_stream(*api.find_method("/etcdserverpb.Watch/Watch"), call);
    member.tell_follower();
    WatchRequest request;
    request.mutable_create_request()->set_key(key);
    request.mutable_create_request()->set_range_end(end);
    stream->on_message(request.SerializeAsString());
    WatchResponse response;
    EXPECT_EQ(call->sent.size(), 1U);
    EXPECT_TRUE(response.ParseFromString(call->sent.at(0)));
    EXPECT_TRUE(response.created());
    EXPECT_EQ(response.canceled() ? -1 : 0, response.watch_id());
    return response.cancel_reason();
  };
  EXPECT_EQ(refused("", "a", ""), std::string("rpc error: code = InvalidArgument desc = ") + kNobody);
  EXPECT_EQ(refused("none.1", "a", ""), std::string("rpc error: code = Unauthenticated desc = ") + kNoToken);
  const std::string denied = std::string("rpc error: code = PermissionDenied desc = ") + kDenied;
  EXPECT_EQ(refused(ann, "b", ""), denied);
  EXPECT_EQ(refused(ann, "", ""), denied);
  EXPECT_EQ(refused(ann, "a", ""), "");
  EXPECT_EQ(refused(ann, "a", std::string(1, '\0')), denied) << "from a key on is not the key";
  EXPECT_EQ(refused(ann, "a", "b"), denied);
}

TEST_F(AuthApi, KeysAreForWhoMay) {
  enable();
  const std::string ann = log_in("ann", "annpw"), root = log_in("root", "rootpw");
  EXPECT_EQ(put("a", ann), "");
  EXPECT_EQ(get("a", ann), "");
  const std::size_t writes = member.writes.size();
  EXPECT_EQ(put("b", ann), kDenied);
  EXPECT_EQ(member.writes.size(), writes) << "refused before it is proposed";
  EXPECT_EQ(get("b", ann), kDenied);
  EXPECT_EQ(put("b", root), "");
  TxnRequest txn;
  txn.add_failure()->mutable_request_txn()->add_success()->mutable_request_range()->set_key("b");
  EXPECT_EQ(ask("KV/Txn", txn, ann), kDenied);
  txn.Clear();
  txn.add_success()->mutable_request_range()->set_key("b");
  EXPECT_EQ(ask("KV/Txn", txn, ann), kDenied) << "of one that is only read";
  txn.mutable_success(0)->mutable_request_range()->set_key("a");
  EXPECT_EQ(ask("KV/Txn", txn, ann), "");
  v3lockpb::UnlockRequest unlock;
  unlock.set_key("b");
  EXPECT_EQ(raw("/v3lockpb.Lock/Unlock", unlock.SerializeAsString(), ann)->message, kDenied);
  v3electionpb::LeaderRequest leader;
  leader.set_name("b");
  EXPECT_EQ(raw("/v3electionpb.Election/Leader", leader.SerializeAsString(), ann)->message, kDenied);
}

TEST_F(AuthApi, ALeaseIsItsKeys) {
  enable();
  const std::string ann = log_in("ann", "annpw"), root = log_in("root", "rootpw");
  LeaseGrantRequest grant;
  grant.set_id(7);
  grant.set_ttl(60);
  EXPECT_EQ(ask("Lease/LeaseGrant", grant, ann), "");
  member.lease_times[7] = {.left_s = 60, .granted_s = 60};
  LeaseTimeToLiveRequest time;
  time.set_id(7);
  time.set_keys(true);
  EXPECT_EQ(ask("Lease/LeaseTimeToLive", time, ann), "");
  EXPECT_EQ(ask("Lease/LeaseLeases", LeaseLeasesRequest(), ann), "");
  const auto kept = [&] {
    const auto call = std::make_shared<StreamCall>();
    call->token = ann;
    const auto stream = api.open_stream(*api.find_method("/etcdserverpb.Lease/LeaseKeepAlive"), call);
    LeaseKeepAliveRequest request;
    request.set_id(7);
    stream->on_message(request.SerializeAsString());
    return call->refusal;
  };
  EXPECT_EQ(kept(), "");
  PutRequest put;
  put.set_key("b");
  put.set_lease(7);
  EXPECT_EQ(ask("KV/Put", put, root), "");
  EXPECT_EQ(kept(), kDenied);
  EXPECT_EQ(ask("Lease/LeaseTimeToLive", time, ann), kDenied);
  time.set_keys(false);
  EXPECT_EQ(ask("Lease/LeaseTimeToLive", time, ann), "");
  EXPECT_EQ(ask("Lease/LeaseLeases", LeaseLeasesRequest(), ann), kDenied);
  LeaseRevokeRequest revoke;
  revoke.set_id(7);
  EXPECT_EQ(ask("Lease/LeaseRevoke", revoke, ann), kDenied);
  EXPECT_EQ(ask("Lease/LeaseRevoke", revoke, root), "");
}

TEST_F(AuthApi, OfUsersAndRolesEverybodyMaySeeTheirOwn) {
  enable();
  const std::string ann = log_in("ann", "annpw"), root = log_in("root", "rootpw");
  AuthUserGetRequest user;
  user.set_name("ann");
  EXPECT_EQ(ask("Auth/UserGet", user, ann), "");
  user.set_name("root");
  EXPECT_EQ(ask("Auth/UserGet", user, ann), kDenied);
  EXPECT_EQ(ask("Auth/UserGet", user, root), "");
  AuthRoleGetRequest role;
  role.set_role("some");
  EXPECT_EQ(ask("Auth/RoleGet", role, ann), "");
  role.set_role("other");
  EXPECT_EQ(ask("Auth/RoleGet", role, ann), kDenied);
  EXPECT_EQ(ask("Auth/RoleGet", role, root), "etcdserver: role name not found");
  AuthStatusResponse status;
  EXPECT_TRUE(status.ParseFromString(raw("/etcdserverpb.Auth/AuthStatus", "")->answer));
  EXPECT_TRUE(status.enabled());
  EXPECT_EQ(status.authrevision(), member.auth()->revision);
}

TEST_F(AuthApi, ALoginNeedsThePassword) {
  EXPECT_EQ(log_in("ann", "annpw"), "etcdserver: authentication is not enabled");
  enable();
  const std::string failed = "etcdserver: authentication failed, invalid user ID or password";
  EXPECT_EQ(log_in("ann", "wrong"), failed);
  EXPECT_EQ(log_in("ann", ""), failed);
  const std::size_t asked = passwords.asked;
  EXPECT_EQ(log_in("eve", "annpw"), failed);
  EXPECT_EQ(passwords.asked, asked + 1) << "who is not there takes as long";
  EXPECT_EQ(log_in("ann", std::string("annpw\0", 6)), failed);
  const std::string token = log_in("ann", "annpw");
  EXPECT_EQ(token.find('.'), 16U) << token;
  EXPECT_NE(token, log_in("ann", "annpw"));
  const std::string root = log_in("root", "rootpw");
  passwords.full = true;
  EXPECT_EQ(log_in("ann", "annpw").find("cairn: 64 passwords wait"), 0U);
  EXPECT_EQ(add("bob", "pw", root).find("cairn: 64 passwords wait"), 0U);
}

TEST_F(AuthApi, OnlyTheHashOfAPasswordGoesFurther) {
  EXPECT_EQ(add("ann", "secret"), "");
  AuthUserAddRequest logged;
  ASSERT_TRUE(logged.ParseFromString(member.writes.at(0).second));
  EXPECT_EQ(logged.password(), "");
  EXPECT_EQ(logged.hashedpassword(), "hash of secret");
  EXPECT_EQ(add("bob", std::string(73, 'p')).find("cairn: the password has 73 bytes"), 0U);
  EXPECT_EQ(add("bob", std::string("p\0", 2)).find("cairn: the password holds a zero byte"), 0U);
  AuthUserAddRequest smuggled;
  smuggled.set_name("eve");
  smuggled.set_password("pw");
  smuggled.set_hashedpassword("hash of anything");
  EXPECT_EQ(ask("Auth/UserAdd", smuggled), "");
  ASSERT_TRUE(logged.ParseFromString(member.writes.back().second));
  EXPECT_EQ(logged.hashedpassword(), "hash of pw");
}

TEST_F(AuthApi, ALoginEndsWhenItIsNotUsed) {
  enable();
  const std::string token = log_in("ann", "annpw");
  for (int i = 0; i < 5; ++i) {
    member.passed += std::chrono::seconds(299);
    EXPECT_EQ(put("a", token), "") << "each use counts";
  }
  member.passed += std::chrono::seconds(300);
  EXPECT_EQ(put("a", token), kNoToken);
  EXPECT_EQ(put("a", token), kNoToken);
}

TEST_F(AuthApi, ALoginOfElsewhereIsAsOldAsTheStatesClockSays) {
  enable();
  const std::string young = log_in("ann", "annpw");
  member.clock_passed_ms = 299'999;
  EXPECT_EQ(put("a", young), "");
  const std::string old = log_in("ann", "annpw");
  member.clock_passed_ms = 2 * 300'000;
  EXPECT_EQ(put("a", old), kNoToken) << "never used here";
  EXPECT_EQ(put("a", young), "") << "used here";
}

TEST_F(AuthApi, ALoginEndsWithItsUser) {
  enable();
  const std::string ann = log_in("ann", "annpw"), root = log_in("root", "rootpw");
  AuthUserChangePasswordRequest change;
  change.set_name("ann");
  change.set_password("new");
  EXPECT_EQ(ask("Auth/UserChangePassword", change, root), "");
  EXPECT_EQ(put("a", ann), kNoToken);
  EXPECT_EQ(put("a", log_in("ann", "new")), "");
  EXPECT_EQ(ask("Auth/AuthDisable", AuthDisableRequest(), root), "");
  EXPECT_EQ(put("b", ""), "");
}

TEST_F(AuthApi, RestTakesTokensAndPasswords) {
  enable();
  const std::string token = log_in("ann", "annpw");
  const auto http = [this](const std::string& method, const std::string& target, const std::string& who) {
    const auto call = std::make_shared<FakeHttpCall>();
    call->asked = {method, target, {}, method == "PUT" ? "v" : ""};
    if (!who.empty()) call->asked.headers.emplace_back("authorization", who);
    api.on_http(call);
    return call->response ? call->response->status : 0;
  };
  const std::string basic = "Basic " + base64_encode("ann:annpw");
  const std::string small = "basic " + base64_encode("ann:annpw");  // RFC 9110 11.1: in any letters
  for (const std::string& who : {"Bearer " + token, "bearer " + token, token, basic, small}) {
    EXPECT_EQ(http("PUT", "/v1/kv/a", who) / 100, 2) << who;
    EXPECT_EQ(http("GET", "/v1/kv/a", who), 200);
    EXPECT_EQ(http("PUT", "/v1/kv/b", who), 403);
    EXPECT_EQ(http("GET", "/v1/kv/b", who), 403);
    EXPECT_EQ(http("GET", "/v1/kv?prefix=a", who), 403);
    EXPECT_EQ(http("GET", "/v1/watch?key=b", who), 403);
    EXPECT_EQ(http("GET", "/v1/status", who), 200);
  }
  for (const std::string& who : {std::string(), "Bearer " + token + "0",
                                 "Basic " + base64_encode("ann:wrong"), std::string("Basic ???")}) {
    for (const char* const path : {"/v1/kv/a", "/v1/kv?prefix=a", "/v1/status", "/v1/members", "/v1/leases",
                                   "/v1/leases/7", "/v1/watch?key=a"})
      EXPECT_EQ(http("GET", path, who), 401) << path << " " << who;
    EXPECT_EQ(http("PUT", "/v1/kv/a", who), 401);
    EXPECT_EQ(http("DELETE", "/v1/kv/a", who), 401);
  }
  for (const char* const path : {"/health", "/version", "/metrics", "/livez"})
    EXPECT_EQ(http("GET", path, ""), 200);
  member.knows_no_users = true;
  for (const std::string& who : {"Bearer " + token, basic}) {
    EXPECT_EQ(http("PUT", "/v1/kv/a", who) / 100, 2) << who;
    EXPECT_EQ(http("GET", "/v1/kv/a", who), 200);
    EXPECT_EQ(http("PUT", "/v1/kv/b", who), 403);
  }
}

TEST_F(AuthApi, AMemberThatDoesNotKnowItsUsersYetAsksThoseThatDo) {
  enable();
  const std::string ann = log_in("ann", "annpw");
  member.knows_no_users = true;
  EXPECT_EQ(put("a", ann), "");
  EXPECT_EQ(put("b", ann), kDenied);
  EXPECT_EQ(put("a", "none.1"), kNoToken);
  EXPECT_EQ(put("a", ""), kNobody);
  EXPECT_EQ(get("a", ann), "");
  EXPECT_EQ(get("b", ann), kDenied);
  EXPECT_EQ(get("a", ""), kNobody);
  member.refuse_reads = {Code::unavailable, "no leader"};
  EXPECT_EQ(put("a", ann), "no leader");
}

// Whoever asked before it was enabled, and is answered afterwards, is nobody.
TEST_F(AuthApi, AReadThatWaitedWhileItWasEnabledIsRefused) {
  enable();
  const std::string root = log_in("root", "rootpw");
  EXPECT_EQ(ask("Auth/AuthDisable", AuthDisableRequest(), root), "");
  member.hold_reads = true;
  auto call = std::make_shared<FakeGrpcCall>();
  call->path = "/etcdserverpb.KV/Range";
  RangeRequest range;
  range.set_key("a");
  serve(api, call, range.SerializeAsString());
  EXPECT_FALSE(call->finished);
  member.hold_reads = false;
  EXPECT_EQ(ask("Auth/AuthEnable", AuthEnableRequest()), "");
  member.answer_held_reads();
  EXPECT_EQ(call->message, kNobody);
}

}  // namespace
}  // namespace cairn::api

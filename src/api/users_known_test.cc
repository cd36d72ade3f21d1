// A member whose users may be others' by now: who was started again, and whoever makes changes that go
// through no log, has the cluster say who may what.
#include "api/auth_fixture.h"
#include "api/grpc_methods.h"

namespace cairn::api {
namespace {

// It was started again, and users have been changed, as far as its log says: none of that is applied.
struct StartedAgain : AuthApi {
  std::string ann, root;
  void SetUp() override {
    enable();
    ann = log_in("ann", "annpw");
    root = log_in("root", "rootpw");
    member.users_known = false;
  }
  std::string get_here(const std::string& key, const std::string& token) {
    RangeRequest range;
    range.set_key(key);
    range.set_serializable(true);
    return ask("KV/Range", range, token);
  }
  int http(const char* method, const char* path, const std::string& token) {
    const auto call = std::make_shared<FakeHttpCall>();
    call->asked.method = method;
    call->asked.target = path;
    if (!token.empty()) call->asked.headers = {{"authorization", "Bearer " + token}};
    api.on_http(call);
    EXPECT_TRUE(call->response.has_value()) << path;
    return call->response ? call->response->status : 0;
  }
};

const std::string kNotKnownYet = etcd::error_of(Reason::users_not_known).message;

TEST_F(StartedAgain, ReadsNothingForAnybodyBeforeItHasHeardTheOthers) {
  for (const bool has_none : {false, true}) {
    member.knows_no_users = has_none;  // as its snapshot has them
    EXPECT_EQ(get_here("a", ann), "");
    EXPECT_EQ(get_here("b", ann), kDenied);
    EXPECT_EQ(get_here("a", ""), kNobody);
    EXPECT_EQ(put("a", ann), "");
    EXPECT_EQ(put("b", ann), kDenied);
    EXPECT_EQ(http("GET", "/v1/kv/a?consistency=local", ann), 200);
    EXPECT_EQ(http("GET", "/v1/kv/a?consistency=local", ""), 401);
  }
  EXPECT_EQ(member.local_reads, 0);
  member.refuse_reads = etcd::error_of(Reason::no_leader);
  EXPECT_EQ(get_here("a", ann), kNotKnownYet);
  EXPECT_EQ(get_here("a", ""), kNotKnownYet);
  EXPECT_LE(member.last_deadline, member.now() + Config().leader_patience)
      << "whoever asks has less patience";
  EXPECT_EQ(get("a", ann), etcd::error_of(Reason::no_leader).message) << "it was to wait for one";
  EXPECT_EQ(http("GET", "/v1/kv/a?consistency=local", ann), 503);
  for (const char* const path : {"/health?serializable=true", "/livez", "/version", "/metrics"})
    EXPECT_EQ(http("GET", path, ""), 200) << path;
}

TEST_F(StartedAgain, TellsNobodyAnythingWithoutThem) {
  for (const bool has_none : {false, true}) {
    member.knows_no_users = has_none;
    for (const std::string& token : {std::string(), ann, root}) {
      for (const Method& method : methods()) {
        const bool is_stream = method.kind == rpc::MethodKind::stream;
        if (method.permission == Permission::anyone) continue;
        if (!is_stream && method.permission == Permission::by_effect) continue;  // judged where it is done
        SCOPED_TRACE(method.path);
        if (is_stream) {
          const auto call = std::make_shared<StreamCall>();
          call->token = token;
          EXPECT_EQ(api.open_stream(method, call), nullptr);
          EXPECT_EQ(call->refusal, kNotKnownYet);
        } else {
          EXPECT_EQ(raw(std::string(method.path), "", token)->message, kNotKnownYet);
        }
      }
      for (const char* const path : {"/v1/status", "/v1/members", "/v1/watch?key=a"})
        EXPECT_EQ(http("GET", path, token), 503) << path;
      EXPECT_EQ(ask("Lease/LeaseTimeToLive", LeaseTimeToLiveRequest(), token), kNotKnownYet);
    }
  }
}

// What goes through no log: as the cluster knows users, and not this member.
struct ChangesOfMembers : AuthApi {
  const std::vector<std::string> methods_ = {"Cluster/MemberAdd", "Cluster/MemberRemove",
                                             "Cluster/MemberUpdate", "Cluster/MemberPromote",
                                             "Maintenance/MoveLeader"};
  std::string change(const std::string& method, const std::string& token) {
    MemberUpdateRequest request;  // what the others have of it, they have in the same places
    request.set_id(1);
    return ask(method, request, token);
  }
  std::size_t made() const { return member.changes.size() + (member.moved_to == 0 ? 0 : 1); }
};

TEST_F(ChangesOfMembers, AreJudgedByWhatTheClusterKnows) {
  enable();
  const std::string root = log_in("root", "rootpw"), ann = log_in("ann", "annpw");
  for (const bool has_none : {false, true}) {
    member.knows_no_users = has_none;  // and has not heard yet that there are some
    for (const std::string& method : methods_) {
      EXPECT_EQ(change(method, ann), kDenied) << method;
      EXPECT_EQ(change(method, ""), kNobody) << method;
    }
  }
  EXPECT_EQ(made(), 0U);
  member.knows_no_users = false;
  EXPECT_EQ(change("Cluster/MemberRemove", root), "");
  EXPECT_EQ(change("Maintenance/MoveLeader", root), "");
  EXPECT_EQ(made(), 2U);

  // Root's role is taken away while the cluster is asked.
  member.hold_reads = true;
  auto call = std::make_shared<FakeGrpcCall>();
  call->path = "/etcdserverpb.Cluster/MemberRemove";
  call->sent_metadata["token"] = root;
  serve(api, call, MemberRemoveRequest().SerializeAsString());
  EXPECT_FALSE(call->finished);
  member.hold_reads = false;
  AuthUserChangePasswordRequest password;
  password.set_name("root");
  password.set_password("another");
  EXPECT_EQ(ask("Auth/UserChangePassword", password, root), "");
  member.answer_held_reads();
  EXPECT_EQ(call->message, kNoToken);
  EXPECT_EQ(made(), 2U);
}

TEST_F(ChangesOfMembers, NoMoreWaitThanTheLimit) {
  member.hold_reads = true;
  std::vector<std::shared_ptr<FakeGrpcCall>> calls;
  for (std::size_t i = 0; i <= Config().changes_waiting_max; ++i) {
    calls.push_back(std::make_shared<FakeGrpcCall>());
    calls.back()->path = "/etcdserverpb.Cluster/MemberRemove";
    serve(api, calls.back(), "");
  }
  EXPECT_EQ(calls.back()->message, etcd::error_of(Reason::too_many_requests).message);
  EXPECT_FALSE(calls.front()->finished);
  member.hold_reads = false;
  member.answer_held_reads();
  EXPECT_EQ(calls.front()->code, Code::ok);
  EXPECT_EQ(change("Cluster/MemberRemove", ""), "");
}

}  // namespace
}  // namespace cairn::api

// Whom a client's certificate names is who asks, unless the call says otherwise.
#include <gtest/gtest.h>

#include "api/auth_fixture.h"
#include "base/percent.h"

namespace cairn::api {
namespace {

struct Certificates : AuthApi {
  std::string ask_as(const std::string& name, const std::string& method,
                     const google::protobuf::MessageLite& request, const std::string& token = "") {
    auto call = std::make_shared<FakeGrpcCall>();
    call->path = "/etcdserverpb." + method;
    call->shown_name = name;
    if (!token.empty()) call->sent_metadata["token"] = token;
    serve(api, call, request.SerializeAsString());
    EXPECT_TRUE(call->finished) << method;
    return call->code == Code::ok ? "" : call->message;
  }
  std::string put_as(const std::string& name, const std::string& key, const std::string& token = "") {
    PutRequest request;
    request.set_key(key);
    return ask_as(name, "KV/Put", request, token);
  }
  int http_as(const std::string& name, const std::string& method, const std::string& target,
              rpc::Headers headers = {}, const std::string& body = "v") {
    const auto call = std::make_shared<FakeHttpCall>();
    call->shown_name = name;
    headers.emplace_back("host", "n1.example:2379");
    call->asked = {method, target, std::move(headers), method == "GET" ? "" : body};
    asked->on_http(call);
    return call->response ? call->response->status : 0;
  }
  Api* asked = &api;
};

TEST_F(Certificates, AreUsers) {
  enable();
  EXPECT_EQ(put_as("ann", "a"), "");
  EXPECT_EQ(put_as("ann", "b"), kDenied);
  EXPECT_EQ(put_as("root", "b"), "");
  EXPECT_EQ(put_as("", "a"), kNobody);
  EXPECT_EQ(put_as("eve", "a"), kDenied) << "signed, and no user";
  EXPECT_EQ(put_as(std::string("ann\0", 4), "a"), kDenied);
  EXPECT_EQ(put_as(std::string("root\0.ann", 9), "b"), kDenied);
  EXPECT_EQ(ask_as("ann", "Auth/UserList", AuthUserListRequest()), kDenied);
  EXPECT_EQ(ask_as("root", "Auth/UserList", AuthUserListRequest()), "");
  EXPECT_EQ(ask_as("eve", "Auth/UserList", AuthUserListRequest()),
            etcd::error_of(Reason::user_not_found).message);
}

TEST_F(Certificates, StandBackBehindALogin) {
  enable();
  const std::string ann = log_in("ann", "annpw");
  EXPECT_EQ(put_as("root", "b", ann), kDenied);
  EXPECT_EQ(put_as("eve", "a", ann), "");
  EXPECT_EQ(put_as("root", "a", "none.1"), kNoToken) << "a login that does not hold is not passed over";
}

TEST_F(Certificates, CountOverHttpToo) {
  enable();
  EXPECT_EQ(http_as("ann", "PUT", "/v1/kv/a") / 100, 2);
  EXPECT_EQ(http_as("ann", "GET", "/v1/kv/a"), 200);
  EXPECT_EQ(http_as("ann", "PUT", "/v1/kv/b"), 403);
  EXPECT_EQ(http_as("", "GET", "/v1/kv/a"), 401);
  EXPECT_EQ(http_as("root", "PUT", "/v1/kv/b", {{"authorization", "Basic " + base64_encode("ann:annpw")}}),
            403);
  EXPECT_EQ(http_as("root", "PUT", "/v1/kv/b", {{"authorization", "Basic " + base64_encode("ann:no")}}), 401);
  const std::string get = R"({"key": "YQ=="})";
  EXPECT_EQ(http_as("ann", "POST", "/v3/kv/range", {}, get), 200);
  EXPECT_EQ(http_as("", "POST", "/v3/kv/range", {}, get), 400);
}

// A browser shows its user's certificate to whomever a page of anybody names.
TEST_F(Certificates, SpeakForNoPageOfElsewhere) {
  enable();
  Api to_pages({.name = "n1", .cors_origins = {"*"}, .passwords = &passwords}, member);
  asked = &to_pages;
  const std::string get = R"({"key": "YQ=="})";
  EXPECT_EQ(http_as("ann", "GET", "/v1/kv/a", {{"origin", "https://n1.example:2379"}}), 404) << "its own";
  EXPECT_EQ(http_as("ann", "POST", "/v3/kv/range", {{"origin", "https://n1.example:2379"}}, get), 200);
  for (const char* const origin : {"https://evil.example", "null", "https://n1.example", "n1.example:2379"}) {
    EXPECT_EQ(http_as("ann", "GET", "/v1/kv/a", {{"origin", origin}}), 401) << origin;
    EXPECT_EQ(http_as("ann", "POST", "/v3/kv/range", {{"origin", origin}}, get), 400) << origin;
  }
}

// They are shown whether there are users or not, and so say nothing of whether there are some.
TEST_F(Certificates, CostNothingWithoutUsers) {
  EXPECT_EQ(put_as("ann", "a"), "");
  EXPECT_EQ(http_as("ann", "PUT", "/v1/kv/a") / 100, 2);
  EXPECT_EQ(member.linearizable_reads, 0) << "no write asks the others first";
}

TEST_F(Certificates, AskAgainWhereItIsNotKnownYetThatThereAreUsers) {
  enable();
  member.knows_no_users = true;
  EXPECT_EQ(put_as("ann", "a"), etcd::error_of(Reason::auth_revision_old).message);
}

TEST_F(Certificates, EndWithTheirUser) {
  enable();
  EXPECT_EQ(put_as("ann", "a"), "");
  AuthUserDeleteRequest gone;
  gone.set_name("ann");
  EXPECT_EQ(ask_as("root", "Auth/UserDelete", gone), "");
  EXPECT_EQ(put_as("ann", "a"), kDenied);
}

}  // namespace
}  // namespace cairn::api

// For tests of users as clients meet them: a member with root, and with ann, who may "a".
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/member_fixture.h"
#include "api/passwords.h"
#include "etcd/reasons.h"
#include "proto/rpc.pb.h"

namespace cairn::api {

using namespace etcdserverpb;  // NOLINT: the messages under test

// "hash of" stands in front.
struct FakePasswords final : Passwords {
  std::size_t asked = 0;
  bool full = false;
  bool hash(std::string password, std::function<void(std::string)> done) override {
    ++asked;
    if (!full) done("hash of " + password);
    return !full;
  }
  bool check(std::string password, std::string hash, std::function<void(bool)> done) override {
    ++asked;
    if (!full) done(hash == "hash of " + password);
    return !full;
  }
  std::size_t waiting_max() const override { return 64; }
};

struct AuthApi : testing::Test {
  FakeMember member{mvcc::Limits{}};
  FakePasswords passwords;
  std::uint64_t drawn = 0;
  Api api{{.name = "n1", .random = [this] { return ++drawn; }, .passwords = &passwords}, member};

  std::shared_ptr<FakeGrpcCall> raw(const std::string& method, const std::string& request,
                                    const std::string& token = "") {
    auto call = std::make_shared<FakeGrpcCall>();
    call->path = method;
    if (!token.empty()) call->sent_metadata["token"] = token;
    serve(api, call, request);
    EXPECT_TRUE(call->finished) << method;
    return call;
  }
  // The refusal, "" for none.
  std::string ask(const std::string& method, const google::protobuf::MessageLite& request,
                  const std::string& token = "") {
    const auto call = raw("/etcdserverpb." + method, request.SerializeAsString(), token);
    return call->code == Code::ok ? "" : call->message;
  }
  std::string add(const std::string& user, const std::string& password, const std::string& token = "") {
    AuthUserAddRequest request;
    request.set_name(user);
    request.set_password(password);
    return ask("Auth/UserAdd", request, token);
  }
  std::string grant(const std::string& user, const std::string& role, const std::string& token = "") {
    AuthUserGrantRoleRequest request;
    request.set_user(user);
    request.set_role(role);
    return ask("Auth/UserGrantRole", request, token);
  }
  std::string log_in(const std::string& user, const std::string& password) {
    AuthenticateRequest request;
    request.set_name(user);
    request.set_password(password);
    const auto call = raw("/etcdserverpb.Auth/Authenticate", request.SerializeAsString());
    AuthenticateResponse response;
    if (call->code != Code::ok) return call->message;
    EXPECT_TRUE(response.ParseFromString(call->answer));
    return response.token();
  }
  std::string put(const std::string& key, const std::string& token) {
    PutRequest request;
    request.set_key(key);
    return ask("KV/Put", request, token);
  }
  std::string get(const std::string& key, const std::string& token) {
    RangeRequest request;
    request.set_key(key);
    return ask("KV/Range", request, token);
  }
  // root and ann, who may "a".
  void enable() {
    EXPECT_EQ(add("root", "rootpw"), "");
    EXPECT_EQ(grant("root", "root"), "");
    EXPECT_EQ(add("ann", "annpw"), "");
    AuthRoleAddRequest role;
    role.set_name("some");
    EXPECT_EQ(ask("Auth/RoleAdd", role), "");
    AuthRoleGrantPermissionRequest permission;
    permission.set_name("some");
    permission.mutable_perm()->set_permtype(authpb::Permission::READWRITE);
    permission.mutable_perm()->set_key("a");
    EXPECT_EQ(ask("Auth/RoleGrantPermission", permission), "");
    EXPECT_EQ(grant("ann", "some"), "");
    EXPECT_EQ(ask("Auth/AuthEnable", AuthEnableRequest()), "");
  }
};

inline const std::string kNobody = etcd::error_of(Reason::user_empty).message;
inline const std::string kDenied = etcd::error_of(Reason::permission_denied).message;
inline const std::string kNoToken = etcd::error_of(Reason::invalid_auth_token).message;

struct StreamCall final : rpc::GrpcCall {
  std::string token;
  std::vector<std::string> sent;
  std::optional<Code> code;
  std::string refusal;

  std::string_view method() const override { return ""; }
  std::string_view metadata(std::string_view name) const override {
    return name == "token" ? std::string_view(token) : std::string_view();
  }
  std::optional<Time> deadline() const override { return std::nullopt; }
  bool cancelled() const override { return false; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return true; }
  void pause() override {}
  void resume() override {}
  void send(std::string_view head, std::string_view body) override {
    sent.push_back(std::string(head) + std::string(body));
  }
  void send(std::string_view, std::unique_ptr<LongMessage>) override {}
  void finish(Code with, std::string_view text) override {
    code = with;
    refusal = std::string(text);
  }
};

}  // namespace cairn::api

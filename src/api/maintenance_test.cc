// Maintenance, health checks and reflection as their clients meet them.
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "api/grpc_methods.h"
#include "api/member_fixture.h"
#include "etcd/reasons.h"
#include "proto/health.pb.h"
#include "proto/reflection.pb.h"
#include "proto/reflection_v1alpha.pb.h"
#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

using namespace etcdserverpb;  // NOLINT: the messages under test

struct StreamCall final : rpc::GrpcCall {
  std::vector<std::string> sent;
  bool room = true, paused = false, finished = false;
  Code code = Code::unknown;
  std::string message;

  std::string_view method() const override { return ""; }
  std::string_view metadata(std::string_view) const override { return ""; }
  std::optional<Time> deadline() const override { return std::nullopt; }
  bool cancelled() const override { return false; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return room; }
  void pause() override { paused = true; }
  void resume() override { paused = false; }
  void send(std::string_view head, std::string_view body) override {
    sent.push_back(std::string(head) + std::string(body));
  }
  void send(std::string_view, std::unique_ptr<LongMessage>) override { FAIL(); }
  void finish(Code with, std::string_view text) override {
    finished = true;
    code = with;
    message = std::string(text);
  }
};

struct MaintenanceApi : testing::Test {
  FakeMember member;
  std::optional<Time> wake_at;
  Api api{{.name = "n1",
           .health_look_interval = std::chrono::seconds(1),
           .wake_at = [this](Time time) { wake_at = time; }},
          member};

  std::shared_ptr<FakeGrpcCall> raw(const std::string& method, const google::protobuf::MessageLite& request) {
    auto call = std::make_shared<FakeGrpcCall>();
    call->path = "/etcdserverpb.Maintenance/" + method;
    serve(api, call, request.SerializeAsString());
    EXPECT_TRUE(call->finished);
    return call;
  }
  std::string refusal(const std::string& method, const google::protobuf::MessageLite& request) {
    const auto call = raw(method, request);
    return call->code == Code::ok ? "" : call->message;
  }
  std::unique_ptr<rpc::GrpcStream> open(const char* path, const std::shared_ptr<StreamCall>& call) {
    return api.open_stream(*api.find_method(path), call);
  }
};

TEST_F(MaintenanceApi, DefragmentAnswersAtOnceWithoutAHeader) {
  const auto call = raw("Defragment", DefragmentRequest());
  EXPECT_EQ(call->code, Code::ok);
  EXPECT_EQ(call->answer, "");
}

TEST_F(MaintenanceApi, HashesSayWhatIsThere) {
  HashResponse before, after;
  ASSERT_TRUE(before.ParseFromString(raw("Hash", HashRequest())->answer));
  HashKVResponse kv;
  ASSERT_TRUE(kv.ParseFromString(raw("HashKV", HashKVRequest())->answer));
  EXPECT_EQ(kv.compact_revision(), -1);
  EXPECT_EQ(kv.hash_revision(), 1);
  EXPECT_EQ(kv.header().revision(), 1);
  struct Ignored final : node::WriteResponder {
    void done(mvcc::Outcome) override {}
  };
  PutRequest put;
  put.set_key("k");
  member.write({.kind = node::CommandKind::put,
                .request = put.SerializeAsString(),
                .idempotency_key = "",
                .deadline = Time::max(),
                .responder = std::make_unique<Ignored>()});
  ASSERT_TRUE(after.ParseFromString(raw("Hash", HashRequest())->answer));
  EXPECT_NE(before.hash(), after.hash());
  HashKVResponse changed;
  ASSERT_TRUE(changed.ParseFromString(raw("HashKV", HashKVRequest())->answer));
  EXPECT_NE(kv.hash(), changed.hash());
  HashKVRequest past;
  past.set_revision(1);
  ASSERT_TRUE(changed.ParseFromString(raw("HashKV", past)->answer));
  EXPECT_EQ(kv.hash(), changed.hash());
  past.set_revision(3);
  EXPECT_EQ(refusal("HashKV", past), "etcdserver: mvcc: required revision is a future revision");
}

TEST_F(MaintenanceApi, LeadershipIsMovedByTheMember) {
  MoveLeaderRequest request;
  request.set_targetid(2);
  EXPECT_EQ(refusal("MoveLeader", request), "");
  EXPECT_EQ(member.moved_to, 2U);
  member.refuse_writes = etcd::error_of(Reason::not_leader);
  EXPECT_EQ(refusal("MoveLeader", request), "etcdserver: not leader");
}

TEST_F(MaintenanceApi, ThereIsNothingToDowngradeTo) {
  const auto ask = [&](DowngradeRequest::DowngradeAction action, const std::string& version) {
    DowngradeRequest request;
    request.set_action(action);
    request.set_version(version);
    return refusal("Downgrade", request);
  };
  EXPECT_EQ(ask(DowngradeRequest::VALIDATE, "3.5"), "");
  EXPECT_EQ(ask(DowngradeRequest::VALIDATE, "3.5.0"), "");
  EXPECT_EQ(ask(DowngradeRequest::ENABLE, "3.4.0"), "etcdserver: invalid downgrade target version");
  for (const char* const wrong : {"", "3", "x", "3.", "3.5.", "3.5.0.1", "v3.5"})
    EXPECT_EQ(ask(DowngradeRequest::VALIDATE, wrong), "etcdserver: wrong downgrade target version format")
        << wrong;
  EXPECT_EQ(ask(DowngradeRequest::CANCEL, ""), "etcdserver: no inflight downgrade job");
}

constexpr char kHealthWatch[] = "/grpc.health.v1.Health/Watch";
constexpr std::string_view kServing("\x08\x01", 2), kNotServing("\x08\x02", 2),
    kUnknownService("\x08\x03", 2);

TEST_F(MaintenanceApi, AWatchedHealthIsToldAtOnceAndWhenItChanges) {
  const auto call = std::make_shared<StreamCall>();
  auto stream = open(kHealthWatch, call);
  stream->on_message("");
  ASSERT_EQ(call->sent.size(), 1U);
  EXPECT_EQ(call->sent[0], kServing);
  const auto look = [&] {
    member.passed += std::chrono::seconds(1);
    ASSERT_LE(*wake_at, member.now());
    api.woken();
  };
  look();
  EXPECT_EQ(call->sent.size(), 1U) << "no news";
  member.leader = 0;
  call->room = false;
  look();
  EXPECT_EQ(call->sent.size(), 1U) << "its client reads nothing";
  call->room = true;
  look();
  ASSERT_EQ(call->sent.size(), 2U);
  EXPECT_EQ(call->sent[1], kNotServing);
  stream->on_message("");
  EXPECT_EQ(call->sent.size(), 2U);
  api.stop();
  EXPECT_EQ(call->message, "etcdserver: server stopped");
}

TEST_F(MaintenanceApi, AServiceThatIsNoneIsWatchedInVain) {
  const auto call = std::make_shared<StreamCall>();
  const auto stream = open(kHealthWatch, call);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("nothing");
  stream->on_message(request.SerializeAsString());
  ASSERT_EQ(call->sent.size(), 1U);
  EXPECT_EQ(call->sent[0], kUnknownService);
  EXPECT_FALSE(call->finished);
}

template <class Request, class Response>
struct Reflected {
  Reflected(MaintenanceApi* test, const char* path)
      : call(std::make_shared<StreamCall>()), stream(test->open(path, call)) {}
  Response ask(const Request& request) {
    stream->on_message(request.SerializeAsString());
    Response response;
    EXPECT_TRUE(response.ParseFromString(call->sent.back()));
    return response;
  }
  std::vector<std::string> files(const Request& request) {
    std::vector<std::string> names;
    const Response response = ask(request);
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.push_back(file.name());
    }
    return names;
  }
  std::shared_ptr<StreamCall> call;
  std::unique_ptr<rpc::GrpcStream> stream;
};

template <class Request, class Response>
void look_around(MaintenanceApi* test, const char* path) {
  Reflected<Request, Response> reflected(test, path);
  Request request;
  request.set_host("h");
  request.set_list_services("");
  std::string services;
  const Response listed = reflected.ask(request);
  for (const auto& each : listed.list_services_response().service()) services += each.name() + " ";
  EXPECT_EQ(
      services,
      "etcdserverpb.Auth etcdserverpb.Cluster etcdserverpb.KV etcdserverpb.Lease etcdserverpb.Maintenance "
      "etcdserverpb.Watch grpc.health.v1.Health grpc.reflection.v1.ServerReflection "
      "grpc.reflection.v1alpha.ServerReflection v3electionpb.Election v3lockpb.Lock ");
  EXPECT_EQ(listed.valid_host(), "h");
  EXPECT_EQ(listed.original_request().host(), "h");
  const std::vector<std::string> rpc = {"rpc.proto", "auth.proto", "kv.proto"};
  request.set_file_containing_symbol("etcdserverpb.KV");
  EXPECT_EQ(reflected.files(request), rpc);
  request.set_file_containing_symbol("etcdserverpb.Maintenance.MoveLeader");
  EXPECT_EQ(reflected.files(request), rpc);
  request.set_file_containing_symbol("grpc.health.v1.Health");
  EXPECT_EQ(reflected.files(request), (std::vector<std::string>{"health.proto"}));
  request.set_file_by_filename("kv.proto");
  EXPECT_EQ(reflected.files(request), (std::vector<std::string>{"kv.proto"}));
  request.set_file_by_filename("none.proto");
  EXPECT_EQ(reflected.ask(request).error_response().error_code(), static_cast<int>(Code::not_found));
  request.set_all_extension_numbers_of_type("mvccpb.KeyValue");
  EXPECT_EQ(reflected.ask(request).all_extension_numbers_response().base_type_name(), "mvccpb.KeyValue");
  request.mutable_file_containing_extension()->set_extension_number(1);
  EXPECT_EQ(reflected.ask(request).error_response().error_code(), static_cast<int>(Code::not_found));
  EXPECT_EQ(reflected.ask(Request()).error_response().error_code(), static_cast<int>(Code::invalid_argument));
  reflected.call->room = false;
  reflected.ask(request);
  EXPECT_TRUE(reflected.call->paused) << "it asks faster than it reads";
  reflected.stream->on_room();
  EXPECT_FALSE(reflected.call->paused);
  reflected.stream->on_half_close();
  EXPECT_EQ(reflected.call->code, Code::ok);
}

TEST_F(MaintenanceApi, ReflectionSaysWhatIsServedAndWhatItsMessagesLookLike) {
  using namespace grpc::reflection;  // NOLINT
  look_around<v1::ServerReflectionRequest, v1::ServerReflectionResponse>(
      this, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  look_around<v1alpha::ServerReflectionRequest, v1alpha::ServerReflectionResponse>(
      this, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
}

}  // namespace
}  // namespace cairn::api

// For tests of locks and elections: calls that are kept open, and a member whose time the test says.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/grpc_reply.h"
#include "api/member_fixture.h"
#include "proto/election.pb.h"
#include "proto/lock.pb.h"
#include "proto/rpc.pb.h"

namespace cairn::api {

struct QueueApi : testing::Test {
  using Asked = std::shared_ptr<FakeGrpcCall>;

  // A call of a method that is a stream to the server. Kept open until the test ends, or hang_up().
  Asked open(const std::string& method, const google::protobuf::MessageLite& request, int times = 1) {
    auto call = std::make_shared<FakeGrpcCall>();
    call->path = method;
    call->call_deadline = deadline;
    call->sent_metadata = metadata;
    auto stream = api->open_stream(*api->find_method(method), call);
    if (stream == nullptr) {
      EXPECT_TRUE(call->finished);
      return call;
    }
    for (int i = 0; i < times; ++i) stream->on_message(request.SerializeAsString());
    stream->on_half_close();
    streams[call] = std::move(stream);
    run();
    return call;
  }
  Asked ask(const std::string& method, const google::protobuf::MessageLite& request) {
    auto call = std::make_shared<FakeGrpcCall>();
    call->path = method;
    serve(*api, call, request.SerializeAsString());
    EXPECT_TRUE(call->finished);
    run();
    return call;
  }
  void hang_up(const Asked& call) {
    call->gone = true;
    streams.erase(call);
    run();
  }
  template <class Response>
  Response answer(const Asked& asked) {
    EXPECT_TRUE(asked->finished);
    EXPECT_EQ(asked->code, Code::ok) << asked->message;
    Response response;
    EXPECT_TRUE(response.ParseFromString(asked->answer));
    return response;
  }
  void write(node::CommandKind kind, const google::protobuf::MessageLite& request, std::int64_t lease = 0) {
    struct Ignored final : node::WriteResponder {
      void done(mvcc::Outcome outcome) override { EXPECT_EQ(outcome.code, Code::ok) << outcome.error; }
    };
    member.write({.kind = kind,
                  .request = request.SerializeAsString(),
                  .idempotency_key = "",
                  .deadline = Time::max(),
                  .responder = std::make_unique<Ignored>(),
                  .lease = {.id = lease, .ttl_s = lease == 0 ? 0 : 2}});
    run();
  }
  void grant(std::int64_t id) {
    etcdserverpb::LeaseGrantRequest request;
    request.set_id(id);
    request.set_ttl(100);
    write(node::CommandKind::lease_grant, request, id);
  }
  void revoke(std::int64_t id) {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(id);
    write(node::CommandKind::lease_revoke, request);
  }
  void put(const std::string& key, const std::string& value) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    write(node::CommandKind::put, request);
  }
  // All of them, as they are now.
  std::string keys() {
    etcdserverpb::RangeRequest request;
    request.set_key(std::string(1, '\0'));
    request.set_range_end(std::string(1, '\0'));
    request.set_serializable(true);
    Asked call = ask("/etcdserverpb.KV/Range", request);
    std::string names;
    const auto found = answer<etcdserverpb::RangeResponse>(call);
    for (const auto& kv : found.kvs()) names += (names.empty() ? "" : " ") + kv.key();
    return names;
  }
  std::string ask_unlock_bytes(const std::string& key) {
    v3lockpb::UnlockRequest request;
    request.set_key(key);
    return ask("/v3lockpb.Lock/Unlock", request)->answer;
  }
  std::string answer_header_bytes() {
    return std::string(EncodedHeader(member.brief(), member.view()->revision()).bytes());
  }
  void release_writes() {
    member.hold_writes = false;
    while (!member.held_writes.empty())
      for (node::ClientWrite& held : std::exchange(member.held_writes, {})) member.write(std::move(held));
    run();
  }
  void pass(Duration time) {
    member.passed += time;
    api->woken();
    run();
  }
  void run() {
    member.tell_follower();
    while (wake && *wake <= member.now()) {
      wake.reset();
      api->woken();
    }
    std::erase_if(streams, [](const auto& open) { return open.first->finished; });  // as a server does
  }

  FakeMember member;
  std::optional<Time> wake, deadline;
  std::map<std::string, std::string, std::less<>> metadata;
  std::uint64_t drawn = 14;  // the next that is drawn at random
  Config config{.name = "n1",
                .queue_calls_max = 3,
                .random = [this] { return drawn; },
                .wake_at = [this](Time at) { wake = at; }};
  std::unique_ptr<Api> api = std::make_unique<Api>(config, member);
  std::map<Asked, std::unique_ptr<rpc::GrpcStream>> streams;
};

}  // namespace cairn::api

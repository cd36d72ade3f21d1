// KV/RangeStream: what all its messages say together is what Range says.
#include <gtest/gtest.h>

#include "api/grpc_methods.h"
#include "api/member_fixture.h"
#include "etcd/reasons.h"
#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

using namespace etcdserverpb;  // NOLINT: the messages under test

struct ListCall final : rpc::GrpcCall {
  std::vector<RangeResponse> messages;
  bool room = true, finished = false;
  Code code = Code::unknown;
  std::string message;

  std::string_view method() const override { return "/etcdserverpb.KV/RangeStream"; }
  std::string_view metadata(std::string_view) const override { return ""; }
  std::optional<Time> deadline() const override { return std::nullopt; }
  bool cancelled() const override { return finished; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return room; }
  void pause() override {}
  void resume() override {}
  void send(std::string_view head, std::string_view body) override {
    RangeStreamResponse response;
    EXPECT_TRUE(response.ParseFromString(std::string(head) + std::string(body)));
    messages.push_back(response.range_response());
  }
  void send(std::string_view, std::unique_ptr<LongMessage>) override { FAIL(); }
  void finish(Code with, std::string_view text) override {
    finished = true;
    code = with;
    message = std::string(text);
  }
};

struct RangeStreams : testing::Test {
  FakeMember member;
  Api api{{.name = "n1", .request_bytes_max = 4000, .page_keys_max = 100}, member};

  struct Ignored final : node::WriteResponder {
    void done(mvcc::Outcome outcome) override { EXPECT_EQ(outcome.code, Code::ok); }
  };
  template <class Request>
  void write(node::CommandKind kind, const Request& request) {
    member.write({.kind = kind,
                  .request = request.SerializeAsString(),
                  .idempotency_key = "",
                  .deadline = Time::max(),
                  .responder = std::make_unique<Ignored>()});
  }
  void put(int number, std::size_t size = 1) {
    PutRequest request;
    request.set_key("k" + std::to_string(1000 + number));
    request.set_value(std::string(size, 'v'));
    write(node::CommandKind::put, request);
  }
  void compact(std::int64_t revision) {
    CompactionRequest request;
    request.set_revision(revision);
    write(node::CommandKind::compaction, request);
  }
  static RangeRequest all() {
    RangeRequest request;
    request.set_key("k");
    request.set_range_end("l");
    return request;
  }
  std::shared_ptr<ListCall> call = std::make_shared<ListCall>();
  std::unique_ptr<rpc::GrpcStream> stream;
  void open(const RangeRequest& request) {
    call = std::make_shared<ListCall>();
    stream = api.open_stream(*api.find_method("/etcdserverpb.KV/RangeStream"), call);
    stream->on_message(request.SerializeAsString());
  }
  // All messages as one; only the last has more than keys.
  RangeResponse listed(const RangeRequest& request) {
    open(request);
    EXPECT_EQ(call->code, Code::ok) << call->message;
    RangeResponse together;
    for (std::size_t i = 0; i < call->messages.size(); ++i) {
      const bool is_last = i + 1 == call->messages.size();
      EXPECT_EQ(call->messages[i].has_header(), is_last);
      EXPECT_TRUE(is_last || call->messages[i].count() == 0);
      together.MergeFrom(call->messages[i]);
    }
    return together;
  }
  RangeResponse unary(const RangeRequest& request) {
    auto asked = std::make_shared<FakeGrpcCall>();
    asked->path = "/etcdserverpb.KV/Range";
    serve(api, asked, request.SerializeAsString());
    RangeResponse response;
    EXPECT_TRUE(response.ParseFromString(asked->answer));
    return response;
  }
  void expect_same(const RangeRequest& request) {
    EXPECT_EQ(listed(request).SerializeAsString(), unary(request).SerializeAsString())
        << request.ShortDebugString();
  }
};

TEST_F(RangeStreams, SayWhatRangeSays) {
  expect_same(all());
  for (int i = 0; i < 300; ++i) put(i);
  expect_same(all());
  EXPECT_GT(call->messages.size(), 4U);
  EXPECT_EQ(call->messages[0].kvs_size(), 10);
  EXPECT_EQ(call->messages[1].kvs_size(), 20) << "small ones grow";
  RangeRequest request = all();
  request.set_keys_only(true);
  expect_same(request);
  request = all();
  request.set_count_only(true);
  expect_same(request);
  EXPECT_EQ(call->messages.size(), 1U);
  for (const int limit : {1, 9, 10, 11, 30, 299, 300, 301}) {
    request = all();
    request.set_limit(limit);
    expect_same(request);
    request.set_revision(250);
    expect_same(request);
  }
  request = all();
  request.set_range_end("");
  request.set_key("k1005");
  expect_same(request);
}

TEST_F(RangeStreams, LargeValuesMakeSmallerMessages) {
  for (int i = 0; i < 60; ++i) put(i, 1000);
  expect_same(all());
  EXPECT_EQ(call->messages[0].kvs_size(), 10);
  EXPECT_EQ(call->messages[1].kvs_size(), 5);
}

TEST_F(RangeStreams, WaitForTheirClientAndStayAtTheirRevision) {
  for (int i = 0; i < 40; ++i) put(i);
  open(all());
  ASSERT_TRUE(call->finished);
  const RangeResponse before = unary(all());
  call = std::make_shared<ListCall>();
  call->room = false;
  stream = api.open_stream(*api.find_method("/etcdserverpb.KV/RangeStream"), call);
  stream->on_message(all().SerializeAsString());
  EXPECT_EQ(call->messages.size(), 1U);
  put(500);
  put(0, 9);
  call->room = true;
  stream->on_room();
  ASSERT_TRUE(call->finished);
  RangeResponse together;
  for (const RangeResponse& each : call->messages) together.MergeFrom(each);
  ASSERT_EQ(together.kvs_size(), 40);
  EXPECT_EQ(together.count(), 40);
  EXPECT_EQ(together.kvs(0).value(), before.kvs(0).value());
}

TEST_F(RangeStreams, ThatCompactionPassesEndSo) {
  for (int i = 0; i < 40; ++i) put(i);
  call = std::make_shared<ListCall>();
  call->room = false;
  stream = api.open_stream(*api.find_method("/etcdserverpb.KV/RangeStream"), call);
  stream->on_message(all().SerializeAsString());
  put(0);
  compact(42);
  stream->on_room();
  EXPECT_EQ(call->message, "etcdserver: mvcc: required revision has been compacted");
}

TEST_F(RangeStreams, WhatHasToBeSeenWholeIsNotStreamed) {
  RangeRequest request = all();
  request.set_sort_order(RangeRequest::DESCEND);
  open(request);
  EXPECT_EQ(call->code, Code::unimplemented);
  request = all();
  request.set_min_mod_revision(3);
  open(request);
  EXPECT_EQ(call->code, Code::unimplemented);
  open(RangeRequest());
  EXPECT_EQ(call->message, "etcdserver: key is not provided");
  request = all();
  request.set_revision(99);
  open(request);
  EXPECT_EQ(call->message, "etcdserver: mvcc: required revision is a future revision");
  member.refuse_reads = etcd::error_of(Reason::no_leader);
  open(all());
  EXPECT_EQ(call->message, "etcdserver: no leader");
}

}  // namespace
}  // namespace cairn::api

// Watch over gRPC: which responses etcd's clients get to what they ask; what a watch sees is tested in
// watch/.
#include <gtest/gtest.h>

#include <vector>

#include "api/member_fixture.h"
#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

using namespace etcdserverpb;  // NOLINT: the messages under test

// A call whose messages are kept.
struct WatchCall final : rpc::GrpcCall {
  std::map<std::string, std::string, std::less<>> sent_metadata;
  std::vector<WatchResponse> responses;
  bool room = true, paused = false, finished = false;
  Code code = Code::unknown;
  std::string message;

  std::string_view method() const override { return "/etcdserverpb.Watch/Watch"; }
  std::string_view metadata(std::string_view name) const override {
    const auto found = sent_metadata.find(name);
    return found == sent_metadata.end() ? std::string_view() : found->second;
  }
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

struct WatchApi : ::testing::Test {
  WatchApi() { open(); }
  void open() {
    const rpc::Method* const method = api.find_method("/etcdserverpb.Watch/Watch");
    ASSERT_NE(method, nullptr);
    stream = api.open_stream(*method, call);
  }
  void ask(const WatchRequest& request) { stream->on_message(request.SerializeAsString()); }
  void create(const std::string& key, std::int64_t start_revision = 0, const std::string& end = "") {
    WatchRequest request;
    request.mutable_create_request()->set_key(key);
    request.mutable_create_request()->set_range_end(end);
    request.mutable_create_request()->set_start_revision(start_revision);
    ask(request);
  }
  void put(const std::string& key) {
    struct Ignored final : node::WriteResponder {
      void done(mvcc::Outcome) override {}
    };
    PutRequest request;
    request.set_key(key);
    member.write({.kind = node::CommandKind::put,
                  .request = request.SerializeAsString(),
                  .idempotency_key = "",
                  .deadline = Time::max(),
                  .responder = std::make_unique<Ignored>()});
    while (wake) {
      wake = false;
      api.woken();
    }
  }
  const WatchResponse& last() const { return call->responses.back(); }

  FakeMember member;
  bool wake = false;
  std::optional<Time> wake_at;
  Api api{{.name = "n1",
           .leaderless_max = std::chrono::seconds(3),
           .wake_at =
               [this](Time time) {
                 wake_at = time;
                 wake = time <= member.now();
               }},
          member};
  std::shared_ptr<WatchCall> call = std::make_shared<WatchCall>();
  std::unique_ptr<rpc::GrpcStream> stream;
};

TEST_F(WatchApi, MessagesWaitUntilAStateIsKnown) {
  EXPECT_TRUE(call->paused);
  put("a");
  EXPECT_FALSE(call->paused);
  create("a");
  ASSERT_EQ(call->responses.size(), 1u);
  EXPECT_EQ(last().ShortDebugString(),
            "header { cluster_id: 77 member_id: 1 revision: 2 raft_term: 5 } created: true");
  put("a");
  EXPECT_EQ(last().ShortDebugString(),
            "header { cluster_id: 77 member_id: 1 revision: 3 raft_term: 5 } events { kv { key: \"a\" "
            "create_revision: 2 mod_revision: 3 version: 2 } }");
}

TEST_F(WatchApi, WhatIsRefusedIsCreatedAndCanceledAtOnce) {
  put("a");
  create("b", 0, "a");
  EXPECT_EQ(last().watch_id(), -1);
  EXPECT_TRUE(last().created() && last().canceled());
  EXPECT_EQ(last().cancel_reason(), "mvcc: watcher range is empty");
  create("b", -1);
  EXPECT_EQ(last().cancel_reason(), "etcdserver: mvcc: required revision has been compacted");
  WatchRequest request;
  request.mutable_create_request()->set_key("a");
  request.mutable_create_request()->set_watch_id(7);
  ask(request);
  EXPECT_EQ(last().watch_id(), 7);
  EXPECT_FALSE(last().canceled());
  ask(request);
  EXPECT_EQ(last().watch_id(), -1);
  EXPECT_EQ(last().cancel_reason(), "mvcc: duplicate watch ID provided on the WatchStream");
}

TEST_F(WatchApi, CancelAndProgress) {
  put("a");
  create("a");
  WatchRequest request;
  request.mutable_progress_request();
  ask(request);
  api.woken();
  EXPECT_EQ(last().ShortDebugString(),
            "header { cluster_id: 77 member_id: 1 revision: 2 raft_term: 5 } watch_id: -1");
  request.mutable_cancel_request()->set_watch_id(9);  // nobody's
  ask(request);
  request.mutable_cancel_request()->set_watch_id(0);
  ask(request);
  ASSERT_EQ(call->responses.size(), 3u);
  EXPECT_TRUE(last().canceled());
  put("a");
  EXPECT_EQ(call->responses.size(), 3u);
}

TEST_F(WatchApi, TheFirstKeyAndAllKeys) {
  put("a");
  create("", 0, std::string(1, '\0'));
  put("b");
  ASSERT_EQ(last().events_size(), 1);
  EXPECT_EQ(last().events(0).kv().key(), "b");
}

TEST_F(WatchApi, WhatIsNoRequestEndsTheStream) {
  put("a");
  stream->on_message("\xff\xff");
  EXPECT_EQ(call->code, Code::internal);
}

TEST_F(WatchApi, WithoutALeaderWhoWantsOneIsTold) {
  put("a");
  call = std::make_shared<WatchCall>();
  call->sent_metadata["hasleader"] = "true";
  open();
  create("a");
  member.leader = 0;
  api.woken();
  EXPECT_FALSE(call->finished);
  member.passed = std::chrono::seconds(2);
  api.woken();
  EXPECT_FALSE(call->finished);
  ASSERT_TRUE(wake_at.has_value());
  EXPECT_LE(*wake_at, member.now() + std::chrono::seconds(1)) << "it looks again in time";
  member.passed = std::chrono::seconds(4);
  api.woken();
  EXPECT_EQ(call->code, Code::unavailable);
  EXPECT_EQ(call->message, "etcdserver: no leader");
}

TEST_F(WatchApi, TheStateIsFollowedWhileThereIsAStream) {
  put("a");
  create("a");
  stream.reset();
  EXPECT_FALSE(member.is_followed());
  put("a");
  call = std::make_shared<WatchCall>();
  open();
  EXPECT_TRUE(member.is_followed());
  EXPECT_TRUE(call->paused);
  put("a");
  EXPECT_FALSE(call->paused);
  create("a");
  EXPECT_EQ(last().header().revision(), 4);
}

TEST_F(WatchApi, AServerThatStopsSaysSo) {
  put("a");
  create("a");
  api.stop();
  EXPECT_EQ(call->code, Code::unavailable);
  EXPECT_EQ(call->message, "etcdserver: server stopped");
}

}  // namespace
}  // namespace cairn::api

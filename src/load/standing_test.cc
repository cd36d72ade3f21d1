// Watchers and KeepAlives against a server that answers what it is told to.
#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "load/keep_alives.h"
#include "load/served_fixture.h"
#include "load/stamp.h"
#include "load/watchers.h"
#include "proto/rpc.pb.h"
#include "rpc/server.h"

namespace cairn::load {
namespace {

// Answers each request on a stream with what the test says.
using Answer = std::function<void(rpc::GrpcCall&, std::string_view request)>;

struct Answering : rpc::GrpcStream {
  Answering(std::shared_ptr<rpc::GrpcCall> to, const Answer& with) : call(std::move(to)), answer(with) {}
  void on_message(std::string_view message) override { answer(*call, message); }
  void on_half_close() override {}
  std::shared_ptr<rpc::GrpcCall> call;
  const Answer& answer;
};

constexpr std::int64_t kTtl = 77;

struct Answers : rpc::Handler {
  const rpc::Method* find_method(std::string_view path) const override {
    static constexpr rpc::Method kUnary{"/unary"}, kStream{"/stream", rpc::MethodKind::stream};
    return path.ends_with("/Watch") || path.ends_with("KeepAlive") ? &kStream : &kUnary;
  }
  void on_unary(const rpc::Method&, std::shared_ptr<rpc::GrpcCall> call, std::string_view request) override {
    etcdserverpb::LeaseGrantResponse lease;
    etcdserverpb::LeaseGrantRequest grant;
    if (grant.ParseFromString(std::string(request)) && grant.ttl() == kTtl) {
      if (leases == leases_max) return call->finish(Code::unavailable, "no leader");
      lease.set_id(++leases);
    }
    call->send("", lease.SerializeAsString());
    call->finish(Code::ok, "");
  }
  std::unique_ptr<rpc::GrpcStream> open_stream(const rpc::Method&,
                                               const std::shared_ptr<rpc::GrpcCall>& call) override {
    return std::make_unique<Answering>(call, answer);
  }
  void on_http(std::shared_ptr<rpc::HttpCall> call) override { call->respond({}); }
  std::int64_t leases = 0, leases_max = 100;
  Answer answer;
};

struct StandingTest : Served<Answers> {
  StandingTest() {
    connections.emplace(io, endpoints);
    EXPECT_EQ(connections->open(2), "");
    options.seconds = 0.2;
    options.watches = 10;
    options.watch_streams = 3;
    options.streams = 2;
    options.ttl_seconds = kTtl;
  }
  Options options;
  std::optional<Connections> connections;
};

std::string created() {
  etcdserverpb::WatchResponse response;
  response.set_created(true);
  return response.SerializeAsString();
}

// Written that long ago.
std::string event(std::uint64_t age_us) {
  etcdserverpb::WatchResponse response;
  auto* const put = response.add_events()->mutable_kv();
  put->set_value(std::string(kStampBytes, '0'));
  put_stamp(put->mutable_value()->data(), steady_now_us() - age_us);
  return response.SerializeAsString();
}

TEST_F(StandingTest, EveryWatchIsAskedForAndEventsCountFromWhenTheyWereWritten) {
  std::set<rpc::GrpcCall*> streams;
  int asked = 0;
  boost::asio::steady_timer news(io);
  std::function<void(rpc::GrpcCall&)> send_event = [&](rpc::GrpcCall& call) {
    news.expires_after(std::chrono::milliseconds(1));
    news.async_wait([&](const boost::system::error_code& error) {
      if (error) return;
      call.send("", event(5'000'000));
      send_event(call);
    });
  };
  handler.answer = [&](rpc::GrpcCall& call, std::string_view request) {
    etcdserverpb::WatchRequest watch;
    EXPECT_TRUE(watch.ParseFromString(std::string(request)));
    EXPECT_EQ(watch.create_request().key(), "bench/000000000000");
    EXPECT_EQ(watch.create_request().range_end(), "bench/000000010000");
    call.send("", created());
    streams.insert(&call);
    if (++asked == 10) send_event(call);
  };
  Watchers watchers(io, *connections, options);
  ASSERT_EQ(watchers.open(), "");
  EXPECT_EQ(asked, 10);
  EXPECT_EQ(streams.size(), 3U);
  const Figures figures = watchers.run({});
  EXPECT_GT(figures.in_time, 0U);
  EXPECT_EQ(figures.in_time, figures.latencies.count());
  EXPECT_GE(figures.latencies.quantile(0), 5'000'000U);
  EXPECT_EQ(figures.error_count, 0U);
}

TEST_F(StandingTest, IdleWatchesLookAtAKeyEach) {
  options.idle = true;
  std::set<std::string> keys;
  handler.answer = [&](rpc::GrpcCall& call, std::string_view request) {
    etcdserverpb::WatchRequest watch;
    EXPECT_TRUE(watch.ParseFromString(std::string(request)));
    keys.insert(watch.create_request().key());
    call.send("", created());
  };
  Watchers watchers(io, *connections, options);
  ASSERT_EQ(watchers.open(), "");
  EXPECT_EQ(keys.size(), 10U);
  EXPECT_TRUE(keys.begin()->starts_with("idle/"));
}

TEST_F(StandingTest, AWatchThatIsRefusedIsSaid) {
  handler.answer = [](rpc::GrpcCall& call, std::string_view) {
    etcdserverpb::WatchResponse response;
    response.set_created(true);
    response.set_canceled(true);
    response.set_cancel_reason("too many");
    call.send("", response.SerializeAsString());
  };
  Watchers watchers(io, *connections, options);
  EXPECT_EQ(watchers.open(), "a watch was cancelled: too many");
}

TEST_F(StandingTest, AStreamThatEndsIsSaid) {
  handler.answer = [](rpc::GrpcCall& call, std::string_view) { call.finish(Code::unavailable, "no leader"); };
  Watchers watchers(io, *connections, options);
  EXPECT_EQ(watchers.open(), "a watch stream ended: no leader");
}

TEST_F(StandingTest, ALeaseThatIsNotGrantedIsSaid) {
  handler.leases_max = 3;
  KeepAlives leases(io, *connections, options);
  EXPECT_EQ(leases.open(), "no lease came about: no leader");
}

TEST_F(StandingTest, ErrorsAreCountedByKindsThatAreBounded) {
  Figures figures;
  for (int i = 0; i < 100; ++i) count_error(&figures, std::to_string(i) + std::string(1000, 'x'));
  EXPECT_EQ(figures.error_count, 100U);
  EXPECT_EQ(figures.errors.size(), 65U);
  EXPECT_EQ(figures.errors.at("other"), 36U);
  EXPECT_EQ(figures.errors.begin()->first.size(), 120U);
}

TEST_F(StandingTest, EveryLeaseIsKeptAliveAgainAndAgain) {
  std::map<std::int64_t, int> kept;
  handler.answer = [&](rpc::GrpcCall& call, std::string_view request) {
    etcdserverpb::LeaseKeepAliveRequest keep;
    EXPECT_TRUE(keep.ParseFromString(std::string(request)));
    kept[keep.id()] += 1;
    etcdserverpb::LeaseKeepAliveResponse response;
    response.set_id(keep.id());
    response.set_ttl(keep.id() == 4 ? 0 : 60);  // the fourth has ended
    call.send("", response.SerializeAsString());
  };
  KeepAlives leases(io, *connections, options);
  ASSERT_EQ(leases.open(), "");
  EXPECT_EQ(handler.leases, 4) << "one a stream, on two connections";
  const Figures figures = leases.run({});
  EXPECT_EQ(kept.size(), 4U);
  EXPECT_GT(kept[1], 1);
  EXPECT_EQ(kept[4], 1);
  EXPECT_EQ(figures.errors.at("a lease has ended"), 1U);
  EXPECT_GE(figures.in_time, 3U);
}

}  // namespace
}  // namespace cairn::load

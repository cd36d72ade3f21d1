#include "load/load.h"

#include <gtest/gtest.h>

#include <set>

#include "load/histogram.h"
#include "load/served_fixture.h"
#include "load/stamp.h"
#include "load/workload.h"
#include "proto/rpc.pb.h"
#include "rpc/server.h"

namespace cairn::load {
namespace {

Options options_of(const std::string& kind) {
  Options options;
  options.kind = kind;
  options.keys = 250;
  options.value_bytes = 7;
  return options;
}

template <class Message>
Message parsed(const Workload::Call& call) {
  Message message;
  EXPECT_TRUE(message.ParseFromArray(call.request.data(), static_cast<int>(call.request.size())));
  return message;
}

TEST(Workload, KeysAndValuesAreWrittenIntoPlace) {
  Options options = options_of("put");
  options.sequential = true;
  for (const std::size_t value_bytes : {0, 1, 7, 300}) {
    options.value_bytes = value_bytes;
    Workload workload(options);
    std::set<std::string> keys, values;
    for (int i = 0; i < 250; ++i) {
      const auto put = parsed<etcdserverpb::PutRequest>(workload.next());
      EXPECT_EQ(put.value().size(), value_bytes);
      keys.insert(put.key());
      values.insert(put.value());
    }
    EXPECT_EQ(keys.size(), 250u);
    EXPECT_EQ(*keys.begin(), "bench/000000000000");
    EXPECT_EQ(*keys.rbegin(), "bench/000000000249");
    EXPECT_GE(values.size(), value_bytes >= 7 ? 240u : 1u);
  }
}

TEST(Workload, AValueSaysWhenItWasWritten) {
  Options options = options_of("put");
  options.value_bytes = kStampBytes;
  Workload workload(options);
  const std::uint64_t before = steady_now_us();
  const auto written = stamp_of(parsed<etcdserverpb::PutRequest>(workload.next()).value());
  ASSERT_TRUE(written.has_value());
  EXPECT_GE(*written, before);
  EXPECT_LE(*written, steady_now_us());
}

TEST(Workload, AGrantAsksForTheTimeToLive) {
  Options options = options_of("grant");
  options.ttl_seconds = 77;
  Workload workload(options);
  EXPECT_FALSE(workload.needs_keys());
  EXPECT_EQ(parsed<etcdserverpb::LeaseGrantRequest>(workload.next()).ttl(), 77);
}

TEST(Workload, ATransactionComparesAndPutsTheSameKey) {
  const Options options = options_of("txn");
  Workload workload(options);
  for (int i = 0; i < 20; ++i) {
    const auto txn = parsed<etcdserverpb::TxnRequest>(workload.next());
    ASSERT_EQ(txn.compare_size(), 1);
    ASSERT_EQ(txn.success_size(), 1);
    EXPECT_EQ(txn.compare(0).key(), txn.success(0).request_put().key());
    EXPECT_EQ(txn.compare(0).version(), -1);
    EXPECT_EQ(txn.success(0).request_put().value().size(), 7u);
  }
}

TEST(Workload, ARangeIsAsLongAsAskedAndInsideTheKeys) {
  Options options = options_of("range");
  options.range_keys = 30;
  options.serializable = true;
  Workload workload(options);
  for (int i = 0; i < 300; ++i) {
    const auto range = parsed<etcdserverpb::RangeRequest>(workload.next());
    const auto number = [](const std::string& key) { return std::stoull(key.substr(key.size() - 12)); };
    EXPECT_EQ(number(range.range_end()) - number(range.key()), 30u);
    EXPECT_LE(number(range.range_end()), 250u);
    EXPECT_TRUE(range.serializable());
  }
}

TEST(Workload, AMixHasTheShareOfReads) {
  Options options = options_of("mixed");
  options.reads = 90;
  Workload workload(options);
  int reads = 0;
  for (int i = 0; i < 10000; ++i) reads += workload.next().path == "/etcdserverpb.KV/Range" ? 1 : 0;
  EXPECT_NEAR(reads, 9000, 200);
}

TEST(Workload, ADeletedKeyIsPutAgain) {
  const Options options = options_of("delete");
  Workload workload(options);
  for (int i = 0; i < 20; ++i) {
    const auto deleted = parsed<etcdserverpb::DeleteRangeRequest>(workload.next());
    EXPECT_EQ(deleted.range_end(), "");
    EXPECT_EQ(parsed<etcdserverpb::PutRequest>(workload.next()).key(), deleted.key());
  }
}

TEST(Workload, AFillPutsEveryKeyOnce) {
  for (const std::uint64_t keys : {1, 99, 100, 101, 250}) {
    Options options = options_of("fill");
    options.keys = keys;
    Workload workload(options);
    std::set<std::string> seen;
    std::uint64_t puts = 0;
    for (std::uint64_t i = 0; i < workload.fill_calls(); ++i) {
      const auto txn = parsed<etcdserverpb::TxnRequest>(workload.fill(i));
      for (const auto& operation : txn.success()) {
        seen.insert(operation.request_put().key());
        EXPECT_EQ(operation.request_put().value().size(), 7u);
        puts += 1;
      }
    }
    EXPECT_EQ(puts, keys);
    EXPECT_EQ(seen.size(), keys);
    EXPECT_EQ(*seen.rbegin(), bench_key(keys - 1));
  }
}

// Refuses the first `refusals` puts; or leaves puts unanswered.
struct Refusing : rpc::Handler {
  const rpc::Method* find_method(std::string_view path) const override {
    static constexpr rpc::Method kPut{"/etcdserverpb.KV/Put"}, kOther{};
    return path == kPut.path ? &kPut : &kOther;
  }
  void on_unary(const rpc::Method& method, std::shared_ptr<rpc::GrpcCall> call, std::string_view) override {
    if (!method.path.empty() && silent) return unanswered.push_back(std::move(call));
    if (!method.path.empty() && refusals > 0) {
      refusals -= 1;
      return call->finish(Code::unavailable, "no leader");
    }
    call->send("", answer);
    call->finish(Code::ok, "");
  }
  std::unique_ptr<rpc::GrpcStream> open_stream(const rpc::Method&,
                                               const std::shared_ptr<rpc::GrpcCall>&) override {
    return nullptr;
  }
  void on_http(std::shared_ptr<rpc::HttpCall> call) override { call->respond({}); }
  int refusals = 0;
  bool silent = false;
  std::vector<std::shared_ptr<rpc::GrpcCall>> unanswered;
  std::string answer;
};

struct LoadTest : Served<Refusing> {
  LoadTest() {
    options = options_of("put");
    plan.call = [this](std::uint64_t) { return workload.next(); };
    plan.record = true;
  }
  Options options;
  Workload workload{options};
  Load::Plan plan;
};

TEST_F(LoadTest, RepeatsWhatWasRefusedAndCountsIt) {
  Connections connections(io, endpoints);
  ASSERT_EQ(connections.open(2), "");
  handler.refusals = 3;
  plan.streams = 2;
  plan.calls = 20;
  Load load(io, connections, plan);
  const Figures figures = load.run();
  EXPECT_EQ(figures.latencies.count(), 20u);
  EXPECT_EQ(figures.error_count, 3u);
  EXPECT_EQ(figures.errors.at("no leader"), 3u);
  EXPECT_EQ(load.record().lines.size(), 23u);
  EXPECT_EQ(load.record().outcomes, std::vector<std::string>{"no leader"});
}

TEST_F(LoadTest, AReadWhoseAnswerLacksKeysHasFailed) {
  Connections connections(io, endpoints);
  ASSERT_EQ(connections.open(1), "");
  const Options gets = options_of("get");
  Workload reads(gets);
  plan.call = [&reads](std::uint64_t) { return reads.next(); };
  etcdserverpb::RangeResponse answer;
  answer.add_kvs()->set_key("a");
  answer.set_count(2);
  handler.answer = answer.SerializeAsString();
  plan.seconds = 0.05;
  const Figures wrong = Load(io, connections, plan).run();
  EXPECT_EQ(wrong.latencies.count(), 0u);
  EXPECT_GT(wrong.errors.at("the answer is not whole"), 0u);
  answer.set_count(1);
  handler.answer = answer.SerializeAsString();
  const Figures right = Load(io, connections, plan).run();
  EXPECT_GT(right.latencies.count(), 0u);
  EXPECT_EQ(right.error_count, 0u);
}

TEST_F(LoadTest, AnOpenLoopSendsAtItsRateAndNoMore) {
  Connections connections(io, endpoints);
  ASSERT_EQ(connections.open(1), "");
  plan.streams = 100;
  plan.rate = 400;
  plan.seconds = 0.25;
  Load load(io, connections, plan);
  const Figures figures = load.run();
  EXPECT_EQ(figures.latencies.count() + figures.unsent, 100u);
  for (std::size_t i = 0; i < load.record().lines.size(); ++i)
    EXPECT_NEAR(static_cast<double>(load.record().lines[i].due_us), static_cast<double>(i) * 2500, 1)
        << "latency counts from when a call was due, not sent";
}

TEST_F(LoadTest, CallsOfALostConnectionGoOverTheOthers) {
  auto other = std::make_unique<rpc::Server>(io, rpc::Limits{}, handler);
  const auto port = other->listen("127.0.0.1", 0);
  ASSERT_TRUE(port.has_value());
  endpoints.push_back("http://127.0.0.1:" + std::to_string(*port));
  Connections connections(io, endpoints);
  ASSERT_EQ(connections.open(2), "");
  ASSERT_NE(&connections.alive(0), &connections.alive(1));
  other->close();
  other.reset();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (&connections.alive(0) != &connections.alive(1) && std::chrono::steady_clock::now() < deadline)
    io.run_one_for(std::chrono::milliseconds(20));
  plan.streams = 2;
  plan.calls = 20;
  const Figures figures = Load(io, connections, plan).run();
  EXPECT_EQ(figures.latencies.count(), 20u);
  EXPECT_EQ(figures.error_count, 0u);
}

// The calls that are still out when the load is over ended in its memory, after it had been freed.
TEST_F(LoadTest, AnswersThatNeverCameAreCountedAndComeNoMore) {
  Connections connections(io, endpoints);
  ASSERT_EQ(connections.open(2), "");
  handler.silent = true;
  plan.streams = 3;
  plan.seconds = 0.02;
  plan.drain_timeout = std::chrono::milliseconds(20);
  auto load = std::make_unique<Load>(io, connections, plan);
  const Figures figures = load->run();
  EXPECT_EQ(figures.error_count, 6u);
  EXPECT_EQ(figures.errors.at("no answer within 0 s of the end"), 6u);
  EXPECT_EQ(load->record().lines.size(), 0u);
  load.reset();
  for (const auto& call : handler.unanswered) call->finish(Code::ok, "");
  connections.close();
  io.restart();
  io.run_for(std::chrono::milliseconds(20));
}

TEST_F(LoadTest, NobodyListeningIsSaid) {
  const std::vector<std::string> nobody = {"http://127.0.0.1:1"};
  Connections connections(io, nobody);
  EXPECT_NE(connections.open(1).find("cannot use http://127.0.0.1:1: "), std::string::npos);
}

TEST(Histogram, QuantilesAreWithinTwoPercent) {
  Histogram histogram;
  for (std::uint64_t us = 1; us <= 100000; ++us) histogram.record(us);
  EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5)), 50000, 1000);
  EXPECT_NEAR(static_cast<double>(histogram.quantile(0.99)), 99000, 2000);
  EXPECT_EQ(histogram.quantile(1), 100000u);
  EXPECT_EQ(Histogram().quantile(0.5), 0u);
}

}  // namespace
}  // namespace cairn::load

// What would read or answer more than its proposer allows is refused as a whole, on every member alike,
// whether or not that one answers.
#include "mvcc/reading_budget.h"

#include "etcd/validate.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

constexpr std::uint64_t kBytesMax = 10'000;

struct Filled : Harness {
  Filled() {
    for (int i = 0; i < 50; ++i)
      put("k" + std::to_string(10 + i), std::string(100, 'v'));  // 7,000 bytes answered
  }
  Outcome bounded(command::Command command, std::uint64_t bytes_max = kBytesMax) {
    command.set_answer_bytes_max(bytes_max);
    return apply(std::move(command));
  }
  Outcome txn(const pb::TxnRequest& request, std::uint64_t bytes_max = kBytesMax) {
    command::Command command;
    *command.mutable_txn() = request;
    return bounded(std::move(command), bytes_max);
  }
  static pb::TxnRequest ranges(int count) {
    pb::TxnRequest request;
    for (int i = 0; i < count; ++i) *request.add_success()->mutable_request_range() = range_request("k", "l");
    return request;
  }
};

void expect_refused(const Harness& store, const Outcome& outcome, std::int64_t revision) {
  EXPECT_EQ(outcome.code, Code::resource_exhausted);
  EXPECT_NE(outcome.error.find("more than 10000 bytes at once, and has changed nothing"), std::string::npos)
      << outcome.error;
  EXPECT_EQ(store.view()->revision(), revision);
}

TEST(ReadingBudget, ATransactionThatAnswersTooMuchChangesNothing) {
  Filled store;
  auto request = Filled::ranges(1);
  *request.add_success()->mutable_request_put() = put_request("p", "1");
  EXPECT_EQ(store.txn(request).code, Code::ok);
  EXPECT_EQ(store.view()->revision(), 52);
  *request.add_success()->mutable_request_range() = range_request("k", "l");
  expect_refused(store, store.txn(request), 52);
  EXPECT_EQ(store.txn(request, 0).code, Code::ok) << "a command from before there was a bound";
}

TEST(ReadingBudget, PrecedingValuesCount) {
  Filled store;
  pb::DeleteRangeRequest erase = delete_request("k", "l");
  erase.set_prev_kv(true);
  command::Command command;
  *command.mutable_delete_range() = erase;
  pb::TxnRequest twice = Filled::ranges(1);
  *twice.add_success()->mutable_request_delete_range() = erase;
  expect_refused(store, store.txn(twice), 51);
  command.set_answer_bytes_max(5000);
  EXPECT_EQ(store.apply(command).code, Code::resource_exhausted);
  EXPECT_EQ(store.view()->revision(), 51);
  EXPECT_EQ(store.bounded(command).code, Code::ok);
  pb::TxnRequest puts;
  for (const char* key : {"big1", "big2"}) {
    store.put(key, std::string(6000, 'b'));
    auto* const put = puts.add_success()->mutable_request_put();
    *put = put_request(key, "x");
    put->set_prev_kv(true);
  }
  const std::int64_t revision = store.view()->revision();
  expect_refused(store, store.txn(puts), revision);
}

TEST(ReadingBudget, WhatTheTransactionItselfPutsBeforeCounts) {
  Harness store;
  pb::TxnRequest request;
  *request.add_success()->mutable_request_put() = put_request("a", std::string(6000, 'v'));
  *request.add_success()->mutable_request_range() = range_request("a", "b");
  command::Command command;
  command.set_answer_bytes_max(kBytesMax);
  *command.mutable_txn() = request;
  EXPECT_EQ(store.apply(command).code, Code::ok);
  *command.mutable_txn()->add_success()->mutable_request_range() = range_request("a", "b");
  expect_refused(store, store.apply(command), 2);
}

TEST(ReadingBudget, LookingCountsToo) {
  Filled store;
  for (int i = 0; i < 110; ++i) store.put("n" + std::to_string(100 + i), "");
  const std::int64_t revision = store.view()->revision();
  // 160 records of 64 bytes, and none of them in the answer.
  pb::TxnRequest filtered;
  auto* const range = filtered.add_success()->mutable_request_range();
  *range = range_request("a", "z");
  range->set_max_mod_revision(1);
  expect_refused(store, store.txn(filtered), revision);
  pb::TxnRequest compared;
  auto* const compare = compared.add_compare();
  compare->set_key("a");
  compare->set_range_end("z");
  compare->set_target(pb::Compare::VERSION);
  compare->set_result(pb::Compare::GREATER);
  expect_refused(store, store.txn(compared), revision);
}

// A member that has loaded a snapshot keeps none of them, another one has not dropped them yet.
TEST(ReadingBudget, DeadKeysDoNotCount) {
  Filled store;
  for (int i = 0; i < 300; ++i) store.put("n" + std::to_string(100 + i), "");
  store.erase("n", "o");
  pb::TxnRequest request;
  *request.add_success()->mutable_request_range() = range_request("n", "o");
  auto* const compare = request.add_compare();
  compare->set_key("n");
  compare->set_range_end("o");
  compare->set_target(pb::Compare::VERSION);
  compare->set_result(pb::Compare::EQUAL);
  EXPECT_EQ(store.txn(request).code, Code::ok);
  auto* const old = request.mutable_success(0)->mutable_request_range();
  old->set_revision(2);
  EXPECT_EQ(store.txn(request).code, Code::ok) << "none of them was there yet";
  old->set_revision(store.view()->revision() - 1);
  EXPECT_EQ(store.txn(request).code, Code::resource_exhausted) << "all of them were";
}

TEST(ReadingBudget, AReadOnlyTransactionIsRefusedBeforeItIsBuilt) {
  Filled store;
  const pb::TxnRequest two = Filled::ranges(2);
  const Outcome refused = store.view()->txn(*etcd::check(two), kBytesMax);
  EXPECT_EQ(refused.code, Code::resource_exhausted);
  EXPECT_TRUE(refused.body.empty());
  const pb::TxnRequest one = Filled::ranges(1);
  const auto answer = parse<pb::TxnResponse>(store.view()->txn(*etcd::check(one), kBytesMax));
  EXPECT_EQ(answer.responses(0).response_range().kvs_size(), 50);
}

TEST(ReadingBudget, WhoeverDoesNotAnswerRefusesAlike) {
  Filled asked, other;
  command::Batch batch;
  auto* const command = batch.add_commands();
  command->set_answer_bytes_max(kBytesMax);
  *command->mutable_txn() = Filled::ranges(2);
  *command->mutable_txn()->add_success()->mutable_request_put() = put_request("p", "1");
  LastOutcome sink;
  asked.machine->apply({asked.machine->applied_index() + 1, asked.term}, in_entry(batch), &sink);
  other.machine->apply({other.machine->applied_index() + 1, other.term}, in_entry(batch), nullptr);
  EXPECT_EQ(sink.outcomes.back().code, Code::resource_exhausted);
  EXPECT_EQ(asked.view()->hash(), other.view()->hash());
}

}  // namespace
}  // namespace cairn::mvcc

#include "node/pending_writes.h"

#include <gtest/gtest.h>

#include <limits>

namespace cairn::node {
namespace {

struct NobodyListens final : WriteResponder {
  void done(mvcc::Outcome) override {}
};

class PendingWritesTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  std::uint64_t add(std::size_t bytes, Time deadline = Time::max()) {
    PendingWrite write;
    write.responder = std::make_unique<NobodyListens>();
    write.deadline = write.leader_deadline = deadline;
    write.size_bytes = bytes;
    return writes_.add(std::move(write));
  }
  void expect_queue(std::size_t count, std::size_t bytes) const {
    EXPECT_EQ(writes_.queue().count, count);
    EXPECT_EQ(writes_.queue().bytes, bytes);
  }

  PendingWrites writes_{GetParam(), {.count = 100, .bytes = 1000}};
};
// Ids wrap.
INSTANTIATE_TEST_SUITE_P(FirstIds, PendingWritesTest,
                         testing::Values(0, 7, std::numeric_limits<std::uint64_t>::max() - 1));

TEST_P(PendingWritesTest, WhatCameBeforeOneThatIsDoneIsInNobodysWay) {
  const std::uint64_t lost = add(1), done = add(10), next = add(100);
  expect_queue(3, 111);
  writes_.take_done(done);
  expect_queue(1, 100);
  EXPECT_EQ(writes_.size(), 2U) << "the lost one still waits";
  writes_.take_done(lost);  // after all
  expect_queue(1, 100);
  writes_.take_done(next);
  expect_queue(0, 0);
  add(5);
  expect_queue(1, 5);
}

TEST_P(PendingWritesTest, WhoGivesUpLeavesTheQueue) {
  const Time soon(std::chrono::seconds(1));
  add(1, soon);
  add(2, soon);
  const std::uint64_t refused = add(4);
  EXPECT_EQ(writes_.take_expired(soon).size(), 2U);
  expect_queue(1, 4);
  writes_.take(refused);
  expect_queue(0, 0);
  const std::uint64_t done = add(8);
  expect_queue(1, 8);
  add(16);
  writes_.take_done(done);
  expect_queue(1, 16);
}

}  // namespace
}  // namespace cairn::node

#include "raft/durability.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

constexpr Time kNow{std::chrono::seconds(1)};

TEST(Durability, LateCompletionDoesNotVouchForWhatReplacedIt) {
  Durability d(Index{1});
  d.issue(Index{5}, 10, kNow);  // #1 writes 2-5
  d.truncate_from(Index{3});    // 3-5 are replaced ...
  d.issue(Index{5}, 10, kNow);  // ... by #2, which ends at the same index
  d.persist(WriteSeq{1});
  EXPECT_EQ(d.stable(), Index{2});
  d.persist(WriteSeq{2});
  EXPECT_EQ(d.stable(), Index{5});
}

TEST(Durability, ReplacedEntriesAreNotStableAnyMore) {
  Durability d(Index{0});
  d.issue(Index{5}, 10, kNow);
  d.persist(WriteSeq{1});
  d.truncate_from(Index{4});
  EXPECT_EQ(d.stable(), Index{3});
  d.reset_to(Index{9});
  EXPECT_EQ(d.stable(), Index{9});
}

TEST(Durability, OldestOutstandingWriteTellsHowLongTheDiskTakes) {
  Durability d(Index{0});
  EXPECT_FALSE(d.oldest_outstanding().has_value());
  d.issue(Index{1}, 10, kNow);
  d.issue(Index{2}, 10, kNow + std::chrono::seconds(1));
  EXPECT_EQ(d.oldest_outstanding(), kNow);
  d.persist(WriteSeq{1});
  EXPECT_EQ(d.oldest_outstanding(), kNow + std::chrono::seconds(1));
}

}  // namespace
}  // namespace cairn::raft

#include "node/backlog.h"

#include <gtest/gtest.h>

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMegabyte = 1 << 20;
constexpr Amount kNothing{};

class BacklogTest : public testing::Test {
 protected:
  // So much is done in every turn, of 10 ms, and as much waits throughout.
  void go_on(Duration time, const Amount& done, const Amount& waiting, bool is_led = true) {
    for (const Time end = now_ + time; now_ < end; now_ += milliseconds(10))
      backlog_.pass(now_, is_led, done, waiting);
  }
  bool takes(const Amount& waiting, Duration left = seconds(5)) const {
    return !backlog_.is_too_long(waiting, left);
  }

  Time now_ = Time(seconds(1));
  Backlog backlog_{{.wait_max = milliseconds(500),
                    .few_count = 100,
                    .few_bytes = 4 * kMegabyte,
                    .bytes_per_second_at_first = 64 * kMegabyte}};
};

TEST_F(BacklogTest, AFewAreAlwaysTaken) {
  go_on(seconds(5), kNothing, {1000, 100 * kMegabyte});  // nothing is done at all
  EXPECT_TRUE(takes({100, 4 * kMegabyte}));
  EXPECT_FALSE(takes({101, 1000}));
  EXPECT_FALSE(takes({1, 4 * kMegabyte + 1}));
}

TEST_F(BacklogTest, AtFirstARateIsAssumed) {
  EXPECT_TRUE(takes({31, 31 * kMegabyte}));
  EXPECT_FALSE(takes({32, 32 * kMegabyte}));
}

TEST_F(BacklogTest, AMomentAtFirstSaysLittle) {
  go_on(milliseconds(500), kNothing, {500, 500});
  EXPECT_TRUE(takes({500, 500}));
}

TEST_F(BacklogTest, TakesWhatIsDoneInTime) {
  go_on(seconds(5), {1, kMegabyte}, {100, 100 * kMegabyte});  // 100 a second
  EXPECT_TRUE(takes({49, 49 * kMegabyte}));
  EXPECT_FALSE(takes({51, 51 * kMegabyte}));
  EXPECT_FALSE(takes({49, 49 * kMegabyte}, milliseconds(400))) << "its own time ends before";
  EXPECT_FALSE(takes({49, 49 * kMegabyte}, milliseconds(-1)));
}

TEST_F(BacklogTest, SmallOnesAreWorkToo) {
  go_on(seconds(5), {10, 10}, {1000, 1000});  // 1,000 a second
  EXPECT_TRUE(takes({499, 499}));
  EXPECT_FALSE(takes({501, 501}));
}

TEST_F(BacklogTest, WhoHasLittleToDoIsNotTakenForSlow) {
  go_on(seconds(60), {1, 100}, {3, 300});
  EXPECT_TRUE(takes({5000, 5'000'000}));
}

TEST_F(BacklogTest, AnElectionIsNoSlowness) {
  go_on(seconds(5), {1, kMegabyte}, {100, 100 * kMegabyte});
  go_on(seconds(20), kNothing, {100, 100 * kMegabyte}, false);
  EXPECT_TRUE(takes({49, 49 * kMegabyte}));
  go_on(milliseconds(250), {1, kMegabyte}, {100, 100 * kMegabyte});
  EXPECT_TRUE(takes({49, 49 * kMegabyte}));
}

TEST_F(BacklogTest, FollowsWhatChanges) {
  go_on(seconds(5), {1, kMegabyte}, {100, 100 * kMegabyte});
  go_on(milliseconds(600), kNothing, {100, 100 * kMegabyte});  // the disk hangs for a moment
  EXPECT_TRUE(takes({30, 30 * kMegabyte}));
  go_on(seconds(3), kNothing, {100, 100 * kMegabyte});  // and then for good
  EXPECT_FALSE(takes({5, 5 * kMegabyte}));
  go_on(seconds(3), {1, kMegabyte}, {100, 100 * kMegabyte});
  EXPECT_TRUE(takes({49, 49 * kMegabyte}));
}

// Ten times as much is asked for as can be done: who is taken waits no longer than that, and nothing idles.
TEST_F(BacklogTest, TheQueueStaysShort) {
  std::size_t waiting = 0, done = 0, longest = 0;
  for (int turn = 0; turn < 3000; ++turn, now_ += milliseconds(10)) {
    for (int i = 0; i < 10; ++i) waiting += takes({waiting, waiting * kMegabyte}) ? 1 : 0;
    const std::size_t now_done = waiting > 0 ? 1 : 0;
    waiting -= now_done;
    done += now_done;
    backlog_.pass(now_, true, {now_done, now_done * kMegabyte}, {waiting, waiting * kMegabyte});
    longest = std::max(longest, waiting);
  }
  EXPECT_EQ(done, 3000U);
  EXPECT_LE(longest, 55U);
}

}  // namespace
}  // namespace cairn::node

#include "node/backlog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMegabyte = 1 << 20;
constexpr Amount kNothing{};

Amount megabytes(std::size_t count) { return {count, count * kMegabyte}; }

class BacklogTest : public testing::Test {
 protected:
  // So much is done in every turn, of 10 ms, and as much waits throughout.
  void go_on(Duration time, const Amount& done, const Amount& waiting, bool is_led = true) {
    for (const Time end = now_ + time; now_ < end; now_ += milliseconds(10))
      backlog_.pass(now_, is_led, leadership_, {done, now_ - kTakes}, waiting);
  }
  bool takes(const Amount& waiting, Duration left = seconds(5)) const {
    return !backlog_.is_too_long(now_, waiting, left);
  }

  static constexpr Duration kTakes = milliseconds(10);
  Time now_ = Time(seconds(100));
  std::uint64_t leadership_ = 1;
  Backlog backlog_{
      {.wait_max = milliseconds(480),  // and the 10 ms that one takes, and as many since the last
       .least_answer_max = milliseconds(500),
       .silence_max = seconds(1),
       .few_count = 100,
       .few_bytes = 4 * kMegabyte,
       .bytes_per_second_at_first = 64 * kMegabyte,
       .write_bytes = 2048,
       .slice = milliseconds(250),
       .slices = 8,
       .least_kept = seconds(30)}};
};

TEST_F(BacklogTest, AFewAreAlwaysTaken) {
  go_on(seconds(5), {1, 10}, {1000, 100 * kMegabyte});
  EXPECT_TRUE(takes({100, 4 * kMegabyte}));
  EXPECT_FALSE(takes({1, 5 * kMegabyte}));
}

TEST_F(BacklogTest, AtFirstARateIsAssumed) {
  go_on(seconds(2), {1, 10}, {1, 10});
  EXPECT_TRUE(takes(megabytes(31)));
  EXPECT_FALSE(takes(megabytes(33)));
}

TEST_F(BacklogTest, TakesWhatIsDoneInTime) {
  go_on(seconds(5), megabytes(1), megabytes(100));  // 100 a second
  EXPECT_TRUE(takes(megabytes(49)));
  EXPECT_FALSE(takes(megabytes(52)));
  EXPECT_FALSE(takes(megabytes(49), milliseconds(400))) << "its own time ends before";
  EXPECT_FALSE(takes(megabytes(49), milliseconds(-1)));
}

TEST_F(BacklogTest, SmallOnesAreWorkToo) {
  go_on(seconds(5), {10, 10}, {1000, 1000});  // 1,000 a second
  EXPECT_TRUE(takes({490, 490}));
  EXPECT_FALSE(takes({520, 520}));
}

TEST_F(BacklogTest, WhoHasLittleToDoIsNotTakenForSlow) {
  go_on(seconds(60), {1, 100}, {3, 300});
  EXPECT_TRUE(takes({5000, 5'000'000}));
}

TEST_F(BacklogTest, ASilenceMayBeAnElectionThatNobodyHasNoticedYet) {
  go_on(seconds(5), {10, 10}, {1000, 1000});  // 1,000 a second
  go_on(milliseconds(900), kNothing, {1000, 1000});
  EXPECT_TRUE(takes({1300, 1300})) << "as many as come in that time";
  EXPECT_FALSE(takes({1500, 1500}));
  go_on(seconds(5), megabytes(1), megabytes(100));
  go_on(milliseconds(900), kNothing, megabytes(100));
  EXPECT_FALSE(takes(megabytes(52))) << "large ones";
}

TEST_F(BacklogTest, NeitherIsAnElectionSlownessNorWhatHasPiledUpMeanwhile) {
  go_on(seconds(5), {10, 10}, {1000, 1000});
  go_on(seconds(20), kNothing, {1000, 1000}, false);
  ++leadership_;
  go_on(milliseconds(900), {10, 10}, {3000, 3000});
  EXPECT_TRUE(takes({3000, 3000}));
  go_on(milliseconds(200), {10, 10}, {1000, 1000});
  EXPECT_TRUE(takes({490, 490}));
  EXPECT_FALSE(takes({520, 520}));
}

TEST_F(BacklogTest, APauseIsWorthAMomentOnly) {
  go_on(seconds(5), megabytes(1), megabytes(100));
  now_ += seconds(30);
  go_on(milliseconds(10), megabytes(1), megabytes(100));
  EXPECT_TRUE(takes(megabytes(48)));
}

TEST_F(BacklogTest, FollowsWhatChanges) {
  go_on(seconds(5), megabytes(1), megabytes(100));
  go_on(seconds(5), {1, kMegabyte / 10}, megabytes(100));
  EXPECT_FALSE(takes(megabytes(7)));
  go_on(seconds(3), megabytes(1), megabytes(100));
  EXPECT_TRUE(takes(megabytes(49)));
}

// The time that a write takes anyway is the least of this stretch and of the one before.
TEST_F(BacklogTest, TheShortestAnswerIsForgottenInTime) {
  go_on(seconds(5), megabytes(1), megabytes(100));  // 100 a second, answered in 10 ms
  EXPECT_FALSE(takes(megabytes(60)));
  for (int i = 0; i < 6100; ++i, now_ += milliseconds(10))  // now they take 300 ms
    backlog_.pass(now_, true, leadership_, {megabytes(1), now_ - milliseconds(300)}, megabytes(100));
  EXPECT_TRUE(takes(megabytes(60)));
  EXPECT_FALSE(takes(megabytes(80)));
}

// Writes come at a rate, each group of them is done in one go after `group_takes`, at most so many at once.
struct Outcome {
  std::size_t taken = 0, refused = 0;
  Duration longest{};
};
Outcome run(std::size_t a_second, Duration group_takes, std::size_t group_max) {
  Backlog backlog{BacklogLimits{}};
  Time now(seconds(100));
  backlog.pass(now, true, 1, {}, kNothing);
  now += seconds(2);  // what has piled up when a leader is found has gone
  std::deque<Time> waiting, doing;
  Time done_at = now;
  Outcome found;
  for (int turn = 0; turn < 20'000; ++turn, now += milliseconds(1)) {
    for (std::size_t i = 0; i < a_second / 1000; ++i) {
      const std::size_t count = waiting.size() + doing.size();
      const bool is_late = backlog.is_too_long(now, {count, 0}, seconds(5));
      ++(is_late ? found.refused : found.taken);
      if (!is_late) waiting.push_back(now);
    }
    Backlog::Done done;
    if (now >= done_at) {
      for (const Time arrived : doing) {
        if (turn > 8000) found.longest = std::max(found.longest, now - arrived);  // the rate is known by then
        done.newest_arrived = arrived;
      }
      done.amount = {doing.size(), 0};
      const auto group = static_cast<std::ptrdiff_t>(std::min(waiting.size(), group_max));
      doing.assign(waiting.begin(), waiting.begin() + group);
      waiting.erase(waiting.begin(), waiting.begin() + group);
      done_at = now + group_takes;
    }
    backlog.pass(now, true, 1, done, {waiting.size() + doing.size(), 0});
  }
  return found;
}

// A slow disk, on which a sync takes its time however much it carries, is no queue.
TEST(BacklogRun, WhatTakesItsTimeAnywayIsNotRefused) {
  for (const int sync_ms : {50, 150, 250, 300})
    EXPECT_EQ(run(3000, milliseconds(sync_ms), 100'000).refused, 0U) << sync_ms;
}

// Three times, and ten times, as much is asked for as can be done, which is 1,000 a second.
TEST(BacklogRun, TheQueueStaysShortAndNothingIdles) {
  for (const std::size_t a_second : {3000U, 10'000U}) {
    const Outcome found = run(a_second, milliseconds(50), 50);
    EXPECT_GE(found.taken, 19'000U);
    EXPECT_LE(found.taken, 21'000U);
    EXPECT_LE(found.longest, milliseconds(1000));
  }
}

}  // namespace
}  // namespace cairn::node

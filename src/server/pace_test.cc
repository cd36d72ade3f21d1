// Pace on a clock of the test: how long a worker rests, and when not at all.
#include "server/pace.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn::server {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct FakeClock {
  Time now{seconds(1)};
  std::vector<Duration> rests;

  Pace::Clock clock() {
    return {.now = [this] { return now; },
            .sleep =
                [this](Duration how_long) {
                  rests.push_back(how_long);
                  now += how_long;
                }};
  }
};

TEST(Pace, RestsInProportionToTheWork) {
  FakeClock clock;
  Pace pace(clock.clock());
  pace.begin(3);
  for (int i = 0; i < 2; ++i) {
    clock.now += milliseconds(2);
    pace.rest();
  }
  EXPECT_EQ(clock.rests, (std::vector<Duration>{milliseconds(6), milliseconds(6)}));
}

TEST(Pace, SavesUpShortRests) {
  FakeClock clock;
  Pace pace(clock.clock());
  pace.begin(1);
  for (int i = 0; i < 10; ++i) {
    clock.now += microseconds(300);
    pace.rest();
  }
  EXPECT_EQ(clock.rests, (std::vector<Duration>{microseconds(1200), microseconds(1200)}));
}

TEST(Pace, DoesNotAnswerAHungDiskByASleepAsLong) {
  FakeClock clock;
  Pace pace(clock.clock(), {.rest_min = milliseconds(1), .rest_max = milliseconds(70)});
  pace.begin(9);
  clock.now += seconds(30);
  pace.rest();
  EXPECT_EQ(clock.rests, std::vector<Duration>{milliseconds(70)});
}

TEST(Pace, WhatWentOnBeforeItBeganIsNoWork) {
  FakeClock clock;
  Pace pace(clock.clock());
  pace.begin(1);
  clock.now += seconds(5);
  pace.begin(1);
  pace.rest();
  EXPECT_TRUE(clock.rests.empty());
}

TEST(Pace, NoneBeforeItBeganAndNoneWhenOff) {
  FakeClock clock;
  Pace pace(clock.clock());
  clock.now += seconds(1);
  pace.rest();
  pace.begin(1);
  pace.off();
  clock.now += seconds(1);
  pace.rest();
  EXPECT_TRUE(clock.rests.empty());
}

}  // namespace
}  // namespace cairn::server

#include "node/snapshot_schedule.h"

#include <gtest/gtest.h>

namespace cairn::node {
namespace {

using raft::Index;
using std::chrono::seconds;

constexpr Time kNow{seconds(100)};

struct ScheduleTest : testing::Test {
  SnapshotSchedule schedule{{.log_bytes_min = 1000, .retry_interval = seconds(10)}, 100, 0};
  bool is_due(Time now = kNow, Index applied = Index{9}, Index newest = Index{5}) const {
    return schedule.is_due(now, applied, newest);
  }
};

TEST_F(ScheduleTest, OneIsCutAfterSoMuchLogOrAsMuchAsTheStateIfThatIsLarger) {
  schedule.applied(999);
  EXPECT_FALSE(is_due());
  schedule.applied(1);
  ASSERT_TRUE(is_due());
  schedule.begin(Index{9}, 5000);
  schedule.saved();
  schedule.applied(4999);
  EXPECT_FALSE(is_due());
  schedule.applied(1);
  EXPECT_TRUE(is_due());
}

TEST_F(ScheduleTest, WhatIsAppliedWhileOneIsOnItsWayCountsForTheNext) {
  schedule.applied(1000);
  schedule.begin(Index{9}, 100);
  EXPECT_EQ(schedule.saving(), Index{9});
  schedule.applied(1000);
  EXPECT_FALSE(is_due()) << "one at a time";
  schedule.saved();
  EXPECT_EQ(schedule.saving(), std::nullopt);
  EXPECT_TRUE(is_due());
}

TEST_F(ScheduleTest, AFailedOneIsTriedAgainLaterAndIsNoMeasure) {
  schedule.applied(1000);
  schedule.begin(Index{9}, 7000);
  schedule.failed(kNow);
  EXPECT_EQ(schedule.size_bytes(), 100U);
  EXPECT_FALSE(is_due(kNow + seconds(9)));
  EXPECT_TRUE(is_due(kNow + seconds(10)));
  schedule.has_room(kNow + seconds(1));
  EXPECT_TRUE(is_due(kNow + seconds(1)));
}

TEST_F(ScheduleTest, AFollowersWantIsMetByTheOneOnItsWay) {
  schedule.want();
  ASSERT_TRUE(is_due());
  schedule.begin(Index{9}, 100);
  schedule.want();
  schedule.saved();
  EXPECT_FALSE(is_due());
}

TEST_F(ScheduleTest, NoneIsCutWhereTheStateIsNoNewerUnlessTheNewestIsLost) {
  schedule.want();
  EXPECT_FALSE(is_due(kNow, Index{5}, Index{5}));
  EXPECT_FALSE(is_due(kNow, Index{4}, Index{5})) << "the log behind it is not applied yet";
  schedule.lost();
  EXPECT_TRUE(is_due(kNow, Index{5}, Index{5}));
  EXPECT_FALSE(is_due(kNow, Index{4}, Index{5}));
}

TEST_F(ScheduleTest, AnInstalledOneReplacesTheLog) {
  schedule.applied(1000);
  schedule.installed(300);
  EXPECT_FALSE(is_due());
  EXPECT_EQ(schedule.size_bytes(), 300U);
}

}  // namespace
}  // namespace cairn::node

#include "node/auto_compaction.h"

#include <gtest/gtest.h>

#include <vector>

#include "node/mini_cluster_fixture.h"

namespace cairn::node {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// One write a minute from revision 0 on; when what was compacted, in minutes.
struct Day {
  explicit Day(const AutoCompactionConfig& config) : compaction(config, Time()) {}
  void pass(int until_minute, bool leads = true, bool succeeds = true) {
    for (; minute <= until_minute; ++minute) {
      const auto at = compaction.pass(Time(minutes(minute)), minute, leads);
      if (!at) continue;
      compacted.emplace_back(minute, *at);
      compaction.answered(succeeds);
    }
  }
  AutoCompaction compaction;
  int minute = 0;
  std::vector<std::pair<int, std::int64_t>> compacted;
};
using Compacted = std::vector<std::pair<int, std::int64_t>>;

TEST(AutoCompaction, IsOffUnlessItIsToldOtherwise) {
  Day day({});
  EXPECT_EQ(day.compaction.deadline(), Time::max());
  day.pass(10'000);
  EXPECT_TRUE(day.compacted.empty());
}

TEST(AutoCompaction, OfAShortPeriodKeepsThatMuch) {
  Day day({.period = minutes(10)});
  day.pass(45);
  EXPECT_EQ(day.compacted, (Compacted{{10, 0}, {20, 10}, {30, 20}, {40, 30}}));
}

TEST(AutoCompaction, OfALongPeriodWaitsForItAndThenCompactsEveryHour) {
  Day day({.period = hours(24)});
  day.pass(27 * 60);
  EXPECT_EQ(day.compacted, (Compacted{{1440, 0}, {1500, 60}, {1560, 120}, {1620, 180}}));
}

TEST(AutoCompaction, ThatFailsIsTriedAgainWithTheNextSample) {
  Day day({.period = minutes(10)});
  day.pass(12, true, false);
  EXPECT_EQ(day.compacted, (Compacted{{10, 0}, {11, 1}, {12, 2}}));
  day.pass(13);
  day.pass(22);
  EXPECT_EQ(day.compacted.size(), 4U) << "once it has succeeded, a period passes";
}

TEST(AutoCompaction, IsTheLeadersWhoKnowsThePastFromBefore) {
  Day day({.period = minutes(10)});
  day.pass(25, false);
  EXPECT_TRUE(day.compacted.empty());
  day.pass(26);
  EXPECT_EQ(day.compacted, (Compacted{{26, 16}}));
}

TEST(AutoCompaction, ByRevisionKeepsTheNewestOnes) {
  Day day({.keep_revisions = 12});
  day.pass(31);
  EXPECT_EQ(day.compacted, (Compacted{{15, 3}, {20, 8}, {25, 13}, {30, 18}}));
  AutoCompaction idle({.keep_revisions = 12}, Time());
  EXPECT_EQ(idle.pass(Time(minutes(5)), 100, true), 88);
  idle.answered(true);
  EXPECT_EQ(idle.pass(Time(minutes(10)), 100, true), std::nullopt) << "nothing was written since";
}

TEST(AutoCompaction, OneIsOnItsWayAtATime) {
  AutoCompaction compaction({.keep_revisions = 1}, Time());
  EXPECT_TRUE(compaction.pass(Time(minutes(5)), 10, true).has_value());
  EXPECT_FALSE(compaction.pass(Time(minutes(10)), 20, true).has_value());
  compaction.answered(true);
  EXPECT_TRUE(compaction.pass(Time(minutes(15)), 20, true).has_value());
}

TEST(AutoCompaction, ChangedBeginsAnewAndTheSameAgainChangesNothing) {
  Day day({.period = minutes(10)});
  day.pass(15);
  day.compaction.change({.period = minutes(10)}, Time(minutes(15)));
  day.pass(20);
  EXPECT_EQ(day.compacted, (Compacted{{10, 0}, {20, 10}}));
  day.compaction.change({.keep_revisions = 12}, Time(minutes(21)));
  day.pass(27);
  EXPECT_EQ(day.compacted.back(), (std::pair<int, std::int64_t>{26, 14}));
  day.compaction.change({}, Time(minutes(27)));
  EXPECT_EQ(day.compaction.deadline(), Time::max());
}

TEST(AutoCompaction, OneOnItsWayIsStillAnsweredAfterAChange) {
  AutoCompaction compaction({.keep_revisions = 1}, Time());
  EXPECT_TRUE(compaction.pass(Time(minutes(5)), 10, true).has_value());
  compaction.change({.keep_revisions = 2}, Time(minutes(6)));
  EXPECT_FALSE(compaction.pass(Time(minutes(11)), 20, true).has_value()) << "not two at a time";
  compaction.answered(true);
  EXPECT_EQ(compaction.pass(Time(minutes(16)), 20, true), 18);
}

TEST(AutoCompaction, LimitsAreTheirOwn) {
  Day day({.keep_revisions = 1, .revision_interval = minutes(1)});
  day.pass(3);
  EXPECT_EQ(day.compacted, (Compacted{{2, 1}, {3, 2}}));
  Day short_hours({.period = minutes(100), .interval_max = minutes(20), .samples = 2});
  short_hours.pass(140);
  EXPECT_EQ(short_hours.compacted, (Compacted{{100, 0}, {120, 20}, {140, 40}}));
}

TEST(AutoCompaction, OfACluster) {
  MiniCluster cluster(3, [](Config* config) { config->compaction = {.period = minutes(1)}; });
  const std::uint64_t leader = cluster.elect();
  for (int i = 0; i < 20; ++i) {
    cluster.put(leader, "k", "v");
    cluster.advance(seconds(6));
  }
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_GE(cluster.node(id).view()->compact_revision(), 8);
    EXPECT_LE(cluster.node(id).view()->compact_revision(), 13) << "a minute of it is kept";
  }
}

}  // namespace
}  // namespace cairn::node

#include "cli/timeline.h"

#include <gtest/gtest.h>

#include "archive/writer.h"
#include "sim_disk/sim_disk.h"

namespace cairn::cli {
namespace {

constexpr std::int64_t kSecond = 1000;

struct TimelineTest : testing::Test {
  TimelineTest() { EXPECT_TRUE(disk.make_dir("b")); }

  // Taken so many seconds after 1970.
  std::string backup(std::int64_t at_s, std::int64_t revision) {
    const std::string file = name_of_backup(at(at_s), revision);
    disk.put("b/" + file, "");
    return file;
  }
  // Begun at that second; one more revision each second.
  std::string archive(std::int64_t at_s, std::uint64_t lineage, std::int64_t after, const std::string& base,
                      std::int64_t revisions) {
    const std::string file = name_of_backup(at(at_s), after, kArchiveEnd);
    const auto writer = archive::Writer::create(
        disk, "b", file,
        {.lineage = lineage, .cluster_id = 1, .after = after, .created_ms = at_s * kSecond, .base = base});
    EXPECT_TRUE(writer);
    for (std::int64_t i = 1; i <= revisions; ++i)
      EXPECT_TRUE((*writer)->changes((at_s + i) * kSecond, {{false, "x"}}));
    EXPECT_TRUE((*writer)->sync());
    return file;
  }
  static std::chrono::system_clock::time_point at(std::int64_t seconds) {
    return std::chrono::system_clock::from_time_t(seconds);
  }
  // "file@revision+archives", best first.
  std::vector<std::string> ways(const Moment& moment) {
    const auto timeline = Timeline::read(disk, "b");
    EXPECT_TRUE(timeline);
    const auto found = timeline->ways_to(moment);
    if (!found) return {found.error().message};
    std::vector<std::string> all;
    for (const Way& each : *found)
      all.push_back(each.file + "@" + std::to_string(each.revision) + "+" +
                    std::to_string(each.archives.size()));
    return all;
  }
  std::vector<std::string> at_second(std::int64_t second) {
    return ways({.unix_ms = second * kSecond + 500});
  }
  std::vector<std::string> none() { return Timeline::read(disk, "b", true)->needed_by_none(); }

  sim::SimDisk disk;
};

using Strings = std::vector<std::string>;

TEST_F(TimelineTest, ABackupAloneIsWhatItIs) {
  EXPECT_EQ(ways({}), Strings{});
  const std::string one = backup(100, 10), two = backup(200, 20);
  EXPECT_EQ(ways({}), Strings{two + "@20+0"});
  EXPECT_EQ(ways({.revision = 10}), Strings{one + "@10+0"});
  EXPECT_EQ(ways({.revision = 15}), Strings{two + "@15+0"}) << "it may remember";
  EXPECT_EQ(ways({.revision = 21}), Strings{});
  EXPECT_NE(at_second(150)[0].find("no archive knows"), std::string::npos);
}

TEST_F(TimelineTest, ArchivesLeadOnFromEveryBackupOfTheirLineage) {
  const std::string one = backup(100, 10);
  archive(101, 5, 10, one, 5);  // 11 to 15, seconds 102 to 106
  const std::string two = backup(107, 14);
  archive(108, 5, 15, two, 5);  // 16 to 20, seconds 109 to 113
  EXPECT_EQ(ways({}), (Strings{two + "@20+2", one + "@20+2"}));
  EXPECT_EQ(ways({.revision = 15}), (Strings{two + "@15+1", one + "@15+1"}));
  EXPECT_EQ(ways({.revision = 14}), (Strings{two + "@14+0", one + "@14+1"}));
  EXPECT_EQ(ways({.revision = 12}), Strings{one + "@12+1"});
  EXPECT_EQ(ways({.revision = 21}), Strings{});
  EXPECT_EQ(at_second(101)[0], one + "@10+0");
  EXPECT_EQ(at_second(103)[0], one + "@12+1");
  EXPECT_EQ(at_second(107)[0], two + "@15+1");
  EXPECT_EQ(at_second(112)[0], two + "@19+2");
  EXPECT_NE(at_second(113)[0].find("reaches to 1970-01-01T00:01:53Z only"), std::string::npos);
  EXPECT_EQ(none(), Strings{});
}

TEST_F(TimelineTest, AfterABreakTheNewestHistoryCounts) {
  const std::string one = backup(100, 10);
  archive(101, 5, 10, one, 20);             // to 30, second 121
  const std::string two = backup(200, 15);  // of a cluster that has gone back
  archive(201, 6, 15, two, 5);              // to 20, second 206
  EXPECT_EQ(ways({}), Strings{two + "@20+1"});
  EXPECT_EQ(ways({.revision = 18}), (Strings{two + "@18+1", one + "@18+1"}));
  EXPECT_EQ(ways({.revision = 25}), Strings{one + "@25+1"});
  EXPECT_EQ(at_second(110), Strings{one + "@19+1"});
  EXPECT_EQ(at_second(203), Strings{two + "@17+1"});
  EXPECT_NE(at_second(150)[0].find("only"), std::string::npos) << "between them nobody looked";
}

TEST_F(TimelineTest, ATimeAtWhichNobodyLookedIsRefused) {
  const std::string one = backup(100, 10);
  archive(101, 5, 10, one, 2);  // to second 103
  archive(300, 5, 12, one, 2);
  EXPECT_NE(at_second(200)[0].find("nobody looked from 1970-01-01T00:01:43Z, at revision 12, to "
                                   "1970-01-01T00:05:00Z"),
            std::string::npos)
      << at_second(200)[0];
  EXPECT_EQ(at_second(300), Strings{one + "@12+1"});
  EXPECT_EQ(ways({.revision = 13}), Strings{one + "@13+2"}) << "a revision is one all the same";
}

TEST_F(TimelineTest, DamageEndsWhatCanBeReached) {
  const std::string one = backup(100, 10);
  const std::string first = archive(101, 5, 10, one, 5);
  archive(108, 5, 15, one, 5);
  std::string content = disk.contents("b/" + first);
  content.resize(content.size() - 1);
  disk.put("b/" + first, content);
  EXPECT_EQ(ways({}), Strings{one + "@14+1"});
  EXPECT_EQ(ways({.revision = 17}), Strings{});
  disk.put("b/" + first, "nothing");
  EXPECT_EQ(ways({.revision = 12}), Strings{});
  EXPECT_EQ(none(), Strings{}) << "what is damaged is somebody's to look at";
}

TEST_F(TimelineTest, AnArchiveGoesWithTheLastBackupThatNeedsIt) {
  const std::string one = backup(100, 10);
  const std::string first = archive(101, 5, 10, one, 5);
  const std::string two = backup(107, 14);
  const std::string second = archive(108, 5, 15, two, 5);
  const std::string three = backup(120, 20);
  const std::string third = archive(121, 5, 20, three, 5);
  EXPECT_EQ(none(), Strings{});
  ASSERT_TRUE(disk.remove("b/" + one));
  EXPECT_EQ(none(), Strings{}) << "revision 15 is in the first";
  ASSERT_TRUE(disk.remove("b/" + two));
  EXPECT_EQ(none(), (Strings{first, second}));
  ASSERT_TRUE(disk.remove("b/" + three));
  EXPECT_EQ(none(), (Strings{first, second, third}));
}

TEST_F(TimelineTest, ABackupThatSomebodyTookBesidesIsTheNewestOnlyIfNothingIsNewer) {
  const std::string one = backup(100, 10);
  archive(101, 5, 10, one, 5);  // to second 106
  const std::string by_hand = backup(103, 12);
  EXPECT_EQ(ways({}), Strings{one + "@15+1"});
  const std::string later = backup(500, 40);
  EXPECT_EQ(ways({}), Strings{later + "@40+0"});
}

}  // namespace
}  // namespace cairn::cli

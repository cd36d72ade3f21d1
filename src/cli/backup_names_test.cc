#include "cli/backup_names.h"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

std::chrono::system_clock::time_point at(std::int64_t unix_seconds) {
  return std::chrono::system_clock::from_time_t(unix_seconds);
}

TEST(BackupNames, SayWhenAndAtWhichRevision) {
  const std::string file = name_of_backup(at(1'796'043'016), 1234);
  EXPECT_EQ(file, "cairn-20261130T125016Z-r1234.db");
  const auto name = backup_called(file);
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->taken, "20261130T125016Z");
  EXPECT_EQ(name->revision, 1234);
}

TEST(BackupNames, WhatIsNamedOtherwiseIsNone) {
  for (const char* const other :
       {"", "cairn-.db", "monday.db", "cairn-20261130T125016Z-r1234.db.part", "cairn-20261130T125016-r1.db",
        "cairn-20261130T125016Z-r.db", "cairn-20261130T125016Z-r-1.db", "cairn-20261130T125016Z-r1x.db",
        "cairn-2026x130T125016Z-r1.db", "cairn-20261330T125016Z-r1.db", "cairn-20261131T125016Z-r1.db",
        "cairn-20261130T125016Z-r01.db", "cairn-20261130T125016Z.db", ".cairn-20261130T125016Z-r1.db",
        "cairn-20261130T125016Z-r99999999999999999999.db"})
    EXPECT_FALSE(backup_called(other).has_value()) << other;
}

std::vector<std::int64_t> revisions_of(const std::vector<BackupName>& names) {
  std::vector<std::int64_t> revisions;
  for (const BackupName& each : names) revisions.push_back(each.revision);
  return revisions;
}
using Revisions = std::vector<std::int64_t>;

TEST(BackupNames, TheOldestAreGivenUp) {
  const std::vector<BackupName> all =
      backups_among({"cairn-20261130T000000Z-r99.db", "notes.txt", "cairn-20261130T000000Z-r100.db",
                     "cairn-20251130T000000Z-r7.db"});
  EXPECT_EQ(revisions_of(all), (Revisions{7, 99, 100})) << "by number, and not by its digits";
  EXPECT_EQ(revisions_of(retention_of(all, 1, 100).given_up), (Revisions{7, 99}));
  EXPECT_TRUE(retention_of(all, 1, 100).besides.empty());
  EXPECT_TRUE(retention_of(all, 3, 100).given_up.empty());
  EXPECT_TRUE(retention_of(all, 9, 100).given_up.empty());
}

TEST(BackupNames, WhatAClusterHasNoMoreIsNotGivenUp) {
  const std::vector<BackupName> all =
      backups_among({"cairn-20261130T000000Z-r500.db", "cairn-20261130T010000Z-r600.db",
                     "cairn-20261130T020000Z-r1.db", "cairn-20261130T030000Z-r2.db"});
  EXPECT_EQ(revisions_of(retention_of(all, 1, 2).given_up), (Revisions{1}));
  EXPECT_EQ(revisions_of(retention_of(all, 1, 2).besides), (Revisions{500, 600}));
  EXPECT_EQ(revisions_of(retention_of(all, 1, 600).given_up), (Revisions{500, 600, 1}))
      << "once it has them again";
}

TEST(BackupNames, AClockThatGoesBackKeepsTheOrder) {
  const std::vector<BackupName> all =
      backups_among({name_of_backup(at(5000), 7), name_of_backup(at(9000), 8)});
  EXPECT_EQ(next_after(all, at(10'000)), at(10'000));
  EXPECT_EQ(next_after(all, at(9000)), at(9001));
  EXPECT_EQ(next_after(all, at(3)), at(9001));
  EXPECT_EQ(next_after({}, at(3)), at(3));
}

TEST(BackupNames, ArchivesAreToldApartByTheirEnd) {
  const auto at = std::chrono::system_clock::from_time_t(1'796'000'000);
  const std::string file = name_of_backup(at, 7, kArchiveEnd);
  EXPECT_TRUE(file.ends_with("-r7.changes")) << file;
  EXPECT_FALSE(backup_called(file));
  ASSERT_TRUE(backup_called(file, kArchiveEnd));
  EXPECT_EQ(backup_called(file, kArchiveEnd)->revision, 7);
  EXPECT_EQ(backups_among({file, name_of_backup(at, 8)}, kArchiveEnd).size(), 1U);
}

}  // namespace
}  // namespace cairn::cli

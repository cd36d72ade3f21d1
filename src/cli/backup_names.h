// Names of what is in a folder of backups: cairn-20261130T125016Z-r1234.db, a backup, when it was taken and
// at which revision; and the same with .changes, an archive of the changes behind that revision, when it was
// begun. By name each are in the order in which they were made, whatever clocks have done meanwhile; what has
// another name is nobody's, and left alone. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

struct BackupName {
  std::string file;   // without the folder
  std::string taken;  // "20261130T125016Z", UTC
  std::chrono::system_clock::time_point at{};
  std::int64_t revision = 0;
};

// What is told of backups counts for archives, too, where they are told apart by the end of the name.
inline constexpr const char* kBackupEnd = ".db";
inline constexpr const char* kArchiveEnd = ".changes";

std::string name_of_backup(std::chrono::system_clock::time_point taken, std::int64_t revision,
                           const std::string& end = kBackupEnd);
std::optional<BackupName> backup_called(const std::string& file, const std::string& end = kBackupEnd);
// Those among the files of a folder, oldest first.
std::vector<BackupName> backups_among(const std::vector<std::string>& files,
                                      const std::string& end = kBackupEnd);
// When the next one is taken, as its name will say: now, or just after the newest where that is later.
std::chrono::system_clock::time_point next_after(const std::vector<BackupName>& backups,
                                                 std::chrono::system_clock::time_point now);

// What is given up once one of this revision, the newest, is there.
struct Retention {
  std::vector<BackupName> given_up;  // the oldest, so that `keep` are left
  // Those of a later revision than the newest are not counted: what they hold, the cluster has no more.
  // Whoever went back in time, or began anew, did not mean to lose its backups, too.
  std::vector<BackupName> besides;
};
Retention retention_of(const std::vector<BackupName>& backups, std::size_t keep, std::int64_t revision);

}  // namespace cairn::cli

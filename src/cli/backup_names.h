// Names of the backups in a folder: cairn-20261130T125016Z-r1234.db, when it was taken and at which revision.
// By name they are in the order in which they were taken, whatever clocks have done meanwhile; what has
// another name is nobody's backup, and left alone. Pure.
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

std::string name_of_backup(std::chrono::system_clock::time_point taken, std::int64_t revision);
std::optional<BackupName> backup_called(const std::string& file);
// Those among the files of a folder, oldest first.
std::vector<BackupName> backups_among(const std::vector<std::string>& files);
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

// Timeline: what a folder of backups and archives of changes can give back: which revisions, which times, and
// from which files. An archive belongs to a lineage, one history without a gap, and names the backup of that
// lineage that was the newest when it began; so a backup that none names stands for itself.
// Threading: none; it reads files. Bound: that of what is in the folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/format.h"
#include "base/result.h"
#include "cli/backup_names.h"
#include "io/disk.h"

namespace cairn::cli {

struct ArchiveFile {
  BackupName name;
  archive::Head head;
  std::int64_t revision = 0, seen_ms = 0;  // up to which it reaches
  std::uint64_t size_bytes = 0;
  bool torn = false;   // its last record is unfinished: it is being written, or whoever did so was ended
  std::string damage;  // in words; empty: none was found
};

// Which state is wanted; nothing: the newest.
struct Moment {
  std::int64_t revision = 0;
  std::optional<std::int64_t> unix_ms{};
};

// One way to that state.
struct Way {
  std::string file;           // of a backup, without the folder
  std::int64_t revision = 0;  // 0: its own
  std::vector<std::string> archives{};
  std::int64_t known_revision = 0;  // the last that is known of this history
};

class Timeline {
 public:
  // Archives are read as a whole, unless only `heads` are wanted.
  static Result<Timeline> read(io::Disk& disk, const std::string& folder, bool heads = false);

  const std::vector<BackupName>& backups() const { return backups_; }
  const std::vector<ArchiveFile>& archives() const { return archives_; }
  // The best one first. None: nothing in the folder has it.
  Result<std::vector<Way>> ways_to(const Moment& moment) const;
  // What can be had, in words: "revisions 10 to 400 (2026-11-30T12:50:16Z to ...)"; empty: nothing.
  std::string in_words() const;
  // Archives that no backup needs that is there.
  std::vector<std::string> needed_by_none() const;

 private:
  struct Reach {
    std::uint64_t lineage = 0;  // 0: of none
    std::int64_t revision = 0;
  };
  Reach reach_of(const BackupName& backup) const;
  Result<std::int64_t> revision_at(std::int64_t unix_ms, std::uint64_t* lineage) const;
  Way way(const BackupName& from, const Reach& reach, std::int64_t revision) const;

  io::Disk* disk_ = nullptr;
  std::string folder_;
  std::vector<BackupName> backups_;
  std::vector<ArchiveFile> archives_;
};

std::string time_in_words(std::int64_t unix_ms);  // "2026-11-30T12:50:16Z"

}  // namespace cairn::cli

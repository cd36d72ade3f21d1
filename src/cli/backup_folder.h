// Folder: backups in a folder: taken and read again before they count, the oldest given up. Owner: a command.
// Threading: one thread. Where it changes something it holds the folder's lock, which it looks after.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/backup_names.h"
#include "cli/backups.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/saving.h"
#include "io/posix_disk.h"

namespace cairn::cli {

class Folder {
 public:
  Folder(const Context& context, const BackupOptions& options) : context_(context), options_(options) {}

  // Makes the folder where it is missing, and has it alone from now on. kExitOk, or it has been reported.
  int hold();
  int check();  // that its path still leads to it; likewise
  // Reported, with what it has made. `meanwhile` is called now and then while it is under way.
  int take_one(const std::function<void()>& meanwhile = {});
  // Until then, or until somebody ends the command, which it says.
  bool await(std::chrono::steady_clock::time_point until);
  int signal() const { return signal_; }  // that ended it; 0: none
  int exit_code() const;                  // of whoever was ended by it

  // The one that was taken last.
  struct Taken {
    std::string file;
    BackupFacts facts;
  };
  const std::optional<Taken>& taken() const { return taken_; }
  // Archives of changes that no backup needs any more.
  Status give_up_archives();

  io::Disk& disk() { return disk_; }
  const std::string& where() const { return options_.where; }
  std::string path_of(const std::string& file) const { return options_.where + "/" + file; }
  int refuse(const Error& error, const std::string& hint = "") const;

  static bool is_half(const std::string& file);  // of one that is being taken, or was cut off

 private:
  void sweep();
  int take_whole(const std::function<void()>& meanwhile);
  Result<std::string> give_name(std::chrono::system_clock::time_point begun, std::int64_t revision);
  Result<Retention> give_up_old(std::int64_t revision);
  static Json names_of(const std::vector<BackupName>& backups);
  void say(const std::string& file, const SaveEnd& end, const BackupFacts& facts, const Retention& retention);

  const Context& context_;
  const BackupOptions& options_;
  io::PosixDisk disk_;
  std::unique_ptr<io::DirectoryLock> lock_;
  std::optional<Interrupts> interrupts_;  // while it is held
  int signal_ = 0;
  std::optional<Taken> taken_;
};

}  // namespace cairn::cli

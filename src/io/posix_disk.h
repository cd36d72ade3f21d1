// PosixDisk: the Disk of a real machine. Buffered files, fdatasync, rename, directory fsync, flock.
// Owner: server and the offline tools. Threading: any; the files it opens belong to one thread each.
// Errors: every message names the operation, the path and errno's text, and what lies in the way, where that
// alone does not tell a human what to do. ENOSPC and EDQUOT are kFull, EMFILE, ENFILE, ENOMEM and EAGAIN
// kPassing (but internal where a sync returns them), EACCES, EPERM and EROFS permission_denied, ENOENT
// not_found, EEXIST failed_precondition, EISDIR, ENOTDIR and ELOOP kMisplaced, as all that is neither file
// nor folder, and links that lead nowhere; the rest internal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/disk.h"

namespace cairn::io {

// Who holds the lock of DirectoryLock at `path`, or "" for nobody, without taking it: "process 4711".
std::string lock_holder(const std::string& path);

class PosixDisk final : public Disk {
 public:
  // Whoever is given a removed file of more than kLargeBytes, open and without a name, frees its room, at the
  // latest by closing it. Without one, removing frees at once, however long that occupies the disk.
  using Reclaim = std::function<void(std::unique_ptr<File> removed)>;
  static constexpr std::uint64_t kLargeBytes = std::uint64_t{1} << 20;

  explicit PosixDisk(Reclaim reclaim = {}) : reclaim_(std::move(reclaim)) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status make_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& dir) override;
  Result<std::unique_ptr<Directory>> open_dir(const std::string& dir) override;
  Result<std::uint64_t> room_bytes(const std::string& dir) override;
  // Writes our process id into the lock file, for the next one's error message. Where the file system can,
  // the folder is locked beside it: whoever deletes the file lets nobody in.
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) override;

 private:
  std::unique_ptr<File> open_if_large(const std::string& path);

  const Reclaim reclaim_;
};

}  // namespace cairn::io

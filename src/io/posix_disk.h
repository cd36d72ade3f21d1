// PosixDisk: the Disk of a real machine. Buffered files, fdatasync, rename, directory fsync, flock.
// Owner: server and the offline tools. Threading: stateless; the files it opens belong to one thread each.
// Errors: every message names the operation, the path and errno's text. ENOSPC and EDQUOT are
// resource_exhausted, EACCES, EPERM and EROFS permission_denied, ENOENT not_found, EEXIST
// failed_precondition, the rest internal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/disk.h"

namespace cairn::io {

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status make_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& dir) override;
  // Creates the lock file when it is missing and writes our process id into it, for the next one's error
  // message.
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) override;
};

}  // namespace cairn::io

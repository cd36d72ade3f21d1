// PacedDisk: a Disk whose files rest after every read, write and sync, at the Pace that is set. What a thread
// does between them counts as work, so the pace of its disk is the pace of the thread. Owner: DataDir.
// Threading: as the inner disk's; one thread at a time, as it is Pace's.
#pragma once

#include <utility>

#include "io/disk.h"
#include "server/pace.h"

namespace cairn::server {

class PacedDisk final : public io::Disk {
 public:
  explicit PacedDisk(io::Disk& inner, Pace::Clock clock = Pace::machine_clock())
      : inner_(inner), pace_(std::move(clock)) {}
  Pace& pace() { return pace_; }

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;
  Status make_dir(const std::string& path) override { return inner_.make_dir(path); }
  Result<std::vector<std::string>> list(const std::string& dir) override { return inner_.list(dir); }
  Result<bool> exists(const std::string& path) override { return inner_.exists(path); }
  Status rename(const std::string& from, const std::string& to) override { return inner_.rename(from, to); }
  Status remove(const std::string& path) override { return inner_.remove(path); }
  Status sync_dir(const std::string& dir) override { return inner_.sync_dir(dir); }
  Result<std::unique_ptr<io::Directory>> open_dir(const std::string& dir) override {
    return inner_.open_dir(dir);
  }
  Result<std::uint64_t> room_bytes(const std::string& dir) override { return inner_.room_bytes(dir); }
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string& path) override {
    return inner_.lock(path);
  }

 private:
  io::Disk& inner_;
  Pace pace_;
};

}  // namespace cairn::server

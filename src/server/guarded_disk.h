// GuardedDisk: the disk of a running member, whose data directory somebody may delete, move, or mount another
// one over. What is open would go on to be written, into files that no later start finds, and what is opened
// by name would go into another directory. So the paths are checked before everything that goes by name, and
// every Limits::check_interval on a thread of its own, which a disk that hangs may stop. Owner: run().
// Threading: as the inner disk's. Errors: `lost` is told once what is gone, and ends the process; where it
// comes back, as in tests, what was asked for fails.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "io/disk.h"

namespace cairn::server {

class GuardedDisk final : public io::Disk {
 public:
  struct Limits {
    Duration check_interval = std::chrono::seconds(1);
  };
  using Lost = std::function<void(const Error& error)>;  // on any thread

  GuardedDisk(io::Disk& inner, Lost lost) : GuardedDisk(inner, std::move(lost), Limits()) {}
  GuardedDisk(io::Disk& inner, Lost lost, const Limits& limits)
      : inner_(inner), lost_(std::move(lost)), limits_(limits) {}
  ~GuardedDisk() override;

  // From now on, and before other threads use the disk: what it holds is checked. It is held until the end.
  // `watch`, if not empty, is called at each check of that thread.
  void hold(std::unique_ptr<io::DirectoryLock> lock, std::function<void()> watch = {});

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;
  Status make_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& dir) override;
  Result<std::unique_ptr<io::Directory>> open_dir(const std::string& dir) override;
  Result<std::uint64_t> room_bytes(const std::string& dir) override;
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string& path) override;

 private:
  Status check();
  void run();

  io::Disk& inner_;
  const Lost lost_;
  const Limits limits_;
  std::unique_ptr<const io::DirectoryLock> lock_;
  std::function<void()> watch_;
  std::once_flag told_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace cairn::server

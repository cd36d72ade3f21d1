#include "server/guarded_disk.h"

#include <utility>

#include "base/reached.h"
#include "server/thread_name.h"

namespace cairn::server {

GuardedDisk::~GuardedDisk() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void GuardedDisk::hold(std::unique_ptr<io::DirectoryLock> lock, std::function<void()> watch) {
  lock_ = std::move(lock);
  watch_ = std::move(watch);
  thread_ = std::thread([this] { run(); });
}

void GuardedDisk::run() {
  name_this_thread("guard");
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, limits_.check_interval, [this] { return closed_; })) {
    lock.unlock();
    (void)check();  // who is lost has been told
    if (watch_) watch_();
    lock.lock();
  }
}

Status GuardedDisk::check() {
  if (lock_ == nullptr) return {};
  Status held = lock_->check();
  if (held) return held;
  REACHED("server.data_dir.lost");
  std::call_once(told_, [&] { lost_(held.error()); });
  return held;
}

Result<std::unique_ptr<io::File>> GuardedDisk::open(const std::string& path, io::OpenMode mode) {
  TRY(check());
  return inner_.open(path, mode);
}

Status GuardedDisk::make_dir(const std::string& path) {
  TRY(check());
  return inner_.make_dir(path);
}

Result<std::vector<std::string>> GuardedDisk::list(const std::string& dir) {
  TRY(check());
  return inner_.list(dir);
}

Result<bool> GuardedDisk::exists(const std::string& path) {
  TRY(check());
  return inner_.exists(path);
}

Status GuardedDisk::rename(const std::string& from, const std::string& to) {
  TRY(check());
  return inner_.rename(from, to);
}

Status GuardedDisk::remove(const std::string& path) {
  TRY(check());
  return inner_.remove(path);
}

Status GuardedDisk::sync_dir(const std::string& dir) {
  TRY(check());
  return inner_.sync_dir(dir);
}

Result<std::unique_ptr<io::Directory>> GuardedDisk::open_dir(const std::string& dir) {
  TRY(check());
  return inner_.open_dir(dir);
}

Result<std::uint64_t> GuardedDisk::room_bytes(const std::string& dir) {
  TRY(check());
  return inner_.room_bytes(dir);
}

Result<std::unique_ptr<io::DirectoryLock>> GuardedDisk::lock(const std::string& path) {
  return inner_.lock(path);
}

}  // namespace cairn::server

#include "io/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

namespace cairn::io {
namespace {

Code code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return kFull;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return kPassing;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::permission_denied;
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::failed_precondition;
    default:
      return Code::internal;
  }
}

tl::unexpected<Error> fail_errno(const char* operation, const std::string& path, int error = errno) {
  return fail(code_of(error),
              std::string(operation) + " " + path + ": " + std::generic_category().message(error));
}

// Whatever a sync fails with: the kernel may have dropped what it should have made durable (ATC'20), so this
// never is a shortage that one waits for.
tl::unexpected<Error> fail_sync(const char* operation, const std::string& path) {
  Error error = fail_errno(operation, path).value();
  if (error.code == kPassing) error.code = Code::internal;
  return tl::unexpected(std::move(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    while (!data.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) continue;
        return fail_errno("write", path_);
      }
      offset += static_cast<std::uint64_t>(n);
      data = data.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const ssize_t n =
          ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (n < 0) {
        if (errno == EINTR) continue;
        return fail_errno("read", path_);
      }
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Status truncate(std::uint64_t size_bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) return fail_errno("truncate", path_);
    return {};
  }

  Status sync() override {
    // Not repeated on EINTR: after any failure the kernel may have dropped the pages (ATC'20).
    if (::fdatasync(fd_.get()) != 0) return fail_sync("fdatasync", path_);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return fail_errno("stat", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  const std::string path_;
  const Descriptor fd_;
};

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Status sync() override {
    if (::fsync(fd_.get()) != 0) return fail_sync("fsync directory", path_);
    return {};
  }

 private:
  const std::string path_;
  const Descriptor fd_;
};

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  const Descriptor fd_;  // closing it releases the lock
};

std::string holder_of(int fd) {
  char text[32] = {};
  const ssize_t n = ::pread(fd, text, sizeof text - 1, 0);
  std::string pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  pid.erase(std::find_if(pid.begin(), pid.end(), [](char c) { return c < '0' || c > '9'; }), pid.end());
  return pid.empty() ? "another process" : "process " + pid;
}

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  if (mode == OpenMode::read) flags |= O_RDONLY;
  if (mode == OpenMode::write) flags |= O_RDWR;
  if (mode == OpenMode::create) flags |= O_RDWR | O_CREAT | O_EXCL;
  Descriptor fd(::open(path.c_str(), flags, 0640));
  if (fd.get() < 0) return fail_errno(mode == OpenMode::create ? "create" : "open", path);
  return std::make_unique<PosixFile>(path, std::move(fd));
}

Status PosixDisk::make_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) == 0) return {};
  const int error = errno;
  struct stat info {};
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return fail_errno("mkdir", path, error);
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& dir) {
  DIR* stream = ::opendir(dir.c_str());
  if (stream == nullptr) return fail_errno("list", dir);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return fail_errno("list", dir, error);
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> PosixDisk::exists(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT) return false;
  return fail_errno("stat", path);
}

Status PosixDisk::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return fail_errno("rename", from + " to " + to);
  return {};
}

// One that cannot be opened is removed all the same.
std::unique_ptr<File> PosixDisk::open_if_large(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return nullptr;
  if (info.st_nlink > 1 || static_cast<std::uint64_t>(info.st_size) <= kLargeBytes) return nullptr;
  Result<std::unique_ptr<File>> file = open(path, OpenMode::write);
  return file ? std::move(*file) : nullptr;
}

Status PosixDisk::remove(const std::string& path) {
  std::unique_ptr<File> large = reclaim_ ? open_if_large(path) : nullptr;
  if (std::remove(path.c_str()) != 0) return fail_errno("remove", path);
  if (large != nullptr) reclaim_(std::move(large));
  return {};
}

Status PosixDisk::sync_dir(const std::string& dir) { return TRY(open_dir(dir))->sync(); }

Result<std::unique_ptr<Directory>> PosixDisk::open_dir(const std::string& dir) {
  Descriptor fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return fail_errno("open directory", dir);
  return std::make_unique<PosixDirectory>(dir, std::move(fd));
}

Result<std::uint64_t> PosixDisk::room_bytes(const std::string& dir) {
  struct statvfs info {};
  if (::statvfs(dir.c_str(), &info) != 0) return fail_errno("statvfs", dir);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

Result<std::unique_ptr<DirectoryLock>> PosixDisk::lock(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (fd.get() < 0) return fail_errno("open lock", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock", path);
    return fail(Code::failed_precondition, "lock " + path + ": held by " + holder_of(fd.get()) +
                                               "; stop it first, or use another data directory");
  }
  // The text only helps a human: failing to write it (a full disk) is no reason to refuse the lock.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) == 0 && ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
  return std::make_unique<PosixLock>(std::move(fd));
}

}  // namespace cairn::io

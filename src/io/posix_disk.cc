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
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
      return kMisplaced;
    default:
      return Code::internal;
  }
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

const char* kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

constexpr const char* kWayOut = "; put back what belongs there, or move this away";

tl::unexpected<Error> misplaced(const char* operation, const std::string& path, mode_t found,
                                const char* belongs) {
  return fail(kMisplaced, std::string(operation) + " " + path + ": it is " + kind_of(found) + ", where " +
                              belongs + " belongs" + kWayOut);
}

// The path itself, or the innermost folder on the way to it, of which the kernel knows something.
std::string known_on_the_way(std::string path) {
  struct stat info {};
  while (::lstat(path.c_str(), &info) != 0 && path != "." && path != "/") path = folder_of(path);
  return path;
}

tl::unexpected<Error> leads_nowhere(const char* operation, const std::string& path, const std::string& link) {
  char target[512];
  const ssize_t size = ::readlink(link.c_str(), target, sizeof target);
  return fail(kMisplaced,
              std::string(operation) + " " + path + ": " + (link == path ? "it" : link) +
                  " is a symbolic link to " +
                  std::string(target, size < 0 ? 0 : static_cast<std::size_t>(size)) +
                  ", which is not there; bring that back (is its disk mounted?), or remove the link");
}

// Of a path that is denied: who may, and who asks.
std::string who_may(const std::string& path) {
  const std::string denied = known_on_the_way(path);
  struct stat info {};
  if (::stat(denied.c_str(), &info) != 0) return "";
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", info.st_mode & 07777U);
  const std::string whose =
      "; " + denied + " is of user " + std::to_string(info.st_uid) + " with mode " + mode;
  if (info.st_uid == ::geteuid()) return whose + ", as which this process runs: chmod u+rwX lets it in";
  return whose + ", this process runs as user " + std::to_string(::geteuid()) +
         ": run it as that user, or give it that user's files (chown -R)";
}

tl::unexpected<Error> fail_errno(const char* operation, const std::string& path, int error = errno) {
  const std::string reason = std::generic_category().message(error);
  const std::string known = known_on_the_way(path);
  struct stat info {};
  const bool leads_somewhere = ::stat(known.c_str(), &info) == 0;
  if (error == ENOENT && !leads_somewhere) return leads_nowhere(operation, path, known);
  if (error == ENOTDIR && leads_somewhere && known == path)
    return misplaced(operation, path, info.st_mode, "a folder");
  if (error == ENXIO && leads_somewhere && known == path && !S_ISREG(info.st_mode))
    return misplaced(operation, path, info.st_mode, "a file");
  std::string message = std::string(operation) + " " + path + ": " + reason;
  if (error == ENOTDIR)
    message += ", as " + known + " is " + kind_of(info.st_mode) + ", where a folder belongs";
  if (code_of(error) == kMisplaced) message += kWayOut;
  if (error == EACCES) message += who_may(path);
  return fail(code_of(error), std::move(message));
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

// A path and what it leads to. Held open, as the number of an inode that is gone may soon be another's.
class Place {
 public:
  static Result<Place> at(const std::string& path) {
    Descriptor fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat info {};
    if (fd.get() < 0 || ::stat(path.c_str(), &info) != 0) return fail_errno("open", path);
    return Place(path, std::move(fd), info);
  }

  // What cannot be told for the moment is no proof of anything.
  Status check() const {
    struct stat now {};
    if (::stat(path_.c_str(), &now) != 0) {
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ESTALE) return {};
      return fail(Code::data_loss, path_ + " is gone");
    }
    if (now.st_dev == device_ && now.st_ino == inode_) return {};
    return fail(Code::data_loss, path_ + " is another " + (S_ISDIR(now.st_mode) ? "folder" : "file") +
                                     " than the one in use, which was deleted, moved or mounted over");
  }

 private:
  Place(std::string path, Descriptor fd, const struct stat& info)
      : path_(std::move(path)), fd_(std::move(fd)), device_(info.st_dev), inode_(info.st_ino) {}

  std::string path_;
  Descriptor fd_;
  dev_t device_;
  ino_t inode_;
};

class PosixLock final : public DirectoryLock {
 public:
  PosixLock(std::string dir, Descriptor folder, Descriptor file)
      : dir_(std::move(dir)), folder_(std::move(folder)), file_(std::move(file)) {}

  Status watch_path(const std::string& path) {
    places_.push_back(TRY(Place::at(path)));
    return {};
  }
  Status watch(const std::string& name) override { return watch_path(dir_ + "/" + name); }
  Status check() const override {
    for (const Place& place : places_) TRY(place.check());
    return {};
  }

 private:
  const std::string dir_;
  const Descriptor folder_, file_;  // closing them releases the locks
  std::vector<Place> places_;
};

std::string holder_of(const std::string& lock_file) {
  const Descriptor fd(::open(lock_file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  char text[32] = {};
  const ssize_t n = fd.get() < 0 ? -1 : ::pread(fd.get(), text, sizeof text - 1, 0);
  std::string pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  pid.erase(std::find_if(pid.begin(), pid.end(), [](char c) { return c < '0' || c > '9'; }), pid.end());
  return pid.empty() ? "another process" : "process " + pid;
}

tl::unexpected<Error> held_already(const std::string& path) {
  return fail(Code::failed_precondition, "lock " + path + ": held by " + holder_of(path) +
                                             "; stop it first, or use another data directory");
}

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC | O_NONBLOCK;  // a named pipe would let one wait for somebody at its other end
  if (mode == OpenMode::read) flags |= O_RDONLY;
  if (mode == OpenMode::write) flags |= O_RDWR;
  if (mode == OpenMode::create) flags |= O_RDWR | O_CREAT | O_EXCL;
  Descriptor fd(::open(path.c_str(), flags, 0640));
  const char* const operation = mode == OpenMode::create ? "create" : "open";
  struct stat info {};
  if (fd.get() < 0 && errno == EISDIR) return misplaced(operation, path, S_IFDIR, "a file");
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return fail_errno(operation, path);
  if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode))
    return misplaced(operation, path, info.st_mode, "a file");
  return std::make_unique<PosixFile>(path, std::move(fd));
}

Status PosixDisk::make_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) == 0) return {};
  const int error = errno;
  struct stat info {};
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return misplaced("mkdir", path, info.st_mode, "a folder");
  }
  return fail_errno("mkdir", path, error == EEXIST ? ENOENT : error);  // a link that leads nowhere
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
  Error error = fail_errno("stat", path).value();
  if (error.code == Code::not_found) return false;
  return tl::unexpected(std::move(error));
}

Status PosixDisk::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return fail_errno(("rename " + from + " to").c_str(), to);
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

// The folder first: whoever is refused there creates no file. Not all file systems lock folders (NFS does
// not); the file's lock has to do there.
Result<std::unique_ptr<DirectoryLock>> PosixDisk::lock(const std::string& path) {
  const std::string dir = folder_of(path);
  Descriptor folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return fail_errno("open directory", dir);
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return held_already(path);
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0640));
  struct stat info {};
  if (file.get() < 0 && errno == EISDIR) return misplaced("open lock", path, S_IFDIR, "a file");
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return fail_errno("open lock", path);
  if (!S_ISREG(info.st_mode)) return misplaced("open lock", path, info.st_mode, "a file");
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock", path);
    return held_already(path);
  }
  // The text only helps a human: failing to write it (a full disk) is no reason to refuse the lock.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) == 0 && ::pwrite(file.get(), pid.data(), pid.size(), 0) < 0) errno = 0;
  auto lock = std::make_unique<PosixLock>(dir, std::move(folder), std::move(file));
  for (const std::string& watched : {dir, path}) TRY(lock->watch_path(watched));
  return lock;
}

// A shared lock is refused while somebody has one for himself; it is given back at once.
std::string lock_holder(const std::string& path) {
  for (const std::string& each : {folder_of(path), path}) {
    const Descriptor fd(::open(each.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (fd.get() >= 0 && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return holder_of(path);
  }
  return "";
}

}  // namespace cairn::io

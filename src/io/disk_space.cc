#include "io/disk_space.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace cairn::io {

Result<DiskSpace> disk_space(const std::string& dir) {
  struct statvfs info {};
  if (::statvfs(dir.c_str(), &info) != 0)
    return fail(Code::internal, "statvfs " + dir + ": " + std::strerror(errno));
  return DiskSpace{.free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize,
                   .total_bytes = std::uint64_t{info.f_blocks} * info.f_frsize};
}

Result<std::uint64_t> folder_bytes(const std::string& dir) {
  constexpr std::uint64_t kBlock = 512;  // stat(2): whatever the file system's own block is
  std::error_code error;
  std::uint64_t bytes = 0;
  for (std::filesystem::directory_iterator each(dir, error), end; !error && each != end;
       each.increment(error)) {
    struct stat info {};
    if (::stat(each->path().c_str(), &info) == 0 && S_ISREG(info.st_mode))
      bytes += static_cast<std::uint64_t>(info.st_blocks) * kBlock;
  }
  if (error) return fail(Code::internal, "list " + dir + ": " + error.message());
  return bytes;
}

}  // namespace cairn::io

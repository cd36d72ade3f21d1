#include "io/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cairn::io {
namespace {

tl::unexpected<Error> failed(const std::string& what, const std::string& path) {
  return fail(errno == EEXIST ? Code::failed_precondition : Code::internal,
              "cannot " + what + " " + path + ": " + std::strerror(errno));
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return ::fsync(file) == 0;
}

}  // namespace

Status write_new_file(const std::string& path, std::string_view bytes, Readable readable) {
  const mode_t mode = readable == Readable::by_all ? 0644 : 0600;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (file < 0) return failed("make", path);
  Status status;
  if (!write_all(file, bytes)) {
    status = failed("write", path);
    ::unlink(path.c_str());
  }
  ::close(file);
  return status;
}

}  // namespace cairn::io

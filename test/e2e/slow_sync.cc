// Preloaded into a member: a disk that takes its time. While the file that SLOW_SYNC_FILE names is there,
// every fdatasync and fsync begins as many milliseconds late as it says. Nothing else is changed.
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

namespace {

void be_slow() {
  const char* const path = std::getenv("SLOW_SYNC_FILE");
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  char text[16] = {};
  const ssize_t size = ::read(file, text, sizeof text - 1);
  ::close(file);
  const long milliseconds = size > 0 ? std::strtol(text, nullptr, 10) : 0;
  const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

extern "C" int fdatasync(int file) {
  be_slow();
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

extern "C" int fsync(int file) {
  be_slow();
  return static_cast<int>(::syscall(SYS_fsync, file));
}

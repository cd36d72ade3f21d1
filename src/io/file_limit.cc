#include "io/file_limit.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace cairn::io {

std::size_t raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 1024;  // what a system has that sets none
  const rlim_t before = files.rlim_cur;
  files.rlim_cur = files.rlim_max;
  const bool raised = ::setrlimit(RLIMIT_NOFILE, &files) == 0;
  return static_cast<std::size_t>(
      std::min<rlim_t>(raised ? files.rlim_max : before, std::numeric_limits<int>::max()));
}

}  // namespace cairn::io

#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cairn::detail {

void check_failed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "cairn: invariant broken at %s:%d: %s\n", file, line, what);
  std::fflush(stderr);
  std::abort();
}

}  // namespace cairn::detail

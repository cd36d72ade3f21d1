#include "base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "base/on_check_failed.h"

namespace cairn {
namespace {

std::atomic<CheckReporter> told{nullptr};

}  // namespace

void on_check_failed(CheckReporter reporter) { told = reporter; }

namespace detail {

void check_failed(const char* file, int line, const char* what) {
  // Whoever breaks one while telling of another finds nobody to tell.
  if (const CheckReporter reporter = told.exchange(nullptr)) {
    reporter(file, line, what);
  } else {
    std::fprintf(stderr, "cairn: invariant broken at %s:%d: %s\n", file, line, what);
    std::fflush(stderr);
  }
  std::abort();
}

}  // namespace detail
}  // namespace cairn

// CHECK: an invariant of our own code. A broken one stops the process in every build, since carrying on would
// mean answering from a state that nobody understands. Bad input from outside is never CHECKed: it is an
// Error.
#pragma once

namespace cairn::detail {
[[noreturn]] void check_failed(const char* file, int line, const char* what);
}  // namespace cairn::detail

#define CHECK(cond)                                             \
  do {                                                          \
    if (!(cond)) [[unlikely]]                                   \
      ::cairn::detail::check_failed(__FILE__, __LINE__, #cond); \
  } while (0)

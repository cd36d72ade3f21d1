// Result<T>: a value or an Error. Functions that can fail for reasons outside our own code return it;
// ignoring one is a compile error. Broken invariants of our own code are CHECKs instead (base/check.h).
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace cairn {

// The numbers are gRPC's status codes, so mapping one to the wire is a cast.
enum class Code : int {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

// Why a request was refused, in etcd's words or our own: etcd/reasons.h names them, and makes such errors.
// Here it is only carried, so that a new reason rebuilds nobody but those who name one.
enum class Reason : std::uint8_t;

struct Error {
  Code code = Code::internal;
  std::string message;  // for people; code compares the two beside it
  Reason reason{};      // not named: the code says all there is to say
};

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

inline tl::unexpected<Error> fail(Code code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

namespace detail {
template <class T>
T take(Result<T>&& result) {
  return std::move(*result);
}
inline void take(Status&&) {}
}  // namespace detail

}  // namespace cairn

// auto file = TRY(disk.open(path)); TRY(file->sync());   The caller must return a Result; do not nest.
#define TRY(expr)                                       \
  __extension__({                                       \
    auto try_ = (expr);                                 \
    if (!try_) [[unlikely]]                             \
      return ::tl::unexpected(std::move(try_).error()); \
    ::cairn::detail::take(std::move(try_));             \
  })

// Stamp: when a value was written, at its front, so that whoever watches the keys knows how late an event is.
// Microseconds of this machine's steady clock: a load and its watchers may be two processes, not two
// machines.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn::load {

constexpr std::size_t kStampBytes = 16;  // hexadecimal: values stay printable

inline std::uint64_t steady_now_us() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

inline void put_stamp(char* at, std::uint64_t us) {
  for (std::size_t i = kStampBytes; i > 0; --i, us >>= 4) at[i - 1] = "0123456789abcdef"[us & 15];
}

// Nothing of a value that has none.
inline std::optional<std::uint64_t> stamp_of(std::string_view value) {
  if (value.size() < kStampBytes) return std::nullopt;
  std::uint64_t us = 0;
  for (const char c : value.substr(0, kStampBytes)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    us = us << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return us;
}

}  // namespace cairn::load

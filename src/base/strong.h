// Strong<Tag>: a 64-bit number that cannot be mixed up with another kind of number (a term is not an index).
#pragma once

#include <compare>
#include <cstdint>

namespace cairn {

template <class Tag>
struct Strong {
  std::uint64_t v = 0;
  constexpr Strong() = default;
  constexpr explicit Strong(std::uint64_t value) : v(value) {}
  constexpr auto operator<=>(const Strong&) const = default;
  constexpr Strong next() const { return Strong{v + 1}; }
  constexpr Strong prev() const { return Strong{v - 1}; }
};

}  // namespace cairn

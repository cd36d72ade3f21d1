// The state's hash: equal on members whose states are equal, and kept up to date by each apply in O(1), so
// that members can compare it all the time. Over keys and sessions it is a sum, from which what goes is
// subtracted as it is in memory then: damage that memory has suffered shows as well. Not against forgers:
// anybody can make states of equal hash.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace cairn::mvcc {

class StateHash {
 public:
  StateHash& add(std::uint64_t number) {
    value_ ^= number * 0x9e3779b97f4a7c15U;
    value_ = (value_ << 31 | value_ >> 33) * 0xd6e8feb86659fd93U;
    value_ ^= value_ >> 32;
    return *this;
  }
  StateHash& add(std::int64_t number) { return add(static_cast<std::uint64_t>(number)); }
  StateHash& add(std::string_view bytes) {
    return add(std::uint64_t{bytes.size()}).add(std::uint64_t{XXH3_64bits(bytes.data(), bytes.size())});
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace cairn::mvcc

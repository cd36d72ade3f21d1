// Codec: the smallest pieces of every format on disk and on the wire: little-endian integers of fixed width,
// varints, counted bytes. Functions append to a string or write in place; Reader takes pieces off a view and
// remembers the first failure, so that a decoder checks once at its end. Bounded: Reader never reads past its
// view and never allocates; what a count or length says is the caller's to bound before it takes memory.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cairn::codec {

// In place: `at` has room for the number.
template <std::integral Integer>
void store(void* at, Integer value) {
  auto* const bytes = static_cast<char*>(at);
  std::memcpy(bytes, &value, sizeof value);
  if constexpr (std::endian::native != std::endian::little) std::reverse(bytes, bytes + sizeof value);
}

template <std::integral Integer>
Integer load(const void* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (std::endian::native == std::endian::little) return value;
  char bytes[sizeof value];
  store(bytes, value);  // the other way round
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <std::integral Integer>
void put_fixed(std::string* out, Integer value) {
  char bytes[sizeof value];
  store(bytes, value);
  out->append(bytes, sizeof bytes);
}

// Seven bits a byte, lowest first; the high bit says that more follow.
inline void put_varint(std::string* out, std::uint64_t value) {
  char bytes[10];
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>((value & 0x7f) | 0x80);
  bytes[size++] = static_cast<char>(value);
  out->append(bytes, size);
}

inline std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

inline void put_flag(std::string* out, bool flag) { out->push_back(flag ? '\1' : '\0'); }

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  // After a failure: zeros and empty views.
  template <std::integral Integer>
  Integer fixed() {
    if (left_.size() < sizeof(Integer)) return fail<Integer>();
    const auto value = load<Integer>(left_.data());
    left_.remove_prefix(sizeof(Integer));
    return value;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(left_.front());
      left_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;  // more than 64 bits
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    return fail<std::uint64_t>();
  }

  // A flag byte is 0 or 1; anything else is a writer we do not understand.
  bool flag() {
    const auto byte = fixed<std::uint8_t>();
    if (byte > 1) fail<std::uint8_t>();
    return byte == 1;
  }

  std::string_view bytes(std::uint64_t size) {
    if (size > left_.size()) return fail<std::string_view>();
    const std::string_view taken = left_.substr(0, static_cast<std::size_t>(size));
    left_.remove_prefix(static_cast<std::size_t>(size));
    return taken;
  }

  // How many of something follow, each of which takes that many bytes at least: a count that the bytes cannot
  // hold is a failure, so that it buys no memory.
  template <std::integral Count>
  Count fixed_count(std::size_t bytes_each) {
    const Count count = fixed<Count>();
    return count <= left_.size() / bytes_each ? count : fail<Count>();
  }

  std::string_view rest() { return bytes(left_.size()); }
  std::size_t left() const { return left_.size(); }
  bool ok() const { return ok_; }
  bool complete() const { return ok_ && left_.empty(); }

 private:
  template <class Value>
  Value fail() {
    ok_ = false;
    left_ = {};
    return Value{};
  }

  std::string_view left_;
  bool ok_ = true;
};

}  // namespace cairn::codec

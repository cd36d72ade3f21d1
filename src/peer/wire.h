// The smallest pieces of the peer protocol's encoding: little-endian integers and varints. Writer functions
// append to a string; Reader takes them off a view and remembers the first failure, so that a decoder checks
// once at its end. Bounded: Reader never reads past its view and never allocates.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cairn::peer::wire {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian and copied as it lies");

template <class Integer>
void store(char* at, Integer value) {
  std::memcpy(at, &value, sizeof value);
}

template <class Integer>
Integer load(const char* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class Integer>
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

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <class Integer>
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

  // A flag byte is 0 or 1; anything else is a sender we do not understand.
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

}  // namespace cairn::peer::wire

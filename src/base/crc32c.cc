#include "base/crc32c.h"

#include <array>
#include <cstddef>

#include "base/codec.h"

namespace cairn {
namespace {

constexpr std::size_t kSlices = 8;
constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reversed

// Table i: what a byte with i bytes behind it comes to.
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, kSlices> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = value;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t shorter = tables[slice - 1][byte];
      tables[slice][byte] = (shorter >> 8) ^ tables[0][shorter & 255];
    }
  return tables;
}();

}  // namespace

std::uint32_t crc32c(std::uint32_t before, std::string_view bytes) {
  std::uint32_t crc = ~before;
  for (; bytes.size() >= kSlices; bytes.remove_prefix(kSlices)) {
    const std::uint64_t word = codec::load<std::uint64_t>(bytes.data()) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < kSlices; ++i) crc ^= kTables[kSlices - 1 - i][(word >> (8 * i)) & 255];
  }
  for (const char c : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(c)) & 255];
  return ~crc;
}

}  // namespace cairn

// Sha256: the hash of FIPS 180-4, piece by piece: the digest at the end of a backup. Owner: who hashes.
// Threading: none. Bound: one block of 64 bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn {

class Sha256 {
 public:
  static constexpr std::size_t kBytes = 32;

  void update(std::string_view bytes);
  std::string digest();  // kBytes of them; once, at the end

 private:
  void block(const char* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<char, 64> open_{};
  std::uint64_t size_ = 0;
};

}  // namespace cairn

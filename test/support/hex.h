// Bytes as hexadecimal text, for tests that hold a format down byte for byte.
#pragma once

#include <string>
#include <string_view>

namespace cairn::test {

inline std::string hex_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    text.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return text;
}

}  // namespace cairn::test

// Ids as everybody is shown them: they use all 64 bits, more than a JSON number holds in most languages.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace cairn {

// 16 hexadecimal digits, so that one id looks like itself wherever it stands.
inline std::string hex_id(std::uint64_t id) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id));
  return text;
}

}  // namespace cairn

#include "base/utf8.h"

namespace cairn {

bool is_utf8(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  const auto continues = [&](int n) {
    for (int i = 1; i <= n; ++i)
      if (at + i >= end || (at[i] & 0xc0) != 0x80) return false;
    return true;
  };
  while (at < end) {
    if (*at < 0x80) {
      at += 1;
    } else if (*at >= 0xc2 && *at <= 0xdf && continues(1)) {
      at += 2;
    } else if ((*at & 0xf0) == 0xe0 && continues(2) && !(*at == 0xe0 && at[1] < 0xa0) &&
               !(*at == 0xed && at[1] > 0x9f)) {
      at += 3;
    } else if (*at >= 0xf0 && *at <= 0xf4 && continues(3) && !(*at == 0xf0 && at[1] < 0x90) &&
               !(*at == 0xf4 && at[1] > 0x8f)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace cairn

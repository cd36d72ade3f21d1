// CRC-32C (Castagnoli), as etcd hashes keys with it. Not against forgers. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn {

// Of `before`'s bytes followed by these; 0 is that of none.
std::uint32_t crc32c(std::uint32_t before, std::string_view bytes);

}  // namespace cairn

// One block of a small file that is overwritten in place (hardstate, watermark): magic, format, owner,
// fields, and in the last eight bytes the checksum of the rest. docs/format/wal.md. Pure but for reading.
// Errors: E_FORMAT_NEWER and E_IDENTITY; a block that is damaged, torn or missing is none, its neighbour
// tells.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "wal/format.h"

namespace cairn::wal {

using Block = std::array<std::byte, kBlockBytes>;
constexpr std::size_t kBlockFieldsAt = 16;  // up to here magic, format and owner; then the fields

struct BlockKind {
  std::uint32_t magic = 0;
  std::uint16_t format = 0;  // the newest known, and the one written
};

// Completes a block whose fields are in place.
void seal_block(const BlockKind& kind, std::uint64_t owner, Block* block);

// Whoever wrote the block, if it is intact; of any kind.
std::optional<std::uint64_t> owner_in(const Block& block);

struct OpenedBlock {
  Block bytes;
  std::uint16_t format = 0;
};
Result<std::optional<OpenedBlock>> read_block(io::File& file, const std::string& path, std::uint64_t number,
                                              const BlockKind& kind, std::uint64_t owner);

}  // namespace cairn::wal

// The folder quarantine/ of a data directory: what recovery takes out of use is kept there, never deleted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "io/disk.h"

namespace cairn::wal {

// Keeps the bytes in a file of that name, or name.2, name.3 and so on if there is one already. Durable when
// it returns; gives back the path.
Result<std::string> keep_aside(io::Disk& disk, const std::string& dir, const std::string& name,
                               std::span<const std::byte> bytes);
// Far more than the files have that are written in place.
constexpr std::uint64_t kCopiedAsideBytesMax = std::uint64_t{1} << 20;

// Keeps a copy of dir/name, as far as it can be read. kMisplaced: it is larger than any such file.
Status copy_aside(io::Disk& disk, const std::string& dir, const std::string& name);
// Moves folder/name there. Durable when it returns: a crash may leave both names, never none.
Status move_aside(io::Disk& disk, const std::string& dir, const std::string& folder, const std::string& name);

}  // namespace cairn::wal

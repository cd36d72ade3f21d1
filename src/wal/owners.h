// Owners: who wrote the files of a data directory. Blocks and frames name their owner, so a file that was
// copied from another member's directory is told from the member's own. Used by server before it opens
// anything. Threading: blocking; changes nothing. What cannot be read, or is damaged at its beginning, tells
// nothing and is left out: recovery has to say what it thinks of that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"

namespace cairn::wal {

struct OwnedFile {
  std::string path;
  std::uint64_t owner = 0;  // owner_of() its member
};
// Of hardstate, watermark and every segment, in this order.
std::vector<OwnedFile> owned_files(io::Disk& disk, const std::string& dir);

}  // namespace cairn::wal

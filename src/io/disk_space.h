// How large a file system is and what of it is free, and what the files of a folder take of it. For people
// and their alerts: nothing is decided by it.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace cairn::io {

struct DiskSpace {
  std::uint64_t free_bytes = 0;  // for this process: without what is kept for root
  std::uint64_t total_bytes = 0;
};
Result<DiskSpace> disk_space(const std::string& dir);
// Blocks taken by the files that lie in `dir`, not in folders below it; those that go meanwhile do not count.
Result<std::uint64_t> folder_bytes(const std::string& dir);

}  // namespace cairn::io

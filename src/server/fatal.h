// The end of a process whose durable state is unknown.
#pragma once

#include <string>

#include "base/result.h"

namespace cairn::server {

constexpr int kExitDisk = 74;  // sysexits.h: EX_IOERR

// Logs what failed and ends the process without running destructors: after a failed write or fsync nobody
// knows what the disk holds, so nothing more may be written or acknowledged.
[[noreturn]] void stop_for_disk_error(const std::string& what, const Error& error);

}  // namespace cairn::server

// The ends of a process whose durable state is unknown, or is not where it is looked for. docs/cli.md lists
// the statuses.
#pragma once

#include <string>

#include "base/result.h"

namespace cairn::server {

constexpr int kExitLostDirectory = 7;
constexpr int kExitDisk = 74;  // sysexits.h: EX_IOERR

// Logs what failed and ends the process without running destructors: after a failed write or fsync nobody
// knows what the disk holds, so nothing more may be written or acknowledged.
[[noreturn]] void stop_for_disk_error(const std::string& what, const Error& error);

// The path of the data directory does not lead to it any more (E_DATA_DIR_LOST): what is written now, no
// later start would find.
[[noreturn]] void stop_for_lost_directory(const Error& error);

}  // namespace cairn::server

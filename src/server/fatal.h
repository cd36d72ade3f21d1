// The ends of a process whose durable state is unknown, or is not where it is looked for. docs/cli.md lists
// the statuses.
#pragma once

#include <string>

#include "base/result.h"

namespace cairn::server {

constexpr int kExitUsage = 2;
constexpr int kExitLocal = 5;
constexpr int kExitDiverged = 6;
constexpr int kExitLostDirectory = 7;
constexpr int kExitRemoved = 8;
constexpr int kExitDisk = 74;  // sysexits.h: EX_IOERR

// With which status a start ends that could not open the data directory. What the disk could not do (EIO, no
// room, no descriptors) it may do in a moment: started again like after a failed write (74). What lies there
// (damage, another's files, what may not be read) stays as it is until somebody sees to it (5).
int exit_after_opening(const Error& error);
// ...and what can be done about it: what the system says in two words, in more. Empty: the error says itself.
std::string way_out_of_opening(const Error& error);

// From now on whatever ends the process by itself is said in the log first: a broken invariant (CHECK), and
// an exception that nobody caught, such as that of no memory.
void log_before_aborting();

// Logs what failed and ends the process without running destructors: after a failed write or fsync nobody
// knows what the disk holds, so nothing more may be written or acknowledged.
[[noreturn]] void stop_for_disk_error(const std::string& what, const Error& error);

// The path of the data directory does not lead to it any more (E_DATA_DIR_LOST): what is written now, no
// later start would find.
[[noreturn]] void stop_for_lost_directory(const Error& error);

}  // namespace cairn::server

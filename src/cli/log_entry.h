// LogEntry: what an entry of the log holds, for `cairn inspect wal`: the commands, their keys and sizes, and
// how their values begin. Bytes of a damaged or newer file may be anything: what cannot be read is said to be
// so.
#pragma once

#include <string>

#include "cli/json.h"
#include "raft/types.h"

namespace cairn::cli {

// {"kind":"entry","index":7,"term":2,"type":"command","bytes":40,"commands":[{"put":{"key":..}}]}
Json entry_to_json(const raft::Entry& entry);
// "entry index=7 term=2 type=command bytes=40: put a = "1" (1 byte)".
std::string entry_to_text(const raft::Entry& entry);

}  // namespace cairn::cli

// Inspect: reads a member's log and snapshots offline, checks every frame and chunk, and says what is there.
// Changes nothing. Used by `cairn inspect`.
// Errors: only what keeps it from looking (no such directory, a failing disk). Damage is output, not an
// error.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/disk.h"
#include "raft/types.h"

namespace cairn::wal {

struct InspectSink {
  std::function<void(std::string_view line)> line;
  bool json = false;  // each line one JSON object instead of text
  // Is shown each entry of the log behind the line of its frame. What it holds is not the log's to know.
  std::function<void(const raft::Entry&)> entry = {};
};

// `dir` is the member's data directory. True when something is damaged: anything but a torn tail, which the
// next start cuts by itself.
Result<bool> inspect_wal(io::Disk& disk, const std::string& dir, const InspectSink& sink);
Result<bool> inspect_snapshots(io::Disk& disk, const std::string& dir, const InspectSink& sink);

}  // namespace cairn::wal

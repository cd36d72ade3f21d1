// Rescue: what the directory of a stopped member still has, as a backup, where too few members are left to
// ever serve again. Everything that its log holds is in it, also what was not known to be committed: of what
// was acknowledged nothing that this member had is left out, and a write of which nobody knows may be there.
// Changes nothing in the directory. Threading: blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "mvcc/limits.h"
#include "raft/types.h"

namespace cairn::server {

struct Rescued {
  raft::Term
      term;  // of the last entry; of several members the one with the latest (term, index) has the most
  raft::Index index;
  std::int64_t revision = 0;
  std::vector<std::string> notes;  // what is damaged, and that it may have cost entries behind `index`
};

// `write` gets etcd's database and behind it its SHA-256 (docs/format/backup.md), piece by piece; what it
// refuses ends the rescue. failed_precondition: a member runs in that directory.
Result<Rescued> rescue(io::Disk& disk, const std::string& dir,
                       const std::function<Status(std::string_view)>& write, const mvcc::Limits& limits = {});

}  // namespace cairn::server

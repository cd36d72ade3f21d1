// Ownership: whether all that lies in a data directory is of the member that starts from it. A swapped disk
// and a single file that was copied from another member's directory are both refused (E_IDENTITY), and told
// apart: the error names the files, whose they are, and what to do. Owner: open_data_dir. Threading:
// blocking; changes nothing.
#pragma once

#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "raft/types.h"
#include "server/bootstrap.h"

namespace cairn::server {

struct Claim {
  std::string dir;
  const Bootstrap& known;          // what IDENTITY says, or the flags where it is lost
  const Result<Bootstrap>& flags;  // what the start line says: it may name members that `known` does not
  std::string name;                // as which the member is started
};
Status check_ownership(io::Disk& disk, const Claim& claim);
// Of a snapshot at that path. Those of one cluster's members are alike, whoever wrote them; another cluster's
// has none of this one's members.
Status check_snapshot_cluster(const std::string& path, const raft::Members& members, const Claim& claim);

}  // namespace cairn::server

// Restoring: a data directory from which a member starts with what a backup holds, as one of a new cluster.
// What is laid down is what the members of a cluster have once they have founded it and taken a snapshot: the
// founding entry, and the state at it. It follows from the file, the members and the token alone, but for the
// member's own name: each of them is restored by itself, and none has to ask another
// (docs/adr/0033-restored-members-have-been-founded.md). Threading: blocking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "mvcc/etcd_import.h"
#include "server/bootstrap.h"

namespace cairn::server {

struct RestoreOrder {
  std::string file, data_dir;
  // As the flags of `cairn server`; empty: their defaults.
  std::string name, initial_cluster, initial_cluster_token, initial_advertise_peer_urls;
  // What was written since, of one lineage, in order; up to import.revision, which is named then.
  std::vector<std::string> archives{};
  mvcc::ImportChoice import{};
  bool skip_hash_check = false;
  std::int64_t unix_ms = 0;
};

struct Restored {
  mvcc::EtcdFileFacts facts;
  Bootstrap bootstrap;
};

// The directory is not there before, or empty; afterwards it is whole, or as it was.
Result<Restored> restore(io::Disk& disk, const RestoreOrder& order);

}  // namespace cairn::server

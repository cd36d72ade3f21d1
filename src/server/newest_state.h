// The state of a member as its newest snapshot that can be read has it, or as it was before the first entry.
// Damaged ones stay where they are, until it is durable what follows from that. Threading: blocking.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "mvcc/state_machine.h"
#include "server/bootstrap.h"
#include "wal/snapshot_store.h"

namespace cairn::server {

struct NewestState {
  raft::SnapshotMeta meta;
  std::unique_ptr<mvcc::StateMachine> machine;
  std::vector<raft::SnapshotMeta> damaged;  // newer ones than that
};

// `accepts` is asked of each that is looked at; what it says against one is the answer. `notes`: a line for
// each that is damaged.
Result<NewestState> load_newest(wal::SnapshotStore& store, const Bootstrap& bootstrap,
                                const mvcc::Limits& limits,
                                const std::function<Status(const raft::SnapshotMeta&)>& accepts,
                                std::vector<std::string>* notes);

}  // namespace cairn::server

// How a member stands, in plain values: for status pages, metrics and the headers of answers.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "mvcc/operation_counts.h"
#include "raft/types.h"

namespace cairn::node {

// Who answered this member of late that it does not take it for one: to the core they are silent.
using RefusedBy = std::set<raft::NodeId>;

struct FollowerStatus {  // known to the leader only
  raft::NodeId id;
  raft::Index match, next;
  std::string state;   // probe, replicate, snapshot
  bool heard = false;  // in this leadership: the rest is known
  bool active = false;
  bool full = false;  // counts: remembers all that it has promised; false while it is not `current`
  raft::Space space = raft::Space::plenty;
  bool behind = false;  // lacks what there was Config::behind_after ago
  std::string stuck;    // why it stays behind, in words; empty: it catches up, as far as anybody knows
  raft::Incarnation incarnation;
  // It has answered since its connection was lost or another start of it spoke. Before that what is known of
  // it may be of a process that is gone, and with it the directory.
  bool current = false;
};

// Of the disk with this member's data.
struct DiskUse {
  std::uint64_t log_bytes = 0;  // of the log's files
  std::uint64_t free_bytes = 0, total_bytes = 0;
};

// Of this member's memory, what a quota counts; estimated.
struct MemoryUse {
  std::uint64_t live_bytes = 0;     // keys as they are
  std::uint64_t history_bytes = 0;  // what they were before, until compaction
  std::uint64_t log_bytes = 0;      // the entries in memory
  std::uint64_t all_bytes() const { return live_bytes + history_bytes + log_bytes; }
};

// What can be counted: costs nothing to ask for.
struct MemberNumbers {
  std::uint64_t cluster_id = 0;
  raft::NodeId id, leader;  // leader 0: none known
  bool is_learner = false;
  raft::Term term;
  raft::Index first, last, commit, applied, snapshot;
  MemoryUse memory;
  std::uint64_t quota_bytes = 0;     // for all of it; 0: none
  std::uint64_t pending_writes = 0;  // of this member's clients, waiting to be applied
  std::uint64_t failed_writes = 0;   // refused or timed out after they were accepted for proposing
  std::uint64_t retried_writes =
      0;  // proposed once more, as the leader they were sent to could not commit them
  mvcc::OperationCounts operations;                    // applied by this process
  raft::Space space = raft::Space::plenty;             // on this member's disk, for its log
  raft::Space space_for_writes = raft::Space::plenty;  // on a quorum of disks, as far as this member knows
};

struct MemberStatus : MemberNumbers {
  std::string role;  // leader, follower, candidate, pre-candidate, learner, non-member
  std::int64_t revision = 0;
  raft::Members members;
  bool full = true;  // remembers all that it has promised
  raft::Incarnation incarnation;
  std::optional<Duration> leaderless_for;  // null: there is a leader
  std::string waits_for;  // in words, while it does not count or there is no leader for long; else empty
  std::vector<FollowerStatus> followers;
  std::optional<DiskUse> disk;  // known to whoever runs the replica
};

// What every answer's header needs: asked for once an answer, so it must cost nothing.
struct MemberBrief {
  std::uint64_t cluster_id = 0;
  raft::NodeId id, leader;  // leader 0: none known
  raft::Term term;
  bool operator==(const MemberBrief&) const = default;
};

}  // namespace cairn::node

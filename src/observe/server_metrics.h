// ServerMetrics: what a member counts, under the names that etcd's dashboards and alerts read; cairn_ names
// only for what etcd does not have. One place, so that no fact is counted under two names. Owner: server/,
// which hands references to whoever counts. Threading: as Metrics.
#pragma once

#include "observe/metrics.h"

namespace cairn {

struct ServerMetrics {
  explicit ServerMetrics(Metrics* metrics);

  Gauge& has_leader;
  Gauge& is_leader;
  Gauge& is_learner;
  Counter& leader_changes;
  Counter& proposals_committed;
  Gauge& proposals_applied;
  Gauge& proposals_pending;
  Counter& proposals_failed;
  Counter& slow_applies;
  Counter& health_successes;
  Counter& health_failures;
  Histogram& wal_fsync_seconds;
  Histogram&
      backend_commit_seconds;  // a snapshot written and synced: the closest thing to etcd's backend commit
  Gauge& db_total_bytes;
  Gauge& db_in_use_bytes;
  Counter& puts;
  Counter& deletes;
  Counter& ranges;
  Counter& txns;
  Gauge& keys;
  Gauge& current_revision;
  Gauge& compact_revision;
  Gauge& watchers;
  Counter& client_received_bytes;
  Counter& client_sent_bytes;

  Gauge& raft_term;
  Gauge& raft_commit_index;
  Gauge& raft_applied_index;
  Gauge& raft_last_index;
  Gauge& raft_snapshot_index;
  Histogram& read_index_seconds;
};

}  // namespace cairn

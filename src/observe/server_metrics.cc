#include "observe/server_metrics.h"

namespace cairn {

ServerMetrics::ServerMetrics(Metrics* m)
    : has_leader(
          m->gauge("etcd_server_has_leader", "Whether or not a leader exists. 1 is existence, 0 is not.")),
      is_leader(
          m->gauge("etcd_server_is_leader", "Whether or not this member is a leader. 1 if is, 0 otherwise.")),
      is_learner(m->gauge("etcd_server_is_learner",
                          "Whether or not this member is a learner. 1 if is, 0 otherwise.")),
      leader_changes(
          m->counter("etcd_server_leader_changes_seen_total", "The number of leader changes seen.")),
      proposals_committed(
          m->counter("etcd_server_proposals_committed_total", "Proposals committed, in total.")),
      proposals_applied(m->gauge("etcd_server_proposals_applied_total", "Proposals applied, in total.")),
      proposals_pending(m->gauge("etcd_server_proposals_pending", "Proposals waiting to be committed.")),
      proposals_failed(m->counter("etcd_server_proposals_failed_total", "Proposals that failed.")),
      slow_applies(m->counter("etcd_server_slow_apply_total", "Applies that took longer than 100 ms.")),
      health_successes(m->counter("etcd_server_health_success", "Health checks that succeeded.")),
      health_failures(m->counter("etcd_server_health_failures", "Health checks that failed.")),
      wal_fsync_seconds(m->histogram("etcd_disk_wal_fsync_duration_seconds",
                                     "Latency of syncs of the write-ahead log.",
                                     exponential_bounds(0.0000625, 2, 18))),
      backend_commit_seconds(m->histogram("etcd_disk_backend_commit_duration_seconds",
                                          "Time to make a snapshot of the state durable.",
                                          exponential_bounds(0.001, 2, 14))),
      db_total_bytes(m->gauge("etcd_mvcc_db_total_size_in_bytes", "Size of the state, in bytes.")),
      db_in_use_bytes(
          m->gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Size of the state in use, in bytes.")),
      puts(m->counter("etcd_mvcc_put_total", "Puts seen by this member.")),
      deletes(m->counter("etcd_mvcc_delete_total", "Deletes seen by this member.")),
      ranges(m->counter("etcd_mvcc_range_total", "Ranges seen by this member.")),
      txns(m->counter("etcd_mvcc_txn_total", "Transactions seen by this member.")),
      keys(m->gauge("etcd_debugging_mvcc_keys_total", "Number of keys.")),
      current_revision(m->gauge("etcd_debugging_mvcc_current_revision", "Current revision of the store.")),
      compact_revision(
          m->gauge("etcd_debugging_mvcc_compact_revision", "Last compacted revision of the store.")),
      watchers(m->gauge("etcd_debugging_mvcc_watcher_total", "Number of watchers.")),
      client_received_bytes(
          m->counter("etcd_network_client_grpc_received_bytes_total", "Bytes received from clients.")),
      client_sent_bytes(m->counter("etcd_network_client_grpc_sent_bytes_total", "Bytes sent to clients.")),
      raft_term(m->gauge("cairn_raft_term", "Current Raft term.")),
      raft_commit_index(m->gauge("cairn_raft_commit_index", "Highest log index known to be committed.")),
      raft_applied_index(m->gauge("cairn_raft_applied_index", "Highest log index applied to the state.")),
      raft_last_index(m->gauge("cairn_raft_last_index", "Last index of the log.")),
      raft_snapshot_index(m->gauge("cairn_raft_snapshot_index", "Log index of the newest durable snapshot.")),
      read_index_seconds(m->histogram("cairn_read_index_seconds", "Time to confirm a linearizable read.",
                                      exponential_bounds(0.0000625, 2, 16))) {}

}  // namespace cairn

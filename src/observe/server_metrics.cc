#include "observe/server_metrics.h"

namespace cairn {

ServerMetrics::ServerMetrics(Metrics* m)
    : registry(*m),
      leader_changes(
          m->counter("etcd_server_leader_changes_seen_total", "The number of leader changes seen.")),
      health_successes(m->counter("etcd_server_health_success", "Health checks that succeeded.")),
      health_failures(m->counter("etcd_server_health_failures", "Health checks that failed.")),
      ranges(m->counter("etcd_mvcc_range_total", "Ranges read for clients of this member.")),
      client_received_bytes(m->counter("etcd_network_client_grpc_received_bytes_total",
                                       "Bytes of gRPC messages received from clients.")),
      client_sent_bytes(
          m->counter("etcd_network_client_grpc_sent_bytes_total", "Bytes of gRPC messages sent to clients.")),
      connections_refused(m->counter("cairn_client_connections_refused_total",
                                     "Connections closed unheard: their address had as many as one may.")),
      long_reply_turn_bytes(m->histogram("cairn_long_reply_turn_bytes",
                                         "Bytes made in one turn of the loop for a large reply.",
                                         {0, 16384, 32768, 65536, 131072, 1048576})),
      wal_fsync_seconds(m->histogram("etcd_disk_wal_fsync_duration_seconds",
                                     "Write and fdatasync of the write-ahead log, together.",
                                     exponential_bounds(0.0000625, 2, 18))),
      backend_commit_seconds(m->histogram("etcd_disk_backend_commit_duration_seconds",
                                          "Time to make a snapshot of the state durable.",
                                          exponential_bounds(0.001, 2, 14))) {}

}  // namespace cairn

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
                                          exponential_bounds(0.001, 2, 14))),
      slow_applies(m->counter("etcd_server_slow_apply_total",
                              "Turns in which applying what was committed took longer than 100 ms.")),
      late_heartbeats(
          m->counter("etcd_server_heartbeat_send_failures_total",
                     "Heartbeats of this leader that were due more than an interval before they left.")),
      watch_streams(m->gauge("etcd_debugging_mvcc_watch_stream_total", "Open streams of watches.")),
      watches(m->gauge("etcd_debugging_mvcc_watcher_total", "Watches.")),
      watches_behind(m->gauge(
          "etcd_debugging_mvcc_slow_watcher_total",
          "Watches that have not had everything yet, as they began in the past or are read slowly.")),
      rest(m) {
  m->counter_from("etcd_debugging_mvcc_range_total", "As etcd_mvcc_range_total, as etcd named it before 3.5.",
                  {}, [this] { return static_cast<double>(ranges.value()); });
}

Histogram& ServerMetrics::round_trip(const std::string& to) {
  return registry.histogram("etcd_network_peer_round_trip_time_seconds",
                            "Round trips of the connections to other members, sampled every second.",
                            exponential_bounds(0.0001, 2, 16), {{"To", to}});
}

}  // namespace cairn

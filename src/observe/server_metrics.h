// ServerMetrics: what a member counts on the way, under the names that etcd's dashboards and alerts read.
// What something else keeps already is read when rendered instead (server/member_metrics.h), and gRPC calls
// have labels (api/grpc_metrics.h); no name stands in two of these. Owner: server/, which hands references to
// whoever counts. Threading: as Metrics.
#pragma once

#include <string>

#include "observe/metrics.h"
#include "observe/rest_metrics.h"

namespace cairn {

struct ServerMetrics {
  explicit ServerMetrics(Metrics* metrics);

  Metrics& registry;
  Counter& leader_changes;
  Counter& health_successes;
  Counter& health_failures;
  Counter& ranges;
  Counter& client_received_bytes;
  Counter& client_sent_bytes;
  Counter& connections_refused;
  // Work done in one turn of the loop for one reply that is made while it is sent; 0 while its size is found
  // out.
  Histogram& long_reply_turn_bytes;
  Histogram& wal_fsync_seconds;
  // A snapshot written and synced: the closest thing to etcd's backend commit.
  Histogram& backend_commit_seconds;
  Counter& slow_applies;
  Counter& late_heartbeats;
  Gauge& watch_streams;
  Gauge& watches;
  Gauge& watches_behind;
  RestMetrics rest;
  // Of the connection to another member, as the kernel estimates it, looked at every second.
  Histogram& round_trip(const std::string& to);
};

}  // namespace cairn

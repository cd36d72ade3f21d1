// The metrics of one member, under etcd's names where etcd has the concept, so that its dashboards and alerts
// work. Threading: values are read on the loop thread, when /metrics is rendered there.
#pragma once

#include "observe/metrics.h"
#include "peer/peers.h"
#include "server/disk_gauge.h"

namespace cairn::node {
struct Replica;
}

namespace cairn::server {

// Both must live as long as `metrics` renders.
void add_member_metrics(const node::Replica& replica, const peer::Peers& peers, Metrics* metrics);

// The same of the gauge, as it was at its last look.
void add_disk_metrics(const DiskGauge& gauge, Metrics* metrics);

}  // namespace cairn::server

#include "server/member_metrics.h"

#include <algorithm>
#include <limits>
#include <string>

#include "api/version.h"
#include "base/hex_id.h"
#include "base/version.h"
#include "node/member.h"
#include "node/status.h"

namespace cairn::server {
namespace {

void add_number_metrics(const node::Replica& replica, Metrics* metrics) {
  using node::MemberNumbers;
  const auto from_numbers = [&replica](auto read) {
    return [&replica, read] { return static_cast<double>(read(replica.numbers())); };
  };
  const auto gauge = [&](const char* name, const char* help, auto read) {
    metrics->gauge_from(name, help, {}, from_numbers(read));
  };
  gauge("etcd_server_has_leader", "1 when a leader is known, else 0",
        [](const MemberNumbers& s) { return s.leader != raft::NodeId{}; });
  gauge("etcd_server_is_leader", "1 when this member leads, else 0",
        [](const MemberNumbers& s) { return s.leader == s.id; });
  gauge("etcd_server_is_learner", "1 when this member is a learner, else 0",
        [](const MemberNumbers& s) { return s.is_learner; });
  metrics->counter_from("etcd_server_proposals_committed_total", "entries committed, by index", {},
                        from_numbers([](const MemberNumbers& s) { return s.commit.v; }));
  metrics->counter_from("etcd_server_proposals_applied_total", "entries applied, by index", {},
                        from_numbers([](const MemberNumbers& s) { return s.applied.v; }));
  gauge("etcd_server_proposals_pending", "writes of this member's clients that wait to be applied",
        [](const MemberNumbers& s) { return s.pending_writes; });
  metrics->counter_from("etcd_server_proposals_failed_total", "writes that failed or timed out", {},
                        from_numbers([](const MemberNumbers& s) { return s.failed_writes; }));
  // etcd has each of these twice, as its dashboards of before 3.5 read the names of then.
  for (const std::string prefix : {"etcd_mvcc_", "etcd_debugging_mvcc_"}) {
    metrics->counter_from(prefix + "put_total", "puts applied", {},
                          from_numbers([](const MemberNumbers& s) { return s.operations.puts; }));
    metrics->counter_from(prefix + "delete_total", "deletes applied", {},
                          from_numbers([](const MemberNumbers& s) { return s.operations.deletes; }));
    metrics->counter_from(prefix + "txn_total", "transactions applied", {},
                          from_numbers([](const MemberNumbers& s) { return s.operations.txns; }));
  }
  gauge("cairn_raft_term", "the term", [](const MemberNumbers& s) { return s.term.v; });
  gauge("cairn_raft_first_index", "first index in memory", [](const MemberNumbers& s) { return s.first.v; });
  gauge("cairn_raft_last_index", "last index of the log", [](const MemberNumbers& s) { return s.last.v; });
  gauge("cairn_raft_log_memory_bytes", "log in memory, for what is not applied yet and for slow followers",
        [](const MemberNumbers& s) { return s.memory.log_bytes; });
  gauge("cairn_state_live_bytes", "memory that keys take as they are, estimated",
        [](const MemberNumbers& s) { return s.memory.live_bytes; });
  gauge("cairn_state_history_bytes", "memory that what they were before takes, until compaction",
        [](const MemberNumbers& s) { return s.memory.history_bytes; });
  gauge("cairn_quota_used_bytes", "memory of keys, history and log, which the quota bounds",
        [](const MemberNumbers& s) { return s.memory.all_bytes(); });
  gauge("etcd_server_quota_backend_bytes", "beyond it writes are refused; 0: no bound",
        [](const MemberNumbers& s) { return s.quota_bytes; });
  gauge("cairn_disk_full", "1 when this member's disk has no more room for its log, else 0",
        [](const MemberNumbers& s) { return s.space != raft::Space::plenty; });
  gauge("cairn_writes_refused_for_space", "1 when this member leads and too few disks have room, else 0",
        [](const MemberNumbers& s) { return s.leader == s.id && s.space_for_writes != raft::Space::plenty; });
  gauge("cairn_raft_snapshot_index", "index of the newest snapshot",
        [](const MemberNumbers& s) { return s.snapshot.v; });
}

void add_store_metrics(const node::Replica& replica, Metrics* metrics) {
  const auto gauge = [&](const char* name, const char* help, auto read) {
    metrics->gauge_from(name, help, {},
                        [&replica, read] { return static_cast<double>(read(*replica.view())); });
  };
  gauge("etcd_debugging_mvcc_keys_total", "keys", [](const mvcc::View& v) { return v.key_count(); });
  gauge("etcd_debugging_mvcc_current_revision", "revision", [](const mvcc::View& v) { return v.revision(); });
  gauge("etcd_debugging_mvcc_compact_revision", "compacted up to here",
        [](const mvcc::View& v) { return v.compact_revision(); });
  gauge("cairn_alarms", "alarms that stand", [](const mvcc::View& v) { return v.alarms().size(); });
  gauge("etcd_mvcc_db_total_size_in_bytes", "memory of the state, estimated",
        [](const mvcc::View& v) { return v.size_bytes(); });
  gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "the same without superseded revisions",
        [](const mvcc::View& v) { return v.size_in_use_bytes(); });
}

void add_peer_metrics(const peer::Peers& peers, Metrics* metrics) {
  const auto count = [&peers](auto matches) {
    return [&peers, matches] {
      const std::vector<peer::PeerStats> stats = peers.stats();
      return static_cast<double>(std::count_if(stats.begin(), stats.end(), matches));
    };
  };
  const auto of_each = [&peers](const char* label, std::uint64_t peer::PeerStats::*field) {
    return [&peers, label, field] {
      std::vector<std::pair<Labels, double>> all;
      for (const peer::PeerStats& stats : peers.stats())
        all.push_back({{{label, hex_id(stats.id.v)}}, static_cast<double>(stats.*field)});
      return all;
    };
  };
  metrics->gauge_from("etcd_network_known_peers", "other members", {},
                      count([](const peer::PeerStats&) { return true; }));
  metrics->gauge_from("etcd_network_active_peers", "other members with a connection", {},
                      count([](const peer::PeerStats& stats) { return stats.connected; }));
  metrics->counters_from("etcd_network_peer_sent_bytes_total", "sent to other members",
                         of_each("To", &peer::PeerStats::sent_bytes));
  metrics->counters_from("etcd_network_peer_received_bytes_total", "received from other members",
                         of_each("From", &peer::PeerStats::received_bytes));
  metrics->counters_from("etcd_network_peer_sent_failures_total", "messages dropped",
                         of_each("To", &peer::PeerStats::send_failures));
  for (std::size_t i = 0; i < peer::kRefusedCount; ++i) {
    const auto reason = static_cast<peer::Refused>(i);
    metrics->counter_from("cairn_peer_refused_total",
                          "connections refused or closed for what was said on them",
                          {{"reason", peer::name(reason)}},
                          [&peers, reason] { return static_cast<double>(peers.refused(reason)); });
  }
}

// What does not change while the process runs is a label of a 1.
void add_identity_metrics(const node::Replica& replica, Metrics* metrics) {
  metrics
      ->gauge("etcd_server_id", "1, with the id of this member",
              {{"server_id", hex_id(replica.numbers().id.v)}})
      .set(1);
  metrics
      ->gauge("etcd_server_version", "1, with the version of etcd's API that is served",
              {{"server_version", api::kEtcdServerVersion}})
      .set(1);
  const std::string version = api::kEtcdClusterVersion;
  metrics
      ->gauge("etcd_cluster_version", "1, with the version of etcd's API that all members serve",
              {{"cluster_version", version.substr(0, version.rfind('.'))}})
      .set(1);
  metrics
      ->gauge("cairn_build_info", "1, with the version of the program and its compiler",
              {{"version", kVersion}, {"compiler", __VERSION__}})
      .set(1);
}

}  // namespace

void add_member_metrics(const node::Replica& replica, const peer::Peers& peers, Metrics* metrics) {
  add_number_metrics(replica, metrics);
  add_store_metrics(replica, metrics);
  add_peer_metrics(peers, metrics);
  add_identity_metrics(replica, metrics);
}

void add_disk_metrics(const DiskGauge& gauge, Metrics* metrics) {
  const auto add = [&](const char* name, const char* help, std::uint64_t node::DiskUse::*field) {
    metrics->gauge_from(name, help, {}, [&gauge, field] {
      const auto use = gauge.latest();
      return use ? static_cast<double>((*use).*field) : std::numeric_limits<double>::quiet_NaN();
    });
  };
  add("cairn_log_disk_bytes", "what the files of the log take of the disk", &node::DiskUse::log_bytes);
  add("cairn_data_disk_free_bytes", "free on the disk of the data directory", &node::DiskUse::free_bytes);
  add("cairn_data_disk_total_bytes", "size of the disk of the data directory", &node::DiskUse::total_bytes);
}

}  // namespace cairn::server

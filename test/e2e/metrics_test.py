#!/usr/bin/env python3
"""What /metrics says: every name that etcd's alerts and dashboards read and that can truly be filled, and a format
that a strict reader takes."""

import re
import signal
import time
import unittest

from cluster import Cluster, wait_until
from grpc_wire import call, field, message

# Of etcd's alerting mixin and its Grafana dashboards. Not among them, as there is no such thing here: what is about
# leases.
OF_ETCD = """
etcd_server_has_leader etcd_server_is_leader etcd_server_is_learner etcd_server_id etcd_server_version
etcd_server_leader_changes_seen_total etcd_server_proposals_committed_total etcd_server_proposals_applied_total
etcd_server_proposals_pending etcd_server_proposals_failed_total etcd_server_slow_apply_total
etcd_server_heartbeat_send_failures_total etcd_server_quota_backend_bytes etcd_server_health_success etcd_server_health_failures etcd_cluster_version
etcd_disk_wal_fsync_duration_seconds etcd_disk_backend_commit_duration_seconds
etcd_mvcc_db_total_size_in_bytes etcd_mvcc_db_total_size_in_use_in_bytes
etcd_mvcc_put_total etcd_mvcc_delete_total etcd_mvcc_range_total etcd_mvcc_txn_total
etcd_debugging_mvcc_put_total etcd_debugging_mvcc_delete_total etcd_debugging_mvcc_range_total
etcd_debugging_mvcc_txn_total etcd_debugging_mvcc_keys_total etcd_debugging_mvcc_current_revision
etcd_debugging_mvcc_compact_revision etcd_debugging_mvcc_watch_stream_total etcd_debugging_mvcc_watcher_total
etcd_debugging_mvcc_slow_watcher_total
etcd_network_client_grpc_received_bytes_total etcd_network_client_grpc_sent_bytes_total
etcd_network_peer_sent_bytes_total etcd_network_peer_received_bytes_total etcd_network_peer_sent_failures_total
etcd_network_peer_round_trip_time_seconds etcd_network_active_peers etcd_network_known_peers
grpc_server_started_total grpc_server_handled_total grpc_server_handling_seconds
process_cpu_seconds_total process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds
process_start_time_seconds
""".split()
OF_CAIRN = """
cairn_build_info cairn_rest_requests_total cairn_rest_redirects_total cairn_rest_request_duration_seconds
cairn_raft_term cairn_raft_first_index cairn_raft_last_index cairn_raft_snapshot_index cairn_raft_log_memory_bytes
cairn_disk_full cairn_writes_refused_for_space cairn_peer_refused_total cairn_client_connections_refused_total
cairn_long_reply_turn_bytes cairn_state_live_bytes cairn_state_history_bytes cairn_quota_used_bytes cairn_alarms
""".split()
LABELS = r'\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\}'
SAMPLE = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)({LABELS})? (\S+)\Z")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def read_strictly(text):
    """{family: [(name, labels, value)]}; fails on whatever Prometheus' text format does not allow."""
    assert text.endswith("\n")
    families, kinds, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            assert word in ("HELP", "TYPE"), line
            assert (name in families) == (word == "TYPE" and name == current), f"{line}: the family comes once, HELP first"
            if word == "HELP":
                current = name
                families[name] = []
            else:
                assert rest in SUFFIXES, line
                kinds[name] = rest
            continue
        found = SAMPLE.match(line)
        assert found, line
        name, labels, value = found.groups()
        assert name in [current + suffix for suffix in SUFFIXES[kinds[current]]], line
        families[current].append((name, labels or "", float(value)))
        if kinds[current] == "counter":
            assert float(value) >= 0, line
    for name, samples in families.items():
        series = [each[:2] for each in samples]
        assert len(series) == len(set(series)), f"{name} has a series twice"
        if kinds[name] == "histogram":
            check_histogram(name, samples)
    return families


def check_histogram(name, samples):
    def without_le(labels):
        return re.sub(r',?le="[^"]*"', "", labels).replace("{}", "")
    for whose in {without_le(labels) for _, labels, _ in samples}:
        values = [value for each, labels, value in samples if each == name + "_bucket" and without_le(labels) == whose]
        count = [value for each, labels, value in samples if each == name + "_count" and labels == whose]
        assert values == sorted(values) and values[-1:] == count, f"{name}{whose}: {values} {count}"


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(3))

    def families_of(self, member):
        return read_strictly(member.request("GET", "/metrics").body.decode())

    def value(self, member, name, labels=""):
        return sum(value for each, told, value in self.families_of(member)[name.removesuffix("_count")]
                   if each == name and labels in told)

    def test_every_name_is_there(self):
        leader = self.cluster.leader()
        self.assertIn(leader.put("a", b"1").status, (200, 201))
        call(leader.client_url, b"/etcdserverpb.KV/Range", message(field(1, b"a")))
        wait_until(lambda: "etcd_network_peer_round_trip_time_seconds" in self.families_of(leader), "a round trip", 5)
        families = self.families_of(leader)
        self.assertEqual([], [name for name in OF_ETCD + OF_CAIRN if not families.get(name)])

    def test_labels_are_those_of_etcd(self):
        leader = self.cluster.leader()
        others = sorted(m.status()["id"] for m in self.cluster.members if m is not leader)
        wait_until(lambda: len(self.families_of(leader).get("etcd_network_peer_round_trip_time_seconds", [])) > 20,
                   "a round trip to each", 5)
        families = self.families_of(leader)
        for name, label in (("etcd_network_peer_sent_bytes_total", "To"), ("etcd_network_peer_sent_failures_total", "To"),
                            ("etcd_network_peer_received_bytes_total", "From")):
            self.assertEqual(sorted(f'{{{label}="{each}"}}' for each in others),
                             sorted(labels for _, labels, _ in families[name]), name)
        told = {labels for name, labels, _ in families["etcd_network_peer_round_trip_time_seconds"]
                if name.endswith("_count")}
        self.assertEqual({f'{{To="{each}"}}' for each in others}, told)
        self.assertEqual(leader.status()["id"], re.search(r'server_id="(\w+)"', families["etcd_server_id"][0][1])[1])
        self.assertIn('{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_code="OK"}',
                      [labels for _, labels, _ in families["grpc_server_handled_total"]])

    def test_calls_and_requests_are_timed_and_counted(self):
        leader, follower = self.cluster.leader(), self.cluster.followers()[0]
        put = 'grpc_method="Put"'
        before = [self.value(leader, "grpc_server_handling_seconds_count", put),
                  self.value(follower, "cairn_rest_redirects_total"),
                  self.value(follower, "cairn_rest_requests_total", 'method="PUT",code="307"'),
                  self.value(leader, "cairn_rest_requests_total", 'method="GET",code="404"')]
        call(leader.client_url, b"/etcdserverpb.KV/Put", message(field(1, b"m") + field(2, b"v")))
        self.assertEqual(307, follower.put("b", b"1").status)
        self.assertEqual(404, leader.get("not-there").status)
        self.assertEqual([each + 1 for each in before],
                         [self.value(leader, "grpc_server_handling_seconds_count", put),
                          self.value(follower, "cairn_rest_redirects_total"),
                          self.value(follower, "cairn_rest_requests_total", 'method="PUT",code="307"'),
                          self.value(leader, "cairn_rest_requests_total", 'method="GET",code="404"')])

    def test_a_leader_that_was_kept_from_its_heartbeats_counts_it(self):
        leader = self.cluster.leader()
        before = self.value(leader, "etcd_server_heartbeat_send_failures_total")
        leader.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        leader.process.send_signal(signal.SIGCONT)
        wait_until(lambda: self.value(leader, "etcd_server_heartbeat_send_failures_total") > before, "it is counted", 5)


if __name__ == "__main__":
    unittest.main()

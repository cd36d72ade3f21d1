#!/usr/bin/env python3
"""Debian's etcdctl, unchanged, against us and against Debian's etcd beside: same output, same exit status.

What cannot be equal is masked in both: ids, terms, indexes, versions, sizes, durations, addresses.
"""

import json
import os
import re
import shutil
import subprocess
import unittest

from cluster import Cluster, ClusterCase
from etcd import Etcd


MASKS = [
    (r"https?://127\.0\.0\.1:\d+|127\.0\.0\.1:\d+", "URL"),
    (r'"(cluster_id|member_id|raft_term|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse|leader|ID)":\d+', r'"\1":N'),
    (r'"(ClusterID|MemberID|RaftTerm|ID|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse|Leader)" : \S+', r'"\1" : N'),
    (r"\b[0-9a-f]{13,16}\b", "ID"),
    (r"\b3\.\d+\.\d+\b", "VERSION"),
    (r"\b[\d.]+ [kM]?B\b", "SIZE"),
    (r"took = [\d.]+[mµn]?s", "took = T"),
    (r"(true|false), (true|false), \d+, \d+, \d+,", r"LEADER, \2, N, N, N,"),
    (r"^\{\"level\".*\n", ""),  # etcdctl's own log line
]


def masked(text):
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text, flags=re.M)
    return text


def etcdctl(endpoints, *arguments, stdin=""):
    done = subprocess.run(["etcdctl", "--endpoints", endpoints, *arguments], input=stdin, text=True,
                          capture_output=True, timeout=30, check=False, env=os.environ | {"ETCDCTL_API": "3"})
    return done.returncode, done.stdout, done.stderr


TXN_CAS = 'value("txn/a") = "1"\nversion("txn/a") > "0"\n\nput txn/a 2\nput txn/b "x y"\n\nget txn/a\n\n'
TXN_MOD = 'mod("txn/none") = "0"\n\nput txn/none created\nget txn/none\n\nput txn/none again\n\n'
TXN_RANGE = 'create("txn/a") > "0"\n\nget txn/ --prefix\ndel txn/b\n\n\n'

STEPS = [  # one after the other, on both; the revisions in the answers are compared too
    ["put", "a", "1"], ["put", "a", "2", "--prev-kv"], ["get", "a"], ["get", "a", "-w", "json"],
    ["get", "a", "-w", "fields"], ["get", "missing"], ["get", "missing", "-w", "json"],
    ["get", "a", "--rev", "2"], ["get", "a", "--rev", "999"], ["get", "a", "--hex"],
    ["get", "a", "--print-value-only"], ["get", "a", "--consistency", "s"],
    ["put", "a", "--ignore-value"], ["put", "missing", "--ignore-value"], ["put", "a"], ["put", ""],
    ["put", "list/3", "c"], ["put", "list/1", "b"], ["put", "list/2", "a"], ["put", "list/", "edge"], ["put", "lisu", "next"],
    ["get", "list/", "--prefix"], ["get", "list/", "--prefix", "--keys-only"], ["get", "list/", "--prefix", "--limit", "2", "-w", "json"],
    ["get", "list/", "--prefix", "--count-only", "-w", "json"], ["get", "list/", "--prefix", "--sort-by", "VALUE"],
    ["get", "list/", "--prefix", "--sort-by", "MODIFY", "--order", "DESCEND"],
    ["get", "list/", "--prefix", "--sort-by", "CREATE", "--order", "ASCEND"],
    ["get", "list/1", "list/3"], ["get", "list/2", "--from-key"], ["get", "", "--prefix", "--keys-only"],
    ["get", "", "--from-key", "--count-only", "-w", "fields"], ["get", "z", "a"],
    ["del", "list/1", "--prev-kv"], ["del", "list/1"], ["del", "list/", "list/2"], ["del", "list/", "--prefix", "--prev-kv", "-w", "json"],
    ["put", "txn/a", "1"], (["txn"], TXN_CAS), (["txn"], TXN_CAS), (["txn", "-w", "json"], TXN_MOD),
    (["txn", "-w", "json"], TXN_MOD), (["txn"], TXN_RANGE),
    (["put", "stdin"], "from standard input\n"), ["get", "stdin"], ["put", "big", "x" * 1000], ["get", "big"],
    ["compaction", "5"], ["compaction", "5"], ["compaction", "9999"], ["get", "a", "--rev", "2"], ["get", "a", "--rev", "5"],
    ["endpoint", "status"], ["endpoint", "status", "-w", "json"], ["endpoint", "health"], ["alarm", "list"], ["alarm", "disarm"], ["member", "list"],
    ["member", "list", "-w", "json"], ["del", "", "--prefix"], ["get", "", "--prefix", "-w", "json"],
]


class EtcdctlCompat(ClusterCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            raise unittest.SkipTest("etcd-server and etcd-client are not installed; ./dev test installs them")
        super().setUpClass()

    def test_same_answers_as_etcd(self):
        with Etcd() as theirs, Cluster() as ours:
            self.compare(theirs, ours)

    def compare(self, etcd, cluster):
        for number, step in enumerate(STEPS):
            arguments, stdin = step if isinstance(step, tuple) else (step, "")
            with self.subTest(step=number, command=" ".join(arguments)[:80]):
                theirs = etcdctl(etcd.endpoints(), *arguments, stdin=stdin)
                ours = etcdctl(cluster.endpoints(), *arguments, stdin=stdin)
                self.assertEqual(theirs[0], ours[0], f"exit status; we said {ours}")
                for theirs_text, ours_text in zip(theirs[1:], ours[1:]):
                    self.assertEqual(self.lines(theirs_text, arguments), self.lines(ours_text, arguments))

    def lines(self, text, arguments):
        text = masked(text)
        if arguments[0] not in ("endpoint", "member"):
            return text.splitlines()
        # Members are listed by their random ids, and newer servers say more than Debian's; one of them leads.
        text = re.sub(r',"(?:storageVersion":"[^"]*"|(?:dbSizeQuota|isLearner)":[^,}]*)', "", text)
        if not text.startswith(("{", "[")):
            return sorted(text.splitlines())
        found = json.loads(re.sub(r":N\b", ":0", text))
        return sorted(map(str, found["members"] if isinstance(found, dict) else found))

    def test_every_member_takes_writes_and_reads(self):
        for member in self.cluster.members:
            status, out, err = etcdctl(member.client_url, "put", f"via/{member.name}", member.name)
            self.assertEqual((0, "OK\n"), (status, out), err)
            for reader in self.cluster.members:
                status, out, err = etcdctl(reader.client_url, "get", f"via/{member.name}", "--print-value-only")
                self.assertEqual((0, member.name + "\n"), (status, out), err)

    def test_goes_on_when_a_member_dies(self):
        with Cluster() as cluster:
            victim = cluster.followers()[0]
            victim.kill()
            status, out, err = etcdctl(cluster.endpoints(), "put", "a", "1")
            self.assertEqual((0, "OK\n"), (status, out), err)
            status, _, err = etcdctl(cluster.endpoints(), "endpoint", "health")
            self.assertNotEqual(0, status)
            self.assertIn("unhealthy", err)


if __name__ == "__main__":
    unittest.main()

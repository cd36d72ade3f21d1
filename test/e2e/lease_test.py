#!/usr/bin/env python3
"""Leases over gRPC: Debian's etcdctl says the same of us and of Debian's etcd beside; and time, over failovers."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from cluster import Cluster, ClusterCase, wait_until
from etcd import Etcd


def etcdctl(endpoints, *arguments):
    done = subprocess.run(["etcdctl", "--endpoints", endpoints, *arguments], text=True, capture_output=True,
                          timeout=30, check=False, env=os.environ | {"ETCDCTL_API": "3"})
    return done.returncode, done.stdout, done.stderr


def granted(endpoints, ttl):
    status, out, err = etcdctl(endpoints, "lease", "grant", str(ttl))
    assert status == 0, err
    return re.match(r"lease ([0-9a-f]+) granted with TTL\((\d+)s\)", out)[1]


def keys(endpoints, prefix):
    return etcdctl(endpoints, "get", prefix, "--prefix", "--keys-only")[1].split()


# L1, L2: ids of leases that were granted before, as each server has chosen them; what one grants comes last.
STEPS = [
    ["lease", "list"],
    ["lease", "grant", "100"], ["lease", "grant", "1"], ["lease", "grant", "9000000001"], ["lease", "grant", "0"],
    ["put", "a", "1", "--lease=L1"], ["put", "b", "2", "--lease=L1"], ["put", "c", "3", "--lease=L2"],
    ["put", "b", "3", "--lease=L2"], ["get", "a", "-w", "json"], ["put", "a", "4", "--ignore-lease"],
    ["lease", "timetolive", "L1", "--keys"], ["lease", "timetolive", "L2"], ["lease", "timetolive", "12345"],
    ["lease", "keep-alive", "L1", "--once"], ["lease", "keep-alive", "12345", "--once"],
    ["put", "d", "1", "--lease=12345"], ["put", "a", "1"], ["lease", "timetolive", "L1", "--keys"],
    ["lease", "revoke", "L2"], ["lease", "revoke", "L2"], ["get", "", "--prefix", "-w", "json"],
    ["put", "d", "1", "--lease=L2"], ["lease", "timetolive", "L2"], ["lease", "timetolive", "L1", "-w", "json"],
    ["lease", "revoke", "L1"], ["get", "", "--prefix"],
]


class Keeping:
    """`etcdctl lease keep-alive` in the background; `seen()` is what it has printed."""

    def __init__(self, endpoints, lease):
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(["etcdctl", "--endpoints", endpoints, "lease", "keep-alive", lease],
                                        stdout=self.out, stderr=self.out, env=os.environ | {"ETCDCTL_API": "3"})

    def seen(self):
        self.out.seek(0)
        return self.out.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.out.close()


class Lease(ClusterCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            raise unittest.SkipTest("etcd-server and etcd-client are not installed; ./dev test installs them")
        super().setUpClass()

    def play(self, endpoints, steps):
        """What it says, step by step, the ids masked."""
        ids, said = [], []
        for step in steps:
            given = []
            for word in step:
                for number, lease in enumerate(ids, 1):
                    word = re.sub(rf"\bL{number}\b", lease, word)
                given.append(word)
            status, out, err = etcdctl(endpoints, *given)
            if found := re.match(r"lease ([0-9a-f]+) granted", out):
                ids.append(found[1])
            text = out + re.sub(r"^\{\"level\".*\n", "", err, flags=re.M)
            for lease in ids:
                text = text.replace(lease, "LEASE").replace(str(int(lease, 16)), "LEASE")
            text = re.sub(r'"(cluster_id|member_id|raft_term)":\d+', r'"\1":N', text)
            # A second may have passed, or not yet.
            text = re.sub(r"remaining\((\d+)s\)", lambda m: f"remaining({-(-int(m[1]) // 10) * 10}s)", text)
            text = re.sub(r'"ttl":(\d+)', lambda m: f'"ttl":{-(-int(m[1]) // 10) * 10}', text)
            said.append((" ".join(step), status, text))
        return said

    def test_same_answers_as_etcd(self):
        with Etcd(size=1) as theirs, Cluster(size=1) as ours:
            want = self.play(theirs.endpoints(), STEPS)
            for said in zip(want, self.play(ours.endpoints(), STEPS)):
                with self.subTest(step=said[0][0]):
                    self.assertEqual(*said)

    def test_list_is_what_there_is(self):
        leases = sorted(granted(self.cluster.endpoints(), 1000) for _ in range(5))
        for member in self.cluster.members:
            out = etcdctl(member.client_url, "lease", "list")[1]
            self.assertTrue(out.startswith("found 5 leases\n"), out)
            self.assertEqual(leases, sorted(out.split()[3:]))
        for lease in leases:
            self.assertEqual(0, etcdctl(self.cluster.endpoints(), "lease", "revoke", lease)[0])

    def test_expires_in_time_with_its_keys(self):
        endpoints = self.cluster.endpoints()
        before = time.monotonic()
        lease = granted(endpoints, 3)
        after = time.monotonic()
        for key in "ba":
            etcdctl(endpoints, "put", f"expires/{key}", "v", f"--lease={lease}")
        self.assertEqual(["expires/a", "expires/b"], keys(endpoints, "expires/"))
        member = self.cluster.members[0]
        wait_until(lambda: member.get("expires/a").status == 404, "it expires", 10)
        self.assertGreaterEqual(time.monotonic() - before, 3)
        self.assertLess(time.monotonic() - after, 4.5)
        self.assertEqual([], keys(endpoints, "expires/"))
        self.assertIn("already expired", etcdctl(endpoints, "lease", "timetolive", lease)[1])

    def test_kept_alive_at_each_member_it_lives(self):
        for member in self.cluster.members:
            lease = granted(self.cluster.endpoints(), 2)
            key = f"kept/{member.name}"
            etcdctl(self.cluster.endpoints(), "put", key, "v", f"--lease={lease}")
            with Keeping(member.client_url, lease) as keeping:
                time.sleep(4)
                self.assertEqual(200, member.get(key).status, keeping.seen())
                self.assertIn(f"lease {lease} keepalived with TTL(2)", keeping.seen())
                self.assertEqual(0, etcdctl(member.client_url, "lease", "revoke", lease)[0])
                wait_until(lambda: keeping.process.poll() is not None, "who keeps it hears of its end", 5)
                self.assertIn(f"lease {lease} expired or revoked", keeping.seen())

    def test_survives_its_leader_and_still_expires(self):
        with Cluster() as cluster:
            kept, left = granted(cluster.endpoints(), 6), granted(cluster.endpoints(), 6)
            for name, lease in (("kept", kept), ("left", left)):
                etcdctl(cluster.endpoints(), "put", name, "v", f"--lease={lease}")
            with Keeping(cluster.endpoints(), kept) as keeping:
                time.sleep(3)
                leader = cluster.leader()
                begun = time.monotonic()
                leader.kill()
                other = cluster.leader(other_than=leader)
                while time.monotonic() - begun < 4:
                    self.assertEqual(200, other.get("left").status, "all of it again, from the next leader on")
                    time.sleep(0.2)
                wait_until(lambda: other.get("left").status == 404, "it expires", 6 + 2 + 2)
                self.assertEqual(200, other.get("kept").status, keeping.seen())

    def test_a_stopped_leader_revokes_nothing_that_is_kept_elsewhere(self):
        with Cluster() as cluster:
            leader = cluster.leader()
            others = ",".join(member.client_url for member in cluster.members if member is not leader)
            lease = granted(others, 3)
            etcdctl(others, "put", "a", "v", f"--lease={lease}")
            with Keeping(others, lease) as keeping:
                leader.process.send_signal(signal.SIGSTOP)
                try:
                    for _ in range(30):
                        time.sleep(0.2)
                        self.assertEqual(0, etcdctl(others, "get", "a")[0])
                finally:
                    leader.process.send_signal(signal.SIGCONT)
                time.sleep(2)
                self.assertEqual("a\nv\n", etcdctl(others, "get", "a")[1], keeping.seen())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Debian's etcdctl watches us and Debian's etcd beside: the same events; and over failovers nothing lost or doubled."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from cluster import Cluster, ClusterCase, http_request, wait_until
from etcd import Etcd


def etcdctl(endpoints, *arguments):
    done = subprocess.run(["etcdctl", "--endpoints", endpoints, *arguments], text=True, capture_output=True,
                          timeout=30, check=False, env=os.environ | {"ETCDCTL_API": "3"})
    return done.returncode, done.stdout, done.stderr


def watches(endpoints):
    """How many there are, by the metrics of all members that answer."""
    found = 0
    for url in endpoints.split(","):
        try:
            text = http_request(url, "GET", "/metrics").body.decode()
        except OSError:
            continue
        found += int(float(re.search(r"^etcd_debugging_mvcc_watcher_total (\S+)$", text, re.M).group(1)))
    return found


class Watching:
    """`etcdctl watch` in the background; `seen()` is what it has printed."""

    def __init__(self, endpoints, *arguments):
        self.endpoints = endpoints
        wait_until(lambda: watches(endpoints) == 0, "earlier ones have ended")
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(["etcdctl", "--endpoints", endpoints, "watch", *arguments], stdout=self.out,
                                        stderr=self.out, env=os.environ | {"ETCDCTL_API": "3"})

    def await_begun(self, etcdctl_refuses=False):
        """It does not say when it watches; the server counts it."""
        wait_until(lambda: self.process.poll() is not None if etcdctl_refuses else watches(self.endpoints) > 0,
                   "the watch has begun")

    def seen(self):
        self.out.seek(0)
        return self.out.read()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.out.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def events_of(text):
    """What was seen, however it was cut into responses: etcd looks at watches that are behind ten times a second."""
    if not text.startswith("{"):
        return text.splitlines()
    return [event for line in text.splitlines() for event in json.loads(line).get("Events", [])]


# What is watched; what happens before it is, and afterwards. Each key has a beginning of its own.
CASES = [
    (["a1"], [], [["put", "a1", "1"], ["put", "a1x", "no"], ["put", "a1", "2"], ["del", "a1"], ["put", "a1", "3"]]),
    (["a2", "-w", "json"], [], [["put", "a2", "1"], ["put", "a2", "2"], ["del", "a2"], ["put", "a2", "3"]]),
    (["a3", "--prefix", "--prev-kv"], [], [["put", "a3x", "1"], ["put", "a3y", "2"], ["put", "a3x", "3"], ["del", "a3", "--prefix"]]),
    (["a4b", "a4d"], [], [["put", "a4a", "no"], ["put", "a4b", "1"], ["put", "a4c", "2"], ["put", "a4d", "no"], ["put", "a4c", "end"]]),
    (["a5", "--prefix", "--rev", "1", "-w", "json"], [["put", "a5x", "1"], ["put", "a5y", "2"], ["del", "a5x"]], [["put", "a5x", "3"]]),
    (["a6", "--rev", "1", "--prev-kv"], [["put", "a6", "1"], ["put", "a6", "2"], ["del", "a6"]], [["put", "a6", "3"]]),
    (["a7", "--rev", "99999"], [["put", "a7", "1"]], []),
    (["a8z", "a8a"], [], []),
    (["zz", "--prefix"], [], [["put", "zz1", "end"]]),
]


class Watch(ClusterCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            raise unittest.SkipTest("etcd-server and etcd-client are not installed; ./dev test installs them")
        super().setUpClass()

    def play(self, endpoints, case, lines):
        arguments, before, after = case
        for step in before:
            etcdctl(endpoints, *step)
        with Watching(endpoints, *arguments) as watching:
            watching.await_begun(etcdctl_refuses=arguments == ["a8z", "a8a"])
            for step in after:
                etcdctl(endpoints, *step)
            if lines is None:
                time.sleep(1)  # the oracle's: there is no telling whether more would come
            else:
                try:
                    wait_until(lambda: events_of(watching.seen()) == lines, "the same")
                except AssertionError:
                    self.assertEqual(lines, events_of(watching.seen()))
            return events_of(watching.seen())

    def test_same_events_as_etcd(self):
        with Etcd(size=1) as theirs, Cluster() as ours:
            for case in CASES:
                with self.subTest(watch=" ".join(case[0])):
                    want = self.play(theirs.endpoints(), case, None)
                    self.play(ours.endpoints(), case, want)
                    status = [etcdctl(each.endpoints(), "get", "none", "-w", "json")[1] for each in (theirs, ours)]
                    revisions = [json.loads(text)["header"]["revision"] for text in status]
                    self.assertEqual(revisions[0], revisions[1])

    def test_a_watch_that_was_compacted_ends(self):
        with Cluster(size=1) as cluster:
            for i in range(10):
                etcdctl(cluster.endpoints(), "put", "a", str(i))
            etcdctl(cluster.endpoints(), "compaction", "8")
            with Watching(cluster.endpoints(), "a", "--rev", "3") as watching:
                wait_until(lambda: watching.process.poll() is not None, "it has ended", 10)
                self.assertIn("required revision has been compacted", watching.seen())
            with Watching(cluster.endpoints(), "a", "--rev", "8") as watching:
                wait_until(lambda: watching.seen().endswith("\n9\n"), "from the compact revision on")

    def test_nothing_is_lost_or_doubled_when_members_die(self):
        with Cluster() as cluster:
            with Watching(cluster.endpoints(), "a", "--rev", "1") as watching:
                wait_until(lambda: etcdctl(cluster.endpoints(), "put", "a", "0")[0] == 0, "a first write", 10)
                for round_number in range(1, 4):
                    victim = cluster.members[round_number % 3]
                    victim.kill()
                    for i in range(10):
                        wait_until(lambda: etcdctl(cluster.endpoints(), "put", "a", f"{round_number}-{i}")[0] == 0,
                                   "a write", 10)
                    victim.start()
                values = ["0"] + [f"{r}-{i}" for r in range(1, 4) for i in range(10)]
                try:
                    wait_until(lambda: watching.seen().endswith("\n3-9\n"), "the last one", 20)
                except AssertionError as error:
                    raise AssertionError(watching.seen()[-300:]) from error
                seen = [v for v in watching.seen().split("\n")[2::3] if v]
                # A write that was repeated after an unknown outcome is there twice, one after the other.
                self.assertEqual(values, [v for i, v in enumerate(seen) if i == 0 or seen[i - 1] != v])

    def test_a_server_that_stops_ends_its_watches(self):
        with Cluster(size=1) as cluster:
            with Watching(cluster.endpoints(), "a") as watching:
                watching.await_begun()
                begun = time.monotonic()
                cluster.members[0].terminate()
                self.assertLess(time.monotonic() - begun, 3)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""A list of hundreds of thousands of keys in one call: the same as etcd's, in little memory, and writes go on.

    test/e2e/large_list_test.py [--keys N]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster, PeakMemory, program, wait_until
from etcd import Etcd
from grpc_wire import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, Wire, frame, message, request_headers

KEYS = 200_000
LISTS_AT_ONCE = 4
# What a reply may hold is 64 KiB (long_reply_piece_bytes) and what its connection may, 256 KiB; the rest is room for
# the allocator and for the writes that go on meanwhile. The answers have over 50 MB each.
GROWTH_KIB_MAX = 24 * 1024
TURN_BYTES_MAX = 131072
ARRIVING_MIB_MAX, PENDING_MIB_MAX = 256, 128
LONG_REPLIES_PER_CONNECTION_MAX = 256
TOOL = os.environ.get("CAIRN_LARGE_LIST") or str(Path(program()).parent / "test/e2e/large_list")


def tool(url, *arguments):
    done = subprocess.run([TOOL, "--endpoint", urlsplit(url).netloc, *arguments], capture_output=True, text=True,
                          timeout=200, check=False)
    if done.returncode != 0:
        raise AssertionError(f"large_list {arguments}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


class Writers:
    """Clients that write on and on; how long each write took."""

    def __init__(self, member, count=4):
        self.member = member
        self.stop = threading.Event()
        self.seconds = []
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]

    def run(self, number):
        command = [program(), "bench", "put", "--connections", "1", "--streams", "1", "--seconds", "0.5", "--json",
                   "--endpoints", self.member.client_url, "--keys", "100"]
        while not self.stop.is_set():
            self.seconds.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def turns(member):
    """(turns of the loop spent on large replies, those of them within the budget, all bytes they made)"""
    text = member.request("GET", "/metrics").body.decode()

    def value(pattern):
        return int(float(re.search(pattern + r" (\S+)", text)[1]))
    return (value("cairn_long_reply_turn_bytes_count"), value(f'cairn_long_reply_turn_bytes_bucket{{le="{TURN_BYTES_MAX}"}}'),
            value("cairn_long_reply_turn_bytes_sum"))


class LargeList(unittest.TestCase):
    keys = KEYS

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())
        cls.leader = cls.cluster.leader()
        tool(cls.leader.client_url, "fill", "--keys", str(cls.keys))

    def test_1_is_what_etcd_answers(self):
        if not shutil.which("etcd"):
            self.skipTest("no etcd on this machine; Debian's package etcd-server has it")
        with Etcd(size=1) as etcd:
            tool(etcd.clients[0], "fill", "--keys", str(self.keys))
            for sort in ([], ["--sort", "key-descending"], ["--sort", "mod"]):
                ours, = tool(self.leader.client_url, "list", *sort)
                theirs, = tool(etcd.clients[0], "list", *sort)
                print(f"{sort or ''} ours {ours['seconds']:.3f} s, etcd {theirs['seconds']:.3f} s", file=sys.stderr)
                self.assertEqual(self.keys, ours["kvs"])
                for what in ("kvs", "count", "hash"):
                    self.assertEqual(theirs[what], ours[what], f"{what} {sort}")
            if shutil.which("etcdctl"):
                self.assertEqual(self.by_etcdctl(etcd.clients[0]), self.by_etcdctl(self.leader.client_url))

    def by_etcdctl(self, url):
        done = subprocess.run(["etcdctl", "--endpoints", url, "--command-timeout", "60s", "get", "large/", "--prefix"],
                              env=os.environ | {"ETCDCTL_API": "3"}, capture_output=True, check=False, timeout=100)
        self.assertEqual(0, done.returncode, done.stderr[-500:])
        self.assertGreater(len(done.stdout), self.keys * 256)
        return done.stdout

    def test_2_takes_little_memory_and_small_turns_while_writes_go_on(self):
        pid = self.leader.process.pid
        with Writers(self.leader, 2) as idle:
            wait_until(lambda: len(idle.seconds) >= 2, "some writes", 30)
        turns_before, _, bytes_before = turns(self.leader)
        revision_before = self.leader.status()["revision"]
        with PeakMemory(pid) as peak, Writers(self.leader, 2) as busy:
            lists = [threading.Thread(target=lambda: tool(self.leader.client_url, "list", "--times", "3"))
                     for _ in range(LISTS_AT_ONCE)]
            for thread in lists:
                thread.start()
            for thread in lists:
                thread.join()
            written = self.leader.status()["revision"] - revision_before
            wait_until(lambda: len(busy.seconds) >= 2, "some writes", 60)
        count, within, made = turns(self.leader)
        answer_bytes = self.keys * 256
        p99 = [max(one["p99_us"] for one in writers.seconds) for writers in (idle, busy)]
        print(f"writes meanwhile {written}; their p99 {p99[1]:.0f} us, without lists {p99[0]:.0f} us; memory grew by "
              f"{peak.growth_kib} KiB; {count - turns_before} turns", file=sys.stderr)
        self.assertGreater(written, 0, "writes acknowledged while lists were in flight")
        self.assertGreaterEqual(made - bytes_before, 3 * LISTS_AT_ONCE * answer_bytes)
        self.assertGreater(count - turns_before, 3 * LISTS_AT_ONCE * answer_bytes / TURN_BYTES_MAX)
        self.assertEqual(count, within, "turns that made more than the budget")
        self.assertLess(peak.growth_kib, GROWTH_KIB_MAX)

    def test_3_readers_that_do_not_read_cost_little_and_are_limited(self):
        asked = LONG_REPLIES_PER_CONNECTION_MAX + 40
        ask = frame(SETTINGS, 0, 0)
        range_request = b"\x0a\x06large/\x12\x06large0"
        for stream in range(1, 2 * asked, 2):
            ask += frame(HEADERS, END_HEADERS, stream, request_headers(b"/etcdserverpb.KV/Range"))
            ask += frame(DATA, END_STREAM, stream, message(range_request))
        with PeakMemory(self.leader.process.pid) as peak:
            wire = Wire(self.leader.client_url)
            answer = wire.tell(PREFACE + ask, until=lambda got: self.ends(got) >= asked - LONG_REPLIES_PER_CONNECTION_MAX)
            self.assertEqual(asked - LONG_REPLIES_PER_CONNECTION_MAX, self.ends(answer), "refused at once")
            self.assertEqual(200, self.leader.put("meanwhile", b"x").status // 100 * 100)
        print(f"{LONG_REPLIES_PER_CONNECTION_MAX} lists that nobody reads: {peak.growth_kib} KiB", file=sys.stderr)
        self.assertLess(peak.growth_kib, GROWTH_KIB_MAX)
        wire.socket.close()
        again, = tool(self.leader.client_url, "list")
        self.assertEqual(self.keys, again["kvs"], "the places are free again")

    def ends(self, answer):
        """How many streams have ended."""
        ended = 0
        while len(answer) >= 9:
            size = int.from_bytes(answer[:3], "big")
            ended += answer[3] == HEADERS and answer[4] & END_STREAM != 0
            answer = answer[9 + size:]
        return ended

    def test_4_large_values_within_the_limits_all_succeed(self):
        put, get = self.bench("put", 5, 2), self.bench("get", 5, 10)  # as many writes as are no queue
        self.assertEqual(({}, {}), (put["errors_by_kind"], get["errors_by_kind"]))
        self.assertGreater(min(put["ops"], get["ops"]), 0)

    def test_5_large_writes_beyond_the_limits_are_refused_and_not_kept(self):
        with PeakMemory(self.leader.process.pid) as peak:
            # On a busy machine none of them may be done when the time is up, which is what status 3 says: refusals and
            # memory are what this is about.
            found = self.bench("put", 10, 40, statuses=(0, 3))
        print(f"{found['ops']} writes of 1 MiB, 400 at a time; memory grew by {peak.growth_kib} KiB; "
              f"{found['errors_by_kind']}", file=sys.stderr)
        self.assertGreater(found["errors"], 0)
        self.assertTrue(all("too many requests" in kind for kind in found["errors_by_kind"]), found["errors_by_kind"])
        # What was written stays; what was not is bounded: it arrives, is pending, and is on its way to two followers.
        self.assertLess(peak.growth_kib, (found["ops"] + ARRIVING_MIB_MAX + 3 * PENDING_MIB_MAX) * 1024)
        self.assertEqual(self.leader.name, self.cluster.leader().name, "and it still leads")

    def bench(self, kind, connections, streams, statuses=(0,)):
        done = subprocess.run([program(), "bench", kind, "--connections", str(connections), "--streams", str(streams),
                               "--seconds", "2", "--value-bytes", str(1 << 20), "--keys", "20", "--json",
                               "--endpoints", self.leader.client_url], capture_output=True, check=False, text=True, timeout=100)
        self.assertIn(done.returncode, statuses, done.stdout + done.stderr)
        found = json.loads(done.stdout)
        # What is still in flight when the time is up says nothing about the server.
        found["errors"] -= found["errors_by_kind"].pop("the client has closed the connection", 0)
        return found

    def test_6_every_member_still_runs(self):
        for member in self.cluster.members:
            self.assertTrue(member.running())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=KEYS)
    arguments, rest = parser.parse_known_args()
    LargeList.keys = arguments.keys
    # Thousands of small synced writes, and no power cut: memory does.
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"
    unittest.main(argv=sys.argv[:1] + rest)

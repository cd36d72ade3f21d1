#!/usr/bin/env python3
"""What somebody who knows only `cairn status` and the logs is told when a cluster is broken."""

import json
import os
import shutil
import signal
import tempfile
import time
import unittest
from pathlib import Path

from cluster import Cluster, cairn, wait_until

HEALTHY = "3 members, healthy, tolerates 1 failure"


def lines_of(member):
    """Its log: every line is JSON, however the process ended."""
    return [json.loads(line) for line in member.log_path.read_text().splitlines()]


def said(member, message, level=None, **fields):
    return [line for line in lines_of(member) if message in line["msg"] and level in (None, line["level"]) and
            all(line.get(name.replace("_", "-")) == value for name, value in fields.items())]


def wait_said(member, message, **fields):
    return wait_until(lambda: said(member, message, **fields), f"{member.name} says {message!r} {fields}", 15)[0]


class Status(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster(3))
        self.leader = self.cluster.leader()
        wait_until(lambda: HEALTHY in self.told()[1], "all is well", 10)

    def told(self, *arguments, endpoints=None):
        status, out, err = cairn("status", *arguments, "--endpoints", endpoints or self.cluster.endpoints())
        return status, out.decode(), err

    def rows(self, out):
        return [line.split() for line in out.splitlines() if line.split()[:1] and line.split()[0] in ("n1", "n2", "n3", "?")
                and len(line.split()) > 7]

    def test_sizes_and_order(self):
        status, out, _ = self.told()
        self.assertEqual(0, status, out)
        self.assertEqual(["n1", "n2", "n3"], [row[0] for row in self.rows(out)])
        self.assertRegex(out, r"LOG +DISK FREE +CLIENT")
        self.assertRegex(out, r"(?m)^n1 .* [0-9.]+ [KMG]iB +[0-9.]+ [KMGT]iB of [0-9.]+ [KMGT]iB +http://")
        members = json.loads(self.told("-w", "json")[1])["members"]
        self.assertEqual(["n1", "n2", "n3"], [member["name"] for member in members])
        for member in members:
            self.assertGreater(member["log_bytes"], 0)
            self.assertLessEqual(member["disk_free_bytes"], member["disk_total_bytes"])
        metrics = self.leader.request("GET", "/metrics").body.decode()
        for name in ("cairn_log_disk_bytes", "cairn_data_disk_free_bytes", "cairn_data_disk_total_bytes"):
            self.assertRegex(metrics, rf"(?m)^{name} [1-9]")

    def test_healthy_is_never_said_above_a_member_that_does_not_answer(self):
        victim = self.cluster.followers()[0]
        victim.kill()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            status, out, _ = self.told()
            self.assertEqual(1, status)
            self.assertIn("unreachable", out)
            self.assertNotIn("healthy", out)
            self.assertIn(f"{victim.name} at {victim.client_url} does not answer: cannot connect", out)
        self.assertIn("3 members, 1 unreachable, tolerates 0 failures", out)

    def test_a_leader_that_has_just_been_elected_slanders_nobody(self):
        self.leader.kill()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            out = self.told()[1]
            self.assertNotIn("taken in again", out)
            self.assertNotIn("healthy", out)

    def test_an_endpoint_that_fails_is_a_row(self):
        nobody = "http://127.0.0.1:9"
        status, out, _ = self.told(endpoints=f"{self.cluster.endpoints()},{nobody}")
        self.assertEqual(1, status)
        self.assertIn(["?", "unreachable"], [row[:2] for row in self.rows(out)])
        self.assertIn("1 endpoint does not answer here, though leader", out)
        self.assertNotIn("healthy", out)
        status, out, err = self.told(endpoints=f"{nobody},http://127.0.0.1:10")
        self.assertEqual(3, status)
        self.assertIn("error: ", err)
        self.assertEqual(2, len([line for line in out.splitlines() if "unreachable" in line]))

    def test_a_stopped_leader(self):
        self.leader.process.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        status, out, _ = self.told()
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(1, status)
        self.assertIn(f"{self.leader.name} at {self.leader.client_url} does not answer: ", out)
        self.assertRegex(out, "3 members, 1 (unreachable|not heard by this leader yet), tolerates 0 failures",
                         "of the leader that there is now")
        self.assertNotIn("unknown", out, "nothing has been done that could be")
        other = next(m for m in self.cluster.members if m is not self.leader)
        wait_said(other, "leader elected", term=2)
        self.leader.process.send_signal(signal.SIGCONT)
        self.assertGreater(wait_said(self.leader, "this member did not run when it had to", level="warn")["longest-ms"], 500)

    def test_a_wiped_member(self):
        victim = self.cluster.followers()[0]
        self.assertIn(self.leader.put("a", b"1").status, (200, 201))
        victim.kill()
        shutil.rmtree(victim.data_dir)
        before = len(lines_of(victim))
        victim.start().wait()
        wait_said(self.leader, "a member has forgotten what it had promised", level="warn", name=victim.name)
        wait_until(lambda: any("taken in: it votes" in line["msg"] for line in lines_of(victim)[before:]),
                   "it says that it counts again", 10)
        self.assertTrue(any("the data directory is new" in line["msg"] for line in lines_of(victim)[before:]))
        self.assertTrue(any("ready to serve" in line["msg"] for line in lines_of(victim)[before:]))


class Log(unittest.TestCase):
    def test_ready_is_not_said_before_it_is_true(self):
        cluster = self.enterContext(Cluster(3, start=False))
        first, *others = cluster.members
        first.start().wait()
        wait_said(first, "listening")
        wait_said(first, "waits for")
        self.assertEqual([], said(first, "ready to serve client requests"))
        for member in others:
            member.start()
        ready = wait_said(first, "ready to serve client requests")
        self.assertEqual(first.status()["id"], ready["local-member-id"])
        self.assertTrue(all(len(line["local-member-id"]) == 16 for line in lines_of(first)))

    def test_another_cluster_is_named(self):
        cluster = self.enterContext(Cluster(3))
        stranger = self.enterContext(Cluster(1)).members[0]
        status, out, _ = cairn("status", "--endpoints", f"{cluster.endpoints()},{stranger.client_url}")
        self.assertEqual(1, status)
        self.assertRegex(out.decode(), rf"{stranger.client_url} \(n1\) is of another cluster, [0-9a-f]{{16}}, than")

    def test_a_start_that_is_refused_is_a_line_of_the_log(self):
        member = self.enterContext(Cluster(1)).members[0]
        status, out = member.run()
        self.assertEqual(5, status)
        line = json.loads(out.splitlines()[-1])
        self.assertEqual("error", line["level"])
        self.assertTrue(line["msg"].startswith("cannot start: "), out)

    def test_slow_syncs_and_slow_requests(self):
        library = os.environ.get("CAIRN_SLOW_SYNC")
        if not library:
            self.skipTest("CAIRN_SLOW_SYNC names no library")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        slow_file = folder / "slow_sync_ms"
        slow_file.write_text("0")
        member = self.enterContext(Cluster(1, environment={"LD_PRELOAD": library, "SLOW_SYNC_FILE": str(slow_file)})).members[0]
        slow_file.write_text("700")
        for number in range(3):
            self.assertIn(member.put(f"key{number}", b"v").status, (200, 201))
        self.assertGreaterEqual(wait_said(member, "slow disk", level="warn")["longest-ms"], 700)
        self.assertIn("PUT /v1/kv/key0, answered 20", wait_said(member, "slow requests", level="warn")["request"])
        self.assertEqual((1, 1), (len(said(member, "slow disk")), len(said(member, "slow requests"))), "once a minute")

    def test_level_debug_adds_requests_and_syncs(self):
        member = self.enterContext(Cluster(1, log_level="debug")).members[0]
        self.assertIn(member.put("a", b"v").status, (200, 201))
        self.assertIn("PUT /v1/kv/a, answered 20", "".join(line["request"] for line in said(member, "a request has ended")))
        self.assertTrue(said(member, "the log was synced", level="debug"))


if __name__ == "__main__":
    unittest.main()

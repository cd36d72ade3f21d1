#!/usr/bin/env python3
"""A member whose log or state differs from the others', with all its checksums intact.

It stops with a status of its own and says where they differ and where its data will lie; started again, as systemd does
(docs/cli.md), it is taken in again and has what the others have.
"""

import os
import shutil
import subprocess
import sys
import unittest

from cluster import ROOT, Cluster, contents, wait_until

DIVERGED_EXIT_STATUS = 6
KEYS = 30


def make_different():
    candidates = [os.environ.get("CAIRN_MAKE_DIFFERENT"), ROOT / "build/dev/test/e2e/make_different",
                  ROOT / "build/release/test/e2e/make_different"]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    sys.exit("make_different is not built; run ./dev test, or name it in CAIRN_MAKE_DIFFERENT")


class Diverged(unittest.TestCase):
    def write(self, member, prefix):
        for i in range(KEYS):
            reply = member.put(f"{prefix}/{i}", f"value-{i:03}".encode())
            self.assertIn(reply.status, (200, 201), reply)

    def change(self, member, what):
        """The index at which it differs from now on."""
        done = subprocess.run([make_different(), what, str(member.data_dir), "value-017", "VALUE-017"],
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        return int(done.stdout.split()[1])

    def expect_stop(self, member, *texts):
        self.assertEqual(DIVERGED_EXIT_STATUS, member.process.wait(20), member.log_tail())
        said = [line for line in member.log_tail().splitlines() if "E_DIVERGED" in line][-1]
        for text in texts:
            self.assertRegex(said, text)
        return said

    def expect_equal(self, cluster):
        truth = [(f"{prefix}/{i}".encode(), f"value-{i:03}".encode())
                 for prefix in ("before", "while-away") for i in range(KEYS)]
        for member in cluster.members:
            wait_until(lambda m=member: sorted(contents(m)) == sorted(truth), f"{member.name} has the others' state", 20)
        wait_until(lambda: "healthy, tolerates 1" in cluster.leader().status()["summary"], "healthy again", 20)

    def differs(self, what, *texts):
        cluster = self.enterContext(Cluster(3))
        self.write(cluster.leader(), "before")
        member = cluster.followers()[0]
        wait_until(lambda: len(contents(member, "before/")) == KEYS, "it has all")
        self.assertEqual(0, member.terminate())
        index = self.change(member, what)
        member.start()
        self.write(cluster.leader(other_than=member), "while-away")  # states are compared where they change
        said = self.expect_stop(member, *texts)
        self.assertRegex(said, str(member.data_dir / "quarantine" / "diverged") + "[^.]")
        self.assertGreaterEqual(int(said.split(texts[0])[1].split()[0]), index, "it names where they differ")
        member.start().wait()
        self.expect_equal(cluster)
        self.assertTrue((member.data_dir / "quarantine" / "diverged" / "wal").is_dir())
        # It counts again: with another one gone, writes still succeed.
        next(other for other in cluster.followers() if other is not member).kill()
        self.assertIn(cluster.leader().put("with-two", b"1").status, (200, 201))

    def test_a_log_that_differs(self):
        self.differs("log", "the leader's entry ")

    def test_a_state_that_differs(self):
        self.differs("state", "the state at index ")

    def test_the_one_that_led(self):
        """It loses its lead by being stopped, and is started again among others that go on."""
        cluster = self.enterContext(Cluster(3))
        leader = cluster.leader()
        self.write(leader, "before")
        self.assertEqual(0, leader.terminate())
        self.change(leader, "log")
        self.write(cluster.leader(other_than=leader), "while-away")
        leader.start()
        self.expect_stop(leader, "the leader's entry [0-9]+")
        leader.start().wait()
        self.expect_equal(cluster)

    def test_a_majority_that_put_all_aside_loses_nothing(self):
        """Those who are left decide nothing, until what lies aside has been put back."""
        cluster = self.enterContext(Cluster(3))
        self.write(cluster.leader(), "before")
        last, *others = cluster.members
        for member in cluster.members:
            self.assertEqual(0, member.terminate())
        for member in others:
            (member.data_dir / "DIVERGED").write_text("in doubt")
        for member in cluster.members:
            member.start()
        last.wait()
        wait_until(lambda: "too many have forgotten" in last.status()["waits_for"], "it says what it waits for", 20)
        self.assertNotIn(last.put("before/0", b"in its place").status, (200, 201))
        for member in others:
            self.assertEqual(0, member.terminate())
            for name in ("hardstate", "watermark", "wal", "snap"):
                at = member.data_dir / name
                (shutil.rmtree if at.is_dir() else os.remove)(at)
                os.rename(member.data_dir / "quarantine" / "diverged" / name, at)
            member.start()
        self.write(cluster.leader(), "while-away")
        self.expect_equal(cluster)

    def test_a_second_time_is_as_good_as_the_first(self):
        """And what is put aside then does not go over what was."""
        cluster = self.enterContext(Cluster(3))
        self.write(cluster.leader(), "before")
        self.write(cluster.leader(), "while-away")
        member = cluster.followers()[0]
        for copy in ("diverged", "diverged.2"):
            wait_until(lambda: len(contents(member, "before/")) == KEYS, "it has all", 20)
            self.assertEqual(0, member.terminate())
            self.change(member, "log")
            member.start()
            said = self.expect_stop(member, "start it again")
            self.assertIn(str(member.data_dir / "quarantine" / copy) + '"', said)
            member.start().wait()
            self.expect_equal(cluster)


if __name__ == "__main__":
    unittest.main()

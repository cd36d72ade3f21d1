#!/usr/bin/env python3
"""A member that was away for longer than the log is kept gets a snapshot while the others go on serving."""

import json
import os
import re
import random
import shutil
import threading
import time
import unittest

from cluster import Cluster, cairn, contents, wait_until

SNAPSHOT_LOG_BYTES = 256 * 1024
VALUE_BYTES = 64 * 1024
VALUES = 160  # 10 MB: snapshots are taken at twice the size each time, so this is worth several


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster(3, snapshot_log_bytes=str(SNAPSHOT_LOG_BYTES)))
        self.random = random.Random(2)
        self.written = {}

    def put(self, member, key, value):
        reply = member.put(key, value)
        self.assertIn(reply.status, (200, 201), reply)
        self.written[key.encode()] = value

    def fill(self, leader):
        for i in range(VALUES):
            self.put(leader, f"k{i % (VALUES - 20)}", self.random.randbytes(VALUE_BYTES))
        for i in range(10):
            self.assertEqual(200, leader.request("DELETE", f"/v1/kv/k{i}").status)
            del self.written[f"k{i}".encode()]

    def write_meanwhile(self, leader, stop, pauses):
        count = 0
        while not stop.is_set():
            start = time.monotonic()
            self.put(leader, f"meanwhile/{count}", str(count).encode())
            pauses.append(time.monotonic() - start)
            count += 1

    def catch_up(self, leader, away):
        stop, pauses = threading.Event(), []
        writer = threading.Thread(target=self.write_meanwhile, args=(leader, stop, pauses))
        writer.start()
        try:
            start = time.monotonic()
            away.start().wait()
            wait_until(lambda: away.status()["revision"] >= leader.status()["revision"] - 50, "it has caught up", 60)
            seconds = time.monotonic() - start
        finally:
            stop.set()
            writer.join()
        self.assertGreater(len(pauses), 10, "the others have served writes")
        self.assertLess(max(pauses), 5.0, "no writer was kept waiting")
        print(f"caught up by snapshot in {seconds:.2f} s; meanwhile {len(pauses)} writes, "
              f"the slowest took {max(pauses) * 1000:.0f} ms")

    def all_equal(self):
        # A status is local: of a leader that has just been elected it may be older than what is committed.
        leader = self.cluster.leader()
        self.assertEqual(200, leader.get("before", "?consistency=linearizable").status)
        revision = leader.status()["revision"]
        for member in self.cluster.members:
            wait_until(lambda m=member: m.status()["revision"] >= revision, f"{member.name} is at {revision}", 20)
            found = dict(contents(member, page=50))
            self.assertEqual(set(self.written), set(found), member.name)
            self.assertEqual(self.written, found, f"values at {member.name}")

    def test_a_member_catches_up_by_snapshot(self):
        leader = self.cluster.leader()
        self.put(leader, "before", b"1")
        away = self.cluster.followers()[0]
        last = leader.status()["last_index"]
        away.kill()
        self.fill(leader)
        wait_until(lambda: leader.status()["first_index"] > last + 1, "the log that it lacks has gone", 30)
        self.catch_up(leader, away)
        self.assertGreater(away.status()["snapshot_index"], last)
        self.assertIn("sending a snapshot", leader.log_path.read_text())
        self.all_equal()
        self.restart_from_snapshots()
        self.inspect()

    def restart_from_snapshots(self):
        for member in self.cluster.members:
            for what in ("snap", "wal"):  # of a running member: nothing is shown that is half written
                status, out, err = cairn("inspect", what, str(member.data_dir))
                self.assertEqual((5, b""), (status, out))
                self.assertIn(f"in use by a running member: process {member.process.pid}", err)
                self.assertIn("stop that member first", err)
        for member in self.cluster.members:
            member.kill()
        self.cluster.start()
        self.all_equal()
        for member in self.cluster.members:
            self.assertEqual(0, member.terminate())

    def inspect(self):
        for member in self.cluster.members:
            for what in ("snap", "wal"):
                status, out, err = cairn("inspect", what, str(member.data_dir))
                self.assertEqual(0, status, f"{member.name} {what}: {out.decode()[-2000:]} {err}")
            # What the entries wrote, in both formats, whose entries are the same.
            text = cairn("inspect", "wal", str(member.data_dir))[1].decode()
            self.assertTrue(re.search(r"\nentry index=\d+ term=\d+ type=command bytes=\d+: .*put \S+ = .* "
                                      r"\(\d+ bytes?\)", text), text[-2000:])
            said = cairn("inspect", "wal", str(member.data_dir), "-w", "json")[1]
            lines = [json.loads(line) for line in said.splitlines()]
            entries = [line for line in lines if line["kind"] == "entry"]
            self.assertEqual(len(entries), text.count("\nentry "))
            written = [operation["put"] for entry in entries for command in entry.get("commands", [])
                       for operation in command.get("txn", {}).get("then", []) if "put" in operation]
            self.assertTrue(written, member.name)
            for put in written:
                if put["key"].startswith("meanwhile/"):
                    self.assertEqual(put["key"].split("/")[1], put["value"])
                self.assertEqual(put["value_bytes"] > 32, put.get("cut", False))
        copy = self.cluster.folder / "copy"
        snapshot = max((self.cluster.members[0].data_dir / "snap").iterdir()).name
        for what, file in (("snap", f"snap/{snapshot}/chunks"), ("snap", f"snap/{snapshot}/MANIFEST"),
                           ("wal", self.oldest_segment()), ("wal", "hardstate")):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(self.cluster.members[0].data_dir, copy)
            flip_a_byte(copy / file)
            status, out, err = cairn("inspect", what, str(copy))
            said = out.decode() + err
            self.assertEqual(1, status, f"{file}: {said[-2000:]}")
            self.assertIn("damage", said)
            self.assertIn(os.path.basename(file), said, file)

    def oldest_segment(self):
        folder = self.cluster.members[0].data_dir / "wal"
        return f"wal/{min(path.name for path in folder.iterdir() if path.stat().st_size > 0)}"


def flip_a_byte(path):
    """One that is no zero, about in the middle of those: what fills up a block is nobody's, and nobody checks it."""
    content = bytearray(path.read_bytes())
    used = [at for at, byte in enumerate(content.rstrip(b"\0")) if byte]
    content[used[len(used) // 2]] ^= 0x01
    path.write_bytes(content)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Too few members are left to ever serve again: what one of them has on its disk becomes a backup, and a new cluster."""

import hashlib
import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from backup_test import etcdctl, fill, hash_of, history_of, revision_of
from cluster import Cluster, cairn, wait_until


def tree(folder):
    """Each file with what is in it, and nothing of when it was looked at."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in Path(folder).rglob("*") if path.is_file() and path.name != "LOCK"}


class Rescue(unittest.TestCase):
    def setUp(self):
        if not shutil.which("etcdctl"):
            self.skipTest("no etcdctl here")
        self.file = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "rescued.db")

    def save(self, data_dir, *flags):
        return cairn("snapshot", "save", self.file, "--data-dir", str(data_dir), *flags)

    def restored(self):
        cluster = self.enterContext(Cluster(1, start=False))
        member = cluster.members[0]
        status, _, err = cairn("snapshot", "restore", self.file, "--data-dir", str(member.data_dir), "--name", member.name,
                               "--initial-cluster", cluster.initial_cluster(), "--initial-cluster-token", cluster.token,
                               "--initial-advertise-peer-urls", member.peer_url)
        self.assertEqual(0, status, err)
        member.start()
        cluster.leader()
        return member

    def test_the_last_of_three(self):
        with Cluster(3) as cluster:
            last = cluster.followers()[0]
            url = cluster.leader().client_url
            fill(url)
            expected, until = hash_of(url), revision_of(url)
            wait_until(lambda: revision_of(last.client_url) == until, "the last has it all", 10)
            history = history_of(url, 20, until)

            status, _, err = self.save(last.data_dir)
            self.assertEqual(5, status)
            self.assertIn("in use by a running member", err)
            for member in cluster.members:
                member.kill()
            before = tree(last.data_dir)
            status, out, err = self.save(last.data_dir, "-w", "json")
            self.assertEqual(0, status, err)
            said = json.loads(out)
            self.assertEqual((until, []), (said["revision"], said["damage"]))
            self.assertEqual(before, tree(last.data_dir), "nothing in the directory has changed")
            self.assertEqual(2, self.save(last.data_dir)[0], "nothing is replaced unless that is asked for")

            member = self.restored()
            self.assertEqual(expected, hash_of(member.client_url))
            self.assertEqual(history, history_of(member.client_url, 20, until))
            etcdctl(member.client_url, "put", "goes", "on")

    def test_of_snapshot_and_log(self):
        with Cluster(1, snapshot_log_bytes="65536") as cluster:
            member = cluster.leader()
            for i in range(90):
                member.put(f"k{i % 7}", str(i) * 2000)
            expected = hash_of(member.client_url)
            wait_until(lambda: any(Path(member.data_dir, "snap").iterdir()), "a snapshot is there", 20)
            member.kill()
            self.assertEqual(0, self.save(member.data_dir)[0])
            self.assertEqual(expected, hash_of(self.restored().client_url))

    def test_damage_is_said_and_what_is_in_front_of_it_is_saved(self):
        with Cluster(1) as cluster:
            member = cluster.leader()
            for i in range(30):
                member.put("k", f"value-{i:04}")
            member.kill()
            segment = max(Path(member.data_dir, "wal").glob("*-*"), key=lambda path: path.read_bytes().count(b"value-"))
            data = bytearray(segment.read_bytes())
            data[data.index(b"value-0020")] ^= 1
            segment.write_bytes(data)
            status, _, err = self.save(member.data_dir)
            self.assertEqual(0, status, err)
            self.assertIn("E_WAL_DAMAGED", err)
            self.assertEqual(b"value-0019", self.restored().get("k").body)

    def test_a_directory_of_something_else_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "member", "snap"))
            status, _, err = self.save(folder)
            self.assertEqual(5, status)
            self.assertIn("holds no log of cairn", err)
            self.assertEqual(["member"], os.listdir(folder))
            self.assertFalse(os.path.exists(self.file) or os.path.exists(self.file + ".part"))
        status, _, err = self.save("/nowhere/at/all")
        self.assertEqual(5, status)
        self.assertIn("holds no log of cairn", err)


if __name__ == "__main__":
    unittest.main()

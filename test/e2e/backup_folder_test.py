#!/usr/bin/env python3
"""cairn backup: a folder of backups that somebody can rely on: whole or not there, as many as were asked for, tried out."""

import json
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import ClusterCase, Running, cairn, program, wait_until


class BackupFolder(ClusterCase):
    def setUp(self):
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))
        self.folder = self.root / "backups"
        for i in range(5):
            self.cluster.leader().put(f"{self.id()}/{i}", b"v")

    def backup(self, *arguments):
        status, out, said = self.cluster.cairn("backup", *arguments, "-w", "json")
        return status, json.loads(out) if out else None, said

    def files(self):
        return sorted(path.name for path in self.folder.iterdir() if path.name.startswith("cairn-"))

    def test_take_list_and_verify(self):
        taken = []
        for _ in range(4):
            status, said, err = self.backup("take", str(self.folder), "--keep", "3")
            self.assertEqual(0, status, err)
            taken.append(said)
            self.cluster.leader().put("later", b"v")  # another revision, so another name
        self.assertEqual([Path(said["file"]).name for said in taken[1:]], self.files())
        self.assertEqual([[], [], [], [Path(taken[0]["file"]).name]], [said["removed"] for said in taken])
        status, listed, _ = self.backup("list", str(self.folder), "--verify")
        self.assertEqual((0, [said["revision"] for said in taken[1:]], [None] * 3),
                         (status, [each["revision"] for each in listed], [each["damage"] for each in listed]))
        self.assertEqual([], [path.name for path in self.folder.iterdir() if "taking" in path.name])

        damaged = self.folder / self.files()[1]
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 1
        damaged.write_bytes(content)
        status, listed, _ = self.backup("list", str(self.folder), "--verify")
        self.assertEqual(1, status)
        self.assertEqual([False, True, False], [each["damage"] is not None for each in listed])
        self.assertEqual(0, self.backup("list", str(self.folder))[0], "who does not read them does not know")

    def test_what_is_no_backup_is_left_alone(self):
        self.folder.mkdir()
        for name in ("monday.db", "cairn-notes.txt", "cairn-20200101T000000Z-r5.db.part"):
            (self.folder / name).write_text("mine")
        self.assertEqual(0, self.backup("take", str(self.folder), "--keep", "1")[0])
        self.cluster.leader().put("later", b"v")
        self.assertEqual(0, self.backup("take", str(self.folder), "--keep", "1")[0])
        self.assertEqual(1, len([name for name in self.files() if name.endswith(".db") and "r5" not in name]))
        for name in ("monday.db", "cairn-notes.txt", "cairn-20200101T000000Z-r5.db.part"):
            self.assertEqual("mine", (self.folder / name).read_text())

    def test_a_failure_leaves_what_was_there(self):
        self.assertEqual(0, self.backup("take", str(self.folder), "--keep", "1")[0])
        before = self.files()
        status, _, said = cairn("backup", "take", str(self.folder), "--keep", "1", "--endpoints", "http://127.0.0.1:1")
        self.assertEqual(3, status, said)
        self.assertEqual(before, self.files())
        status, _, said = self.cluster.cairn("backup", "take", str(self.root / "none" / "deeper"))
        self.assertEqual(5, status, said)
        self.assertEqual(2, self.cluster.cairn("backup", "take", str(self.folder), "--every", "soon")[0])

    def test_folders_that_are_none(self):
        file = self.root / "file"
        file.write_text("mine")
        for what in ("take", "list"):
            status, _, said = self.cluster.cairn("backup", what, str(file), "-w", "json")
            self.assertEqual(5, status, said)
            self.assertIn("where a folder belongs", json.loads(said)["error"]["message"])
        self.assertEqual("mine", file.read_text())
        self.folder.mkdir()
        self.assertEqual(0, self.backup("list", str(self.folder))[0])
        status, _, said = self.backup("list", str(self.folder), "--verify")
        self.assertEqual((1, "no_backup"), (status, json.loads(said)["error"]["code"]), "nothing is not good")

    def test_a_clock_that_goes_back_keeps_the_order(self):
        self.assertEqual(0, self.backup("take", str(self.folder))[0])
        old, late = self.files()[0], "cairn-20990101T000000Z-r2.db"
        (self.folder / old).rename(self.folder / late)
        status, said, warned = self.backup("take", str(self.folder), "--keep", "1")
        self.assertEqual((0, [late]), (status, said["removed"]), "the new one is not the oldest")
        self.assertIn("look at the clock", warned)
        self.assertEqual([Path(said["file"]).name], self.files())
        self.assertTrue(self.files()[0].startswith("cairn-20990101T000001Z-"))

    def test_a_cluster_that_began_anew_does_not_cost_the_backups_of_before(self):
        self.folder.mkdir()
        before = "cairn-20200101T000000Z-r999999.db"
        (self.folder / before).write_text("what was")
        for _ in range(2):
            status, said, err = self.backup("take", str(self.folder), "--keep", "1")
            self.assertEqual((0, [before]), (status, said["of_later_revisions"]), err)
        self.assertEqual([before, Path(said["file"]).name], self.files())

    def test_again_and_again_over_a_failover(self):
        line = [program(), "backup", "take", str(self.folder), "--every", "1s", "--endpoints", self.cluster.endpoints(),
                "--timeout", "2"]
        with Running(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as taking:
            try:
                wait_until(lambda: self.folder.exists() and self.files(), "the first", 15)
                status, _, said = self.cluster.cairn("backup", "take", str(self.folder))
                self.assertEqual(5, status, "two of them would be in each other's way")
                self.assertIn("another cairn backup", said)
                self.assertEqual(0, self.backup("list", str(self.folder), "--verify")[0], "but they may be read")
                first = self.cluster.members[0]
                first.kill()
                self.cluster.leader().put("meanwhile", b"v")
                count = len(self.files())
                wait_until(lambda: len(self.files()) > count, "another, from another member", 20)
                first.start().wait()
            finally:
                taking.send_signal(signal.SIGTERM)
            self.assertEqual(0, taking.wait(20))
        self.assertEqual(0, self.backup("list", str(self.folder), "--verify")[0])


if __name__ == "__main__":
    unittest.main()

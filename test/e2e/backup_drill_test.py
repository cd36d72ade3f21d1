#!/usr/bin/env python3
"""cairn backup drill: a member is started from a backup, compared, and nothing is left of it."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import unittest
import unittest.mock as mock
from pathlib import Path

from cluster import Cluster, ClusterCase, Running, mount, program, wait_until


class BackupDrill(ClusterCase):
    cluster_size = 1

    def setUp(self):
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))
        self.folder = self.root / "backups"
        self.folder.mkdir()
        for i in range(5):
            self.cluster.leader().put(f"{self.id()}/{i}", b"v")

    def take(self):
        status, out, err = self.cluster.cairn("backup", "take", str(self.folder), "-w", "json")
        self.assertEqual(0, status, err)
        return json.loads(out)

    def line(self, endpoints=None):
        return [program(), "backup", "drill", str(self.folder), "-w", "json", "--endpoints",
                endpoints or self.cluster.endpoints()]

    def environment(self):
        """With settings of a member that lives here, by which nothing would start twice."""
        return os.environ | {"TMPDIR": str(self.root), "ETCD_CERT_FILE": "/none", "CAIRN_QUOTA_BACKEND_BYTES": "x"}

    def drill(self, endpoints=None, *more):
        done = subprocess.run(self.line(endpoints) + list(more), env=self.environment(), capture_output=True, text=True,
                              timeout=90, check=False)
        self.assertEqual(["backups"], [path.name for path in self.root.iterdir()], "nothing is left of it")
        return done.returncode, json.loads(done.stdout or done.stderr)

    def test_the_newest_is_compared_with_the_cluster(self):
        status, said = self.drill()
        self.assertEqual((1, "no_backup"), (status, said["error"]["code"]))
        self.take()
        self.cluster.leader().put("later", b"v")
        newest = self.take()
        self.cluster.leader().put("later", b"not in it")
        status, said = self.drill()
        self.assertEqual(0, status, said)
        self.assertEqual((newest["file"], newest["revision"], newest["keys"], self.cluster.endpoints()),
                         (said["file"], said["revision"], said["keys"], said["same_as"]))

    def test_users_are_asked_who_they_are_by_the_cluster_and_by_what_is_started(self):
        for words, typed in (("user", "add", "root"), "rootpw\n"), (("user", "grant-role", "root", "root"), ""), (("auth", "enable"), ""):
            self.assertEqual(0, self.cluster.cairn(*words, stdin=typed)[0], words)
        self.addCleanup(self.cluster.cairn, "auth", "disable", "--user", "root", stdin="rootpw\n")
        status, _, err = self.cluster.cairn("backup", "take", str(self.folder))
        self.assertEqual((True, True), (status != 0, "user name is empty" in err), err)
        self.assertEqual(0, self.cluster.cairn("backup", "take", str(self.folder), "--user", "root", stdin="rootpw\n")[0])
        with mock.patch.dict(os.environ, {"CAIRN_USER": "root", "CAIRN_PASSWORD": "rootpw"}):
            status, said = self.drill()
        self.assertEqual((0, self.cluster.endpoints()), (status, said.get("same_as")), said)
        status, said = self.drill()
        self.assertEqual((1, True), (status, "user name is empty" in said["error"]["message"]), said)

    def test_without_the_cluster_it_is_compared_with_itself(self):
        self.take()
        status, said = self.drill("http://127.0.0.1:1", "--timeout", "1")
        self.assertEqual((0, None), (status, said["same_as"]), said)

    def test_another_clusters_differs(self):
        taken = self.take()
        with Cluster(size=1) as other:
            for i in range(taken["revision"]):
                other.leader().put("k", str(i).encode())
            status, said = self.drill(other.endpoints())
        self.assertEqual((1, "backup_differs"), (status, said["error"]["code"]))

    def test_many_at_once(self):
        """Ports are chosen before anybody listens on them: no other drill's member is asked, or in the way."""
        self.take()
        with contextlib.ExitStack() as stack:
            drills = [stack.enter_context(Running(self.line(), env=self.environment(), stdout=subprocess.PIPE,
                                                  stderr=subprocess.STDOUT)) for _ in range(6)]
            for drill in drills:
                said, _ = drill.communicate(timeout=60)
                self.assertEqual(0, drill.returncode, said)

    def test_a_full_disk_is_no_fault_of_the_backup(self):
        self.take()
        small = self.root / "small"
        mount(self, small, "-o", "size=2m")
        done = subprocess.run(self.line(), env=self.environment() | {"TMPDIR": str(small)}, capture_output=True, text=True,
                              timeout=90, check=False)
        self.assertEqual(5, done.returncode, done.stderr)
        self.assertIn("TMPDIR names a place with more room", done.stderr)
        self.assertEqual([], list(small.iterdir()), "nothing is left of it")

    def test_a_bit_that_flipped(self):
        file = Path(self.take()["file"])
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        status, said = self.drill()
        self.assertEqual(1, status)
        self.assertIn("E_BACKUP_DAMAGED", said["error"]["message"])

    def test_whoever_ends_it_finds_nothing_left(self):
        self.take()
        for end, expected in ((signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
            with Running(self.line(), env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as drill:
                wait_until(lambda: list(self.root.glob("cairn-drill-*/n1.log")), "it has begun", 20)
                drill.send_signal(end)
                self.assertEqual(expected, drill.wait(20))
            wait_until(lambda: [path.name for path in self.root.iterdir()] == ["backups"], "nothing is left of it", 20)


if __name__ == "__main__":
    unittest.main()

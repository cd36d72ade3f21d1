#!/usr/bin/env python3
"""cairn backup take while things fail: what has a name is whole, and what is half goes away."""

import json
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster, ClusterCase, Running, mount, program, wait_until
from tls_test import Pki

VALUE = b"v" * 100_000
COUNT = 40
HALF = len(VALUE) * COUNT // 2


class Between:
    """Takes connections for a member, and after so many bytes of its answers hangs, or hangs up."""

    def __init__(self, member, size_bytes, hangs_up):
        self.to = urlsplit(member.client_url)
        self.size_bytes, self.hangs_up = size_bytes, hangs_up
        self.is_half = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.ends = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            member = socket.create_connection((self.to.hostname, self.to.port))
            self.ends += [client, member]
            threading.Thread(target=self.pump, args=(client, member, None), daemon=True).start()
            threading.Thread(target=self.pump, args=(member, client, self.size_bytes), daemon=True).start()

    def pump(self, source, sink, left):
        try:
            while data := source.recv(16384):
                sink.sendall(data)
                if left is not None and (left := left - len(data)) <= 0:
                    self.is_half.set()
                    if not self.hangs_up:
                        return
                    break
            for end in (source, sink):
                end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in [self.listening, *self.ends]:
            end.close()


class BackupFaults(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for i in range(COUNT):
            cls.cluster.leader().put(f"k{i}", VALUE)
        for member in cls.cluster.members:
            wait_until(lambda: member.get(f"k{COUNT - 1}", "?consistency=local").status == 200, "it has them", 20)

    def setUp(self):
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))
        self.folder = self.root / "backups"

    def line(self, endpoints, *more):
        return [program(), "backup", "take", str(self.folder), "-w", "json", "--endpoints", endpoints, *more]

    def take(self, endpoints, *more):
        done = subprocess.run(self.line(endpoints, *more), capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, json.loads(done.stdout or done.stderr)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir() if path.name != ".lock")

    def test_a_member_that_is_gone_in_the_middle(self):
        first, second = self.cluster.members[:2]
        with Between(first, HALF, hangs_up=True) as gone:
            status, said = self.take(f"{gone.url},{second.client_url}")
            self.assertEqual((0, second.client_url), (status, said.get("from")), said)
            self.assertTrue(gone.is_half.is_set())
            before = self.names()
            status, said = self.take(gone.url)
            self.assertEqual(3, status, said)
            self.assertIn("in the middle of it", said["error"]["message"])
        with Between(first, HALF, hangs_up=False) as hung:
            status, said = self.take(hung.url, "--timeout", "1")
            self.assertEqual(3, status, said)
            self.assertIn("nothing came for", said["error"]["message"])
        self.assertEqual(before, self.names())

    def begin(self, half):
        taking = Running(self.line(half.url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(half.is_half.wait(20))
        wait_until(lambda: self.folder.exists() and ".taking.db.part" in self.names(), "half of it is there", 20)
        return taking

    def test_ended_in_the_middle(self):
        first = self.cluster.members[0]
        with Between(first, HALF, hangs_up=False) as half, self.begin(half) as taking:
            taking.send_signal(signal.SIGTERM)
            self.assertEqual(130, taking.wait(20))
        self.assertEqual([], self.names())

    def test_killed_in_the_middle(self):
        first = self.cluster.members[0]
        with Between(first, HALF, hangs_up=False) as half, self.begin(half) as taking:
            taking.kill()
            taking.wait(20)
        self.assertEqual([".taking.db.part"], self.names())
        status, out, said = self.cluster.cairn("backup", "list", str(self.folder))
        self.assertEqual(0, status)
        self.assertIn(".taking.db.part: one is being taken, or was cut off", said)
        self.assertNotIn(b"taking", out)
        (self.folder / ".taking.db").write_text("killed a moment later")
        self.assertEqual(3, self.take("http://127.0.0.1:1")[0])
        self.assertEqual([], self.names(), "the room is wanted")
        status, said = self.take(first.client_url)
        self.assertEqual((0, [Path(said["file"]).name]), (status, self.names()))

    def test_a_full_disk(self):
        """Room for one and a half: the second fails, and costs nothing of the first."""
        mount(self, self.folder, "-o", f"size={HALF * 3 + (HALF >> 1)}")
        url = self.cluster.members[0].client_url
        status, said = self.take(url, "--keep", "1")
        self.assertEqual(0, status, said)
        before = self.names()
        status, said = self.take(url, "--keep", "1")
        self.assertEqual(5, status)
        self.assertIn("No space left", said["error"]["message"])
        self.assertIn("make room", said["error"]["hint"])
        self.assertEqual(before, self.names())
        self.assertEqual(0, self.cluster.cairn("backup", "list", str(self.folder), "--verify")[0])

    def test_a_folder_that_may_only_be_read(self):
        mount(self, self.folder, "-o", "ro")
        status, said = self.take(self.cluster.members[0].client_url)
        self.assertEqual(5, status)
        self.assertIn("Read-only", said["error"]["message"])

    def test_a_folder_that_is_swapped_meanwhile_is_not_gone_on_with(self):
        line = self.line(self.cluster.endpoints(), "--every", "1s")
        with Running(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as taking:
            wait_until(lambda: list(self.folder.glob("cairn-*")), "it has begun", 20)
            self.folder.rename(self.root / "away")
            self.folder.mkdir()
            self.assertEqual(5, taking.wait(20))
            self.assertIn("another folder than the one in use", taking.stderr.read())
        self.assertEqual([], self.names())


class BackupsOverTls(unittest.TestCase):
    def test_taken_and_compared(self):
        pki = self.enterContext(Pki())
        cluster = self.enterContext(Cluster(1, tls=pki.context(certificate=True), client_cert_auth="true",
                                            **pki.client_flags(demand=True)))
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-"))
        cluster.leader().put("k", b"v")
        tls = ["--cacert", pki.path("ca.crt"), "--cert", pki.path("client.crt"), "--key", pki.path("client.key")]
        status, _, said = cluster.cairn("backup", "take", folder)
        self.assertEqual(3, status, said)
        status, _, said = cluster.cairn("backup", "take", folder, *tls)
        self.assertEqual(0, status, said)
        status, out, said = cluster.cairn("backup", "drill", folder, "-w", "json", *tls)
        self.assertEqual((0, cluster.endpoints()), (status, json.loads(out)["same_as"]), said)


if __name__ == "__main__":
    unittest.main()

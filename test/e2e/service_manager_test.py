#!/usr/bin/env python3
"""What a service manager is told, as systemd would hear it: a socket that NOTIFY_SOCKET names."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cluster import Cluster, free_port, program


class ServiceManager(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))
        self.path = str(self.folder / "notify")
        self.socket = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.socket.bind(self.path)

    def heard(self, text, seconds=20.0):
        """What is heard from now on, up to the first message with a line that begins like that."""
        messages, end = [], time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                messages.append(self.socket.recv(4096).decode())
            except TimeoutError:
                self.fail(f"not told '{text}', but {messages}")
            if any(line.startswith(text) for line in messages[-1].split("\n")):
                return messages

    def test_a_life(self):
        with Cluster(size=3, start=False, environment={"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "200000"}) as cluster:
            member = cluster.members[0].start()
            said = self.heard("READY=1")
            self.assertTrue(any(each.startswith("STATUS=listens whether a cluster knows") for each in said), said)
            self.assertIn("STATUS=serves; no leader is known", said[-1], "whoever starts it does not wait for the others")
            self.heard("WATCHDOG=1")
            self.heard("WATCHDOG=1")
            cluster.environment.clear()
            for other in cluster.members[1:]:
                other.start()
            leader = cluster.leader()
            self.heard("STATUS=serves; leads" if leader is member else f"STATUS=serves; follows {leader.name}")
            member.process.send_signal(signal.SIGHUP)
            said = self.heard("READY=1")
            self.assertTrue(any("RELOADING=1\nMONOTONIC_USEC=" in each for each in said), said)
            self.assertEqual(0, member.terminate())
            self.assertIn("STATUS=stops: ", self.heard("STOPPING=1")[-1])

    def test_who_joins_says_what_it_waits_for(self):
        with Cluster(size=1, start=False, environment={"NOTIFY_SOCKET": self.path}) as cluster:
            other = f"n9=http://127.0.0.1:{free_port()}"
            member = cluster.members[0].start(initial_cluster_state="existing",
                                              initial_cluster=f"{cluster.initial_cluster()},{other}")
            said = self.heard("STATUS=waits to be called by the cluster that it joins: cairn member add n1=URL")
            self.assertFalse(any("READY" in each for each in said), said)
            member.kill()

    def test_a_manager_that_is_not_understood_is_refused(self):
        done = subprocess.run([program(), "server", "--data-dir", str(self.folder / "data")], capture_output=True, text=True,
                              timeout=20, env=os.environ | {"NOTIFY_SOCKET": "vsock:2:1"}, check=False)
        self.assertEqual(2, done.returncode, done.stderr)
        said = json.loads(done.stderr.splitlines()[-1])
        self.assertIn("NOTIFY_SOCKET=vsock:2:1", json.dumps(said))
        self.assertIn("unset it", json.dumps(said))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""What clients take, the cluster does not lack: descriptors, memory, turns, the leader's attention.

    test/e2e/greedy_clients_test.py
"""

import resource
import socket
import subprocess
import unittest
from urllib.parse import urlsplit

from cluster import Cluster, KeptConnection, program, wait_until

BIG_VALUE = b"x" * 1_400_000
FILES_MAX = 256
IDLE_CONNECTIONS = 600


class Descriptors(unittest.TestCase):
    """A limit of 256 open files, which clients could take whole: the log could not rotate, and the member ended."""

    def test_1_the_soft_limit_is_raised(self):
        with Cluster(1, prefix=["prlimit", "--nofile=256:4096"]) as cluster:
            self.assertEqual((4096, 4096), resource.prlimit(cluster.members[0].process.pid, resource.RLIMIT_NOFILE))

    def test_2_idle_connections_do_not_take_what_the_log_needs(self):
        with Cluster(1, prefix=["prlimit", f"--nofile={FILES_MAX}:{FILES_MAX}"]) as cluster:
            member = cluster.members[0]
            with KeptConnection(member) as older:
                idle = [self.connect(member) for _ in range(IDLE_CONNECTIONS)]
                for number in range(150):
                    self.assertIn(older.put(f"k{number}", BIG_VALUE), (200, 201), member.log_tail())
                for one in idle:
                    one.close()
            wait_until(lambda: member.get("k149").body == BIG_VALUE, "it serves others again")
            self.assertIn("as many open as one address may", member.log_tail(200))

    def connect(self, member):
        address = urlsplit(member.client_url)
        return socket.create_connection((address.hostname, address.port), timeout=10)

    def test_3_too_few_to_start_are_refused(self):
        started = subprocess.run(["prlimit", "--nofile=100:100", program(), "server", "--data-dir", "/nonexistent/d"],
                                 capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(5, started.returncode)
        self.assertIn("may open 100 files, and needs 184", started.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)

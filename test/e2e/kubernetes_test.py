#!/usr/bin/env python3
"""Kubernetes' use of its store, with validators (foreign/kubernetes_load.py), while members are killed one at a time.

CAIRN_KUBERNETES_SECONDS makes it longer.
"""

import json
import os
import subprocess
import tempfile
import time
import unittest

from cluster import ROOT, Cluster, wait_until
from foreign_clients_test import HERE, PYTHON


class Kubernetes(unittest.TestCase):
    def setUp(self):
        if subprocess.run([PYTHON, "-c", "import grpc, google.protobuf"], capture_output=True).returncode:
            self.skipTest("python3-etcd3 is not installed, whose gRPC this uses; ./dev test installs it")
        self.seconds = float(os.environ.get("CAIRN_KUBERNETES_SECONDS", "15"))
        self.modules = self.enterContext(tempfile.TemporaryDirectory())
        subprocess.run(["protoc", f"--proto_path={ROOT}/proto", f"--python_out={self.modules}", "kv.proto", "auth.proto", "rpc.proto"],
                       check=True, timeout=60)

    def test_holds_while_members_are_killed(self):
        with Cluster() as cluster:
            load = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", PYTHON, "-B", str(HERE / "foreign/kubernetes_load.py"),
                                     self.modules, cluster.endpoints(), str(self.seconds)],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                kills = self.kill_in_turn(cluster)
                out, err = load.communicate(timeout=self.seconds + 120)
            finally:
                load.kill()
                load.wait()
            self.assertEqual((0, ""), (load.returncode, err))
            print(kills, "members killed:", out.strip())
            did = json.loads(out)
            self.assertGreater(kills, 2)
            for what in ("writes", "compactions", "events", "watched", "compared"):
                self.assertGreater(did[what], 0, what)

    def kill_in_turn(self, cluster):
        """The leader and a follower by turns, each back and in step before the next, until the load's time is over."""
        kills, ends = 0, time.monotonic() + self.seconds
        while time.monotonic() < ends:
            victim = cluster.leader() if kills % 2 == 0 else cluster.followers()[0]
            self.let_write(cluster, ends)
            victim.kill()
            kills += 1
            cluster.leader(other_than=victim)
            self.let_write(cluster, ends)
            victim.start().wait()
            cluster.leader()
        return kills

    def let_write(self, cluster, ends):
        """Waits until the load has gone on for a while, told by the revision, or its time is over."""
        def revision():
            return int(cluster.running()[0].status()["revision"])
        begun = revision()
        wait_until(lambda: revision() > begun + 200 or time.monotonic() > ends, "the load goes on", 60)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Clients of etcd from npm, unchanged: @grpc/grpc-js with our .proto files, and etcd3, whose members are killed meanwhile.

They are installed into CAIRN_NPM (the build folder), in the versions of npm/package.json.
"""

import unittest

import npm_modules
from cluster import ROOT, Cluster

NODE_MAJOR_MIN = 18


class NpmClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        npm_modules.need(NODE_MAJOR_MIN)

    def test_grpc_js_with_our_protos(self):
        with Cluster() as cluster:
            process = npm_modules.node("with_grpc_js.js", cluster.endpoints(), str(ROOT / "proto"))
            said, _ = process.communicate(timeout=100)
            self.assertEqual(0, process.returncode, said)
            self.assertRegex(said, r"(?m)^# pass 5$")

    def test_etcd3_while_members_are_killed(self):
        with Cluster() as cluster, npm_modules.node("with_etcd3.js", cluster.endpoints()) as process:
            said = []
            for line in process.stdout:
                said.append(line)
                what, _, which = line.strip().partition(" ")
                if what in ("kill", "start"):
                    self.do(cluster, what, cluster.members[int(which)])
                    process.stdin.write("done\n")
                    process.stdin.flush()
            self.assertEqual(0, process.wait(20), "".join(said))
            self.assertEqual(6, sum(line.startswith("passed ") for line in said), "".join(said))

    def do(self, cluster, what, member):
        if what == "kill":
            member.kill()
        else:
            member.start().wait()
        cluster.leader()


if __name__ == "__main__":
    unittest.main()

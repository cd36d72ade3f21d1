#!/usr/bin/env python3
"""Clients of etcd from npm, unchanged: @grpc/grpc-js with our .proto files, and etcd3, whose members are killed meanwhile.

They are installed into CAIRN_NPM (the build folder), in the versions of npm/package.json.
"""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

from cluster import ROOT, Cluster

HERE = Path(__file__).parent / "npm"
NODE_MAJOR_MIN = 18


class NpmClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(os.environ.get("CAIRN_NPM", ROOT / "build/dev/test/e2e/npm"))
        if not shutil.which("node") or not shutil.which("npm"):
            raise unittest.SkipTest(f"node and npm are not installed: npm's clients need node {NODE_MAJOR_MIN} or later")
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
        if int(version.lstrip("v").split(".")[0]) < NODE_MAJOR_MIN:
            raise unittest.SkipTest(f"node {version} is older than {NODE_MAJOR_MIN}")
        cls.install()

    @classmethod
    def install(cls):
        wanted, stamp = (HERE / "package.json").read_text(), cls.folder / "installed.json"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        cls.folder.mkdir(parents=True, exist_ok=True)
        (cls.folder / "package.json").write_text(wanted)
        done = subprocess.run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--fetch-retries=1", "--fetch-timeout=20000"],
                              cwd=cls.folder, capture_output=True, text=True, timeout=200)
        if done.returncode:
            raise unittest.SkipTest(f"npm's clients cannot be installed: {' '.join(done.stderr.split())[:300]}")
        stamp.write_text(wanted)

    def node(self, script, *arguments):
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "node", str(HERE / script), *arguments], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env=os.environ | {"NODE_PATH": str(self.folder / "node_modules")})

    def test_grpc_js_with_our_protos(self):
        with Cluster() as cluster:
            process = self.node("with_grpc_js.js", cluster.endpoints(), str(ROOT / "proto"))
            said, _ = process.communicate(timeout=100)
            self.assertEqual(0, process.returncode, said)
            self.assertRegex(said, r"(?m)^# pass 5$")

    def test_etcd3_while_members_are_killed(self):
        with Cluster() as cluster, self.node("with_etcd3.js", cluster.endpoints()) as process:
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

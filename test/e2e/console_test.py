#!/usr/bin/env python3
"""The web console in a real browser: Debian's Chromium without a window, driven by npm's playwright-core (npm/console.js).

Skipped where either is missing. CAIRN_CONSOLE_SHOTS=FOLDER keeps pictures of what was seen.
"""

import os
import shutil
import subprocess
import unittest

import npm_modules
from cluster import ROOT, Cluster

NODE_MAJOR_MIN = 20
SECONDS = 150


def chromium():
    found = os.environ.get("CAIRN_CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not found:
        raise unittest.SkipTest("no browser: apt-get install chromium-headless-shell")
    return found


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        npm_modules.need(NODE_MAJOR_MIN)
        os.environ["CAIRN_CHROMIUM"] = chromium()
        cls.cluster = cls.enterClassContext(Cluster())

    def setUp(self):
        self.assertEqual(200, self.cluster.leader().request("DELETE", "/v1/kv?all=true").status)

    def play(self, scenario):
        with npm_modules.node("console.js", scenario, *self.cluster.endpoints().split(",")) as process:
            said = []
            for line in process.stdout:
                said.append(line)
                what, _, which = line.strip().partition(" ")
                if what == "kill":
                    self.cluster.members[int(which)].kill()
                elif what == "start":
                    self.cluster.members[int(which)].start().wait()
                else:
                    continue
                process.stdin.write("done\n")
                process.stdin.flush()
            self.assertEqual(0, process.wait(SECONDS), "".join(said))
            self.assertEqual("passed\n", said[-1], "".join(said))

    def test_views_at_every_width_light_and_dark(self):
        self.play("views")

    def test_a_leader_that_is_killed(self):
        self.play("failover")

    def test_somebody_else_writes_meanwhile(self):
        self.play("conflict")

    def test_new_keys_bytes_and_leases(self):
        self.play("create")

    def test_two_pages_and_a_watch(self):
        self.play("watch")

    def test_opened_by_another_name(self):
        self.play("another_name")

    def test_keys_and_values_are_only_text(self):
        self.play("hostile")

    def test_with_users(self):
        def say(*words, login=()):
            status, out, err = self.cluster.cairn(*words, *login, stdin="root-password\n")
            self.assertEqual(0, status, f"{words} {out} {err}")
        say("user", "add", "root")
        say("user", "grant-role", "root", "root")
        say("user", "add", "ann")
        say("role", "add", "app")
        say("role", "grant-permission", "app", "readwrite", "app/", "--prefix")
        say("user", "grant-role", "ann", "app")
        say("auth", "enable")
        try:
            self.play("login")
        finally:
            say("auth", "disable", login=("--user", "root"))

    def test_its_types_are_right(self):
        done = subprocess.run(["node", str(npm_modules.FOLDER / "node_modules/typescript/bin/tsc"), "-p", str(ROOT / "console")],
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(0, done.returncode, done.stdout)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The examples, as somebody would try them: several of each at once, at different members, one of which dies."""

import json
import os
import subprocess
import tempfile
import unittest

import npm_modules
from cluster import ROOT, ClusterCase, wait_until

EXAMPLES = ROOT / "examples"


class Examples:
    """What is asked of those in each language."""

    def start(self, name, member, *words, to=subprocess.PIPE):
        address = member.client_url.removeprefix("http://")
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command(name), address, *words],
                                stdout=to, stderr=subprocess.PIPE, text=True, env=self.environment())

    def said(self, running):
        out, err = running.communicate(timeout=60)
        self.assertEqual((0, ""), (running.returncode, err))
        return (out or "").splitlines()

    def run_one(self, name, member, *words):
        return self.said(self.start(name, member, *words))

    def next_line(self, running):
        return running.stdout.readline().rstrip("\n")

    def test_hello(self):
        for version, member in enumerate(self.cluster.members, self.greeted()):
            self.assertEqual([f"greeting = hello, version {version}"], self.run_one("hello", member))

    def greeted(self):
        """The version that the next greeting has."""
        answer = self.cluster.members[0].request("GET", "/v1/kv/greeting")
        return 1 if answer.status == 404 else int(answer.headers["Cairn-Version"]) + 1

    def test_lock(self):
        """Nobody begins before who began has ended."""
        with tempfile.TemporaryFile("a+") as together:
            running = [self.start("lock", member, f"n{i}", "0.3", to=together)
                       for i, member in enumerate(self.cluster.members * 2)]
            for each in running:
                self.said(each)
            together.seek(0)
            lines = together.read().splitlines()
        self.assertEqual({f"n{i} begins" for i in range(6)}, set(lines[0::2]))
        self.assertEqual([line.replace("begins", "ends") for line in lines[0::2]], lines[1::2])

    def test_leader(self):
        """Who leads is killed without a word: the other one follows once its lease has ended."""
        first = self.start("leader", self.cluster.members[0], "one", "100")
        self.assertEqual("one leads", self.next_line(first))
        second = self.start("leader", self.cluster.members[1], "two", "0.1")
        first.kill()
        first.communicate()
        self.assertEqual(["two leads", "two gives up"], self.said(second))

    def test_configuration(self):
        def change(path, value):
            member = self.cluster.members[1]
            method = "DELETE" if value is None else "PUT"
            answer = member.request(method, f"/v1/kv/examples/configuration/{path}", None if value is None else value.encode(),
                                    {"Cairn-Route": "forward"})
            self.assertIn(answer.status, (200, 201, 204), answer.body)

        change("level", "info")
        follower = self.start("configuration", self.cluster.members[2], "3")
        lines = [self.next_line(follower)]
        for path, value in (("level", "debug"), ("port", "80"), ("level", None)):
            change(path, value)
            lines.append(self.next_line(follower))
        self.assertEqual([], self.said(follower))
        change("port", None)
        found = [json.loads(line[line.index("{"):].replace("'", '"')) for line in lines]
        self.assertEqual([{"level": "info"}, {"level": "debug"}, {"level": "debug", "port": "80"}, {"port": "80"}], found)

    def test_discovery(self):
        first = self.start("discovery", self.cluster.members[0], "a", "100")
        self.assertEqual("there are a", self.next_line(first))
        self.assertEqual(["there are a b"], self.run_one("discovery", self.cluster.members[1], "b"))
        self.assertEqual(["there are a c"], self.run_one("discovery", self.cluster.members[2], "c"), "b said that it went")
        first.kill()
        first.communicate()
        wait_until(lambda: self.run_one("discovery", self.cluster.members[2], "c") == ["there are c"],
                   "who died without a word is forgotten", 30)

    def test_counter(self):
        running = [self.start("counter", member, "20") for member in self.cluster.members * 2]
        self.assertEqual(120, max(int(self.said(each)[-1]) for each in running))


class Python(Examples, ClusterCase):
    def command(self, name):
        return ["/usr/bin/python3", "-B", str(EXAMPLES / "python" / f"{name}.py")]

    def environment(self):
        return dict(os.environ)


class JavaScript(Examples, ClusterCase):
    @classmethod
    def setUpClass(cls):
        npm_modules.need(12)
        super().setUpClass()

    def command(self, name):
        return ["node", str(EXAMPLES / "javascript" / f"{name}.js")]

    def environment(self):
        return os.environ | {"NODE_PATH": str(npm_modules.FOLDER / "node_modules")}


class Told(unittest.TestCase):
    def test_the_page_names_all_of_them(self):
        page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
        for file in [*EXAMPLES.glob("python/*.py"), *EXAMPLES.glob("javascript/*.js")]:
            if file.stem not in ("cluster", "held"):
                self.assertIn(f"]({file.relative_to(EXAMPLES)})", page)


if __name__ == "__main__":
    unittest.main()

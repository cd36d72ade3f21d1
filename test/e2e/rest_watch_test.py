#!/usr/bin/env python3
"""GET /v1/watch and `cairn watch` on real processes: nothing lost or doubled, whoever goes away."""

import http.client
import json
import os
import subprocess
import tempfile
import unittest
import urllib.parse

from cluster import Cluster, program, wait_until


class Stream:
    """An answer that goes on; lines() is what has come of it."""

    def __init__(self, url, target, **headers):
        address = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        self.connection.request("GET", target, headers=headers)
        self.response = self.connection.getresponse()

    def line(self):
        return self.response.readline().decode()

    def object(self):
        return json.loads(self.line())

    def close(self):
        self.response.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Background:
    """`cairn watch` while the test goes on."""

    def __init__(self, cluster, *arguments):
        self.out, self.err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([program(), "--endpoints", cluster.endpoints(), "watch", *arguments],
                                        stdout=self.out, stderr=self.err)

    def text(self, of):
        of.seek(0)
        return of.read()

    def seen(self):
        return self.text(self.out).splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()


def command(cluster, *arguments):
    return subprocess.run([program(), "--endpoints", cluster.endpoints(), *arguments], capture_output=True, text=True,
                          timeout=30, check=False)


class RestWatch(unittest.TestCase):
    def test_lines_of_json_from_every_member(self):
        with Cluster() as cluster:
            leader = cluster.leader()
            leader.put("w/a", "1")
            for member in cluster.members:
                with Stream(member.client_url, "/v1/watch?prefix=w/&from=1&prev=true") as stream:
                    self.assertEqual(200, stream.response.status)
                    self.assertEqual({"type": "started", "revision": 0}, stream.object())
                    first = stream.object()
                    self.assertEqual("1", first["events"][0]["value"])
                    leader.put("w/a", "2")
                    told = stream.object()
                    self.assertEqual(("2", first["events"][0]["value"]),
                                     (told["events"][0]["value"], told["events"][0]["previous"]["value"]))
                leader.request("DELETE", "/v1/kv/w/a")
                leader.put("w/a", "1")

    def test_a_browser_comes_back_at_another_member(self):
        with Cluster() as cluster:
            leader = cluster.leader()
            with Stream(leader.client_url, "/v1/watch?key=a", Accept="text/event-stream") as stream:
                self.assertEqual("text/event-stream", stream.response.headers["content-type"])
                self.assertEqual("event: started\n", stream.line())
                leader.put("a", "1")
                while not (line := stream.line()).startswith("event: changes"):
                    pass
                last = stream.line().split(": ")[1].strip()
            leader.put("a", "2")
            leader.put("a", "3")
            with Stream(cluster.followers()[0].client_url, "/v1/watch?key=a", Accept="text/event-stream",
                        **{"Last-Event-ID": last}) as stream:
                data = []
                while len(data) < 2:
                    line = stream.line()
                    if line.startswith("data: ") and "changes" in line:
                        data.append(json.loads(line[6:])["events"][0]["value"])
                self.assertEqual(["2", "3"], data)

    def test_a_long_poll_is_answered_by_the_next_change(self):
        with Cluster(size=1) as cluster:
            member = cluster.leader()
            with Stream(member.client_url, "/v1/watch?key=a&wait=60s") as stream:
                member.put("a", "1")
                self.assertEqual("changes", stream.object()["type"])
                self.assertEqual("", stream.line())
            answer = member.request("GET", "/v1/watch?key=a&wait=50ms")
            self.assertEqual("progress", answer.json()["type"])

    def test_a_server_that_stops_says_so(self):
        with Cluster(size=1) as cluster:
            with Stream(cluster.leader().client_url, "/v1/watch?key=a") as stream:
                stream.line()
                cluster.members[0].terminate()
                self.assertEqual("ended", stream.object()["type"])
                self.assertEqual("", stream.line())

    def test_idle_watches_outlive_the_patience_for_idle_connections(self):
        """Whoever serves a stream does not end it as an idle connection; it says that nothing has happened."""
        with Cluster(size=1) as cluster:
            with Stream(cluster.leader().client_url, "/v1/watch?key=a") as stream:
                stream.line()
                self.assertEqual("progress", stream.object()["type"])


class CommandLine(unittest.TestCase):
    def test_goes_on_while_members_die(self):
        with Cluster() as cluster:
            cluster.leader().put("c/0", "begin")
            with Background(cluster, "c/", "--prefix", "--rev", "1", "-w", "json") as watching:
                wait_until(lambda: len(watching.seen()) == 1, "the first one")
                expected = ["begin"]
                for round_number in range(3):
                    victim = cluster.leader()
                    victim.kill()
                    for i in range(10):
                        value = f"{round_number}-{i}"
                        self.assertEqual(0, command(cluster, "put", f"c/{i}", value).returncode)
                        expected.append(value)
                    victim.start()
                wait_until(lambda: len(watching.seen()) >= len(expected), "all of them", 20)
                self.assertEqual(expected, [json.loads(line)["value"] for line in watching.seen()])

    def test_lines_for_eyes_and_an_end(self):
        with Cluster(size=1) as cluster:
            member = cluster.leader()
            for value in ("1", "2"):
                member.put("a", value)
            member.request("DELETE", "/v1/kv/a")
            done = command(cluster, "watch", "a", "--rev", "1", "--count", "3", "--prev")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(["2\tput\ta\t1", "3\tput\ta\t2\t(before: 1)", "4\tdelete\ta\t(before: 2)"],
                             done.stdout.splitlines())
            done = command(cluster, "watch", "a", "--rev", "1", "--count", "1", "--only", "delete", "-w", "json")
            self.assertEqual({"type": "delete", "key": "a", "mod_revision": 4}, json.loads(done.stdout))

    def test_a_command_for_each(self):
        with Cluster(size=1) as cluster, tempfile.TemporaryDirectory() as folder:
            member = cluster.leader()
            member.put("a", "one")
            member.put("a", b"\0two")
            script = 'echo "$CAIRN_WATCH_TYPE $CAIRN_WATCH_KEY $CAIRN_WATCH_REVISION"; cat | od -An -c; exit 3'
            done = command(cluster, "watch", "a", "--rev", "1", "--count", "2", "--", "sh", "-c", script)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual("put a 2", done.stdout.splitlines()[0])
            self.assertIn("\\0   t   w   o", done.stdout)
            self.assertIn("ended with status 3 for revision 3", done.stderr)
            done = command(cluster, "watch", "a", "--rev", "1", "--", os.path.join(folder, "nothing"))
            self.assertEqual(5, done.returncode)
            self.assertIn("cannot be run", done.stderr)

    def test_what_is_compacted_is_an_error(self):
        with Cluster(size=1) as cluster:
            member = cluster.leader()
            for value in ("1", "2", "3"):
                member.put("a", value)
            done = subprocess.run(["etcdctl", "--endpoints", cluster.endpoints(), "compaction", "4"], check=False,
                                  capture_output=True, env=os.environ | {"ETCDCTL_API": "3"})
            self.assertEqual(0, done.returncode, done.stderr)
            done = command(cluster, "watch", "a", "--rev", "2")
            self.assertEqual(4, done.returncode)
            self.assertIn("compacted", done.stderr)

    def test_history_tells_all_that_is_kept_and_ends(self):
        with Cluster(size=3) as cluster:
            member = cluster.leader()
            for value in ("1", "2", "3"):
                member.put("a", value)
                member.put("ab", value)
            member.request("DELETE", "/v1/kv/a")
            member.put("a", "4")
            every = ["2\tput\ta\t1", "4\tput\ta\t2", "6\tput\ta\t3", "8\tdelete\ta", "9\tput\ta\t4"]
            for endpoints in (cluster.endpoints(), cluster.followers()[0].client_url):
                done = subprocess.run([program(), "--endpoints", endpoints, "history", "a"], capture_output=True,
                                      text=True, timeout=30, check=False)
                self.assertEqual((0, every, ""), (done.returncode, done.stdout.splitlines(), done.stderr))
            self.assertEqual(every[-2:], command(cluster, "history", "a", "--limit", "2").stdout.splitlines())
            done = command(cluster, "history", "a", "--prefix", "-w", "json")
            self.assertEqual([("a", 2), ("ab", 3), ("a", 4), ("ab", 5), ("a", 6), ("ab", 7), ("a", 8), ("a", 9)],
                             [(each["key"], each["mod_revision"]) for each in map(json.loads, done.stdout.splitlines())])
            self.assertEqual((1, ""), (command(cluster, "history", "b").returncode, command(cluster, "history", "b").stdout))

            subprocess.run(["etcdctl", "--endpoints", cluster.endpoints(), "compaction", "6"], check=True,
                           capture_output=True, env=os.environ | {"ETCDCTL_API": "3"})
            done = command(cluster, "history", "a")
            self.assertEqual(every[2:], done.stdout.splitlines())
            self.assertIn("before revision 6", done.stderr)

    def test_nobody_there(self):
        done = subprocess.run([program(), "--endpoints", "http://127.0.0.1:1", "watch", "a"], capture_output=True,
                              text=True, timeout=30, check=False)
        self.assertEqual(3, done.returncode)


if __name__ == "__main__":
    unittest.main()

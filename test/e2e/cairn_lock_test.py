#!/usr/bin/env python3
"""`cairn lock`, `elect` and `lease`, alone and beside etcdctl, which uses the same keys."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from cluster import ClusterCase, contents, program, wait_until


class Running:
    """A command in the background, of which `seen()` is what it has printed, both streams."""

    def __init__(self, *words):
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(words, stdout=self.out, stderr=self.out, stdin=subprocess.DEVNULL,
                                        env=os.environ | {"ETCDCTL_API": "3"})

    def seen(self):
        self.out.seek(0)
        return self.out.read()

    def runs(self, seconds=0.4):
        time.sleep(seconds)
        return self.process.poll() is None

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.out.close()


class CairnLocks(ClusterCase):
    def start(self, *words):
        return self.enterContext(Running(program(), *words, "--endpoints", self.cluster.endpoints()))

    def lock(self, name, *command, flags=()):
        words = [program(), "lock", name, *flags, "--endpoints", self.cluster.endpoints()]
        return self.enterContext(Running(*words, *(["--", *command] if command else [])))

    def keys(self, prefix):
        return [key.decode() for key, _ in contents(self.cluster.leader(), prefix)]

    def holds(self, running, prefix):
        wait_until(lambda: running.seen().startswith(prefix), f"it holds: {running.seen()}")
        return running.seen().splitlines()[0]

    def test_one_command_after_the_other_and_their_statuses(self):
        first = self.lock("commands", "sh", "-c", "echo $CAIRN_LOCK_KEY $CAIRN_LOCK_REVISION; sleep 1; exit 7")
        key, revision = self.holds(first, "commands/").split()
        second = self.lock("commands", "sh", "-c", "echo second; kill -9 $$")
        self.assertTrue(second.runs())
        self.assertEqual("", second.seen(), "it waits")
        self.assertEqual(2, len(self.keys("commands/")))
        self.assertIn(key, self.keys("commands/"))
        self.assertEqual(int(revision), int(self.cluster.leader().get(key).headers["cairn-create-revision"]))
        self.assertEqual(7, first.process.wait(10))
        self.assertEqual(128 + 9, second.process.wait(10))
        self.assertEqual("second\n", second.seen())
        self.assertEqual([], self.keys("commands/"))
        missing = self.lock("commands", "/no/such/program")
        self.assertEqual(127, missing.process.wait(10))

    def test_is_held_until_interrupted_and_so_is_the_wait(self):
        first = self.lock("held")
        key = self.holds(first, "held/")
        self.assertEqual([key], self.keys("held/"))
        second, third = self.lock("held"), None
        wait_until(lambda: len(self.keys("held/")) == 2, "the second waits")
        third = self.lock("held", flags=("-w", "json"))
        wait_until(lambda: len(self.keys("held/")) == 3, "the third waits")
        self.assertEqual(130, second.interrupt())
        self.assertEqual(2, len(self.keys("held/")))
        self.assertTrue(third.runs())
        self.assertEqual(0, first.interrupt())
        self.assertTrue(json.loads(self.holds(third, "{"))["key"].startswith("held/"))
        self.assertEqual(0, third.interrupt())
        self.assertEqual([], self.keys("held/"))

    def test_is_kept_alive_and_free_once_its_holder_is_dead(self):
        first = self.lock("dead", flags=("--ttl", "2"))
        self.holds(first, "dead/")
        second = self.lock("dead", flags=("--ttl", "2"))
        self.assertTrue(second.runs(5))
        self.assertEqual("", second.seen(), "kept alive for more than twice its time, and waited for as long")
        first.process.kill()
        killed = time.monotonic()
        self.holds(second, "dead/")
        self.assertLess(time.monotonic() - killed, 6)

    def test_says_that_it_is_lost_and_ends_the_command(self):
        held = self.lock("lost", "sh", "-c", "echo here; sleep 100", flags=("--ttl", "2"))
        self.holds(held, "here")
        lease = self.keys("lost/")[0].split("/")[1]
        self.assertEqual(0, self.cluster.cairn("lease", "revoke", lease)[0])
        self.assertEqual(1, held.process.wait(10))
        self.assertIn("the lease is lost", held.seen())
        waits, held = self.lock("lost"), self.lock("lost", flags=("--ttl", "2"))
        wait_until(lambda: len(self.keys("lost/")) == 2, "both are in the queue")
        for key in self.keys("lost/"):
            self.cluster.leader().request("DELETE", f"/v1/leases/{key.split('/')[1]}")
        for each in (waits, held):
            wait_until(lambda: each.process.poll() is not None, "it hears of it", 15)
            self.assertIn("the lease is lost", each.seen())

    def test_waits_for_etcdctl_and_etcdctl_for_it(self):
        if not shutil.which("etcdctl"):
            self.skipTest("etcd-client is not installed; ./dev test installs it")
        etcdctl = ["etcdctl", "--endpoints", self.cluster.endpoints()]
        theirs = self.enterContext(Running(*etcdctl, "lock", "both"))
        self.holds(theirs, "both/")
        ours = self.lock("both")
        self.assertTrue(ours.runs())
        self.assertEqual("", ours.seen())
        theirs.interrupt()
        self.holds(ours, "both/")
        again = self.enterContext(Running(*etcdctl, "lock", "both", "--", "echo", "again"))
        self.assertTrue(again.runs())
        self.assertEqual("", again.seen())
        ours.interrupt()
        self.assertEqual(0, again.process.wait(10))
        self.assertEqual("again\n", again.seen())

    def test_elects_and_listens(self):
        listens = self.start("elect", "--listen", "e")
        first = self.start("elect", "e", "one")
        key = self.holds(first, "e/")
        second = self.start("elect", "e", "two", "-w", "json")
        wait_until(lambda: len(self.keys("e/")) == 2, "the second is a candidate")
        self.assertEqual("", second.seen())
        self.assertEqual(200, self.cluster.leader().put(key, b"more").status)
        wait_until(lambda: "more" in listens.seen(), "the listener hears")
        first.interrupt()
        other = json.loads(self.holds(second, "{"))["key"]
        wait_until(lambda: "two" in listens.seen(), "the listener hears of the next")
        self.assertEqual(f"{key}\tone\n{key}\tmore\n{other}\ttwo\n", listens.seen())
        self.assertEqual(2, self.cluster.cairn("elect", "e")[0])

    def test_leases_by_hand(self):
        cairn = self.cluster.cairn
        status, out, err = cairn("lease", "grant", "2m", "-w", "json")
        self.assertEqual((0, ""), (status, err))
        lease = json.loads(out)["id"]
        self.assertEqual({"id": lease, "ttl": 120}, json.loads(out))
        self.assertRegex(lease, "^[0-9a-f]{16}$")
        self.assertEqual(201, self.cluster.leader().request("PUT", f"/v1/kv/by-hand?lease={lease}", b"v").status)
        self.assertEqual((0, f"{lease}  ttl 120s\n".encode(), ""), cairn("lease", "keep-alive", lease, "--once"))
        said = json.loads(cairn("lease", "timetolive", lease, "--keys", "-w", "json")[1])
        self.assertEqual(["by-hand"], said["keys"])
        self.assertEqual(120, said["granted_ttl"])
        self.assertRegex(cairn("lease", "timetolive", lease)[1].decode(), rf"^{lease}  ttl 120s, 1\d\ds left\n$")
        self.assertIn({"id": lease, "ttl": 120},
                      [json.loads(line) for line in cairn("lease", "list", "-w", "json")[1].splitlines()])
        keeping = self.start("lease", "keep-alive", lease)
        wait_until(lambda: keeping.seen() == f"{lease}  ttl 120s\n", "it is kept")
        self.assertEqual(0, keeping.interrupt())
        self.assertEqual((0, b"revoked\n", ""), cairn("lease", "revoke", lease))
        self.assertEqual(404, self.cluster.leader().get("by-hand").status)
        for action in ("revoke", "timetolive", "keep-alive"):
            status, _, err = cairn("lease", action, lease)
            self.assertEqual(1, status)
            self.assertIn("There is no such lease", err)
        for words in (["grant"], ["grant", "x"], ["grant", "0"], ["list", lease], ["revoke", lease, "--keys"], ["x"]):
            self.assertEqual(2, cairn("lease", *words)[0], words)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)

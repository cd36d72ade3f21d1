#!/usr/bin/env python3
"""Locks and elections: Debian's etcd beside us says the same, to its own command line and to calls of the services."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster, ClusterCase, ROOT, wait_until
from etcd import Etcd

ASK = os.environ.get("CAIRN_GRPC_ASK", str(ROOT / "build/dev/test/e2e/grpc_ask"))
CTL = os.environ | {"ETCDCTL_API": "3"}


class Call:
    """One gRPC call under way; `lines()` is what it has been told until now, a line each."""

    def __init__(self, url, method, request="", timeout_ms=0):
        self.out = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [ASK, "--endpoint", urlsplit(url).netloc, "--timeout-ms", str(timeout_ms), method, request], stdout=self.out)

    def lines(self):
        self.out.seek(0)
        return self.out.read().splitlines()

    def ended(self):
        return any(line.startswith("code ") for line in self.lines())

    def cancel(self):
        self.process.send_signal(signal.SIGINT)
        return self.result()

    def result(self, seconds=10.0):
        wait_until(self.ended, f"the call ends: {self.process.args}", seconds)
        self.process.wait()
        return self.lines()

    def waits(self, seconds=0.4):
        time.sleep(seconds)
        return not self.ended()

    def kill(self):
        self.process.kill()
        self.process.wait()


def ask(url, method, request=""):
    return Call(url, method, request).result()


def grant(url, lease, ttl=100):
    return ask(url, "etcdserverpb.Lease/LeaseGrant", f"ID: {lease} TTL: {ttl}")


def lock(url, name, lease, **more):
    return Call(url, "v3lockpb.Lock/Lock", f'name: "{name}" lease: {lease}', **more)


def campaign(url, name, lease, value):
    return Call(url, "v3electionpb.Election/Campaign", f'name: "{name}" lease: {lease} value: "{value}"')


def masked(lines):
    """Without what differs between clusters: who they are, and what they number. And etcd's services make Unknown (2) of
    every refusal of its own store: its texts are the same."""
    text = re.sub(r"code \d+ etcdserver", "code N etcdserver", "\n".join(lines))
    text = re.sub(r'"rev":"\d+"', '"rev":"R"', text)
    text = re.sub(r'"(clusterId|memberId|raftTerm)":"\d+",?', "", text)
    return re.sub(r'"revision":"\d+",?', "", text).replace(",}", "}")


class Story:
    """Calls at one server after the other; what each has said, to be compared."""

    def __init__(self, url):
        self.url, self.said = url, []

    def note(self, what, lines):
        self.said.append((re.sub(r"rev: \d\d+|rev: [2-9]", "rev: R", what), masked(lines)))

    def ask(self, method, request=""):
        self.note(f"{method} {request}", ask(self.url, method, request))

    def locks(self):
        for lease in (26, 2, 3, -5):
            grant(self.url, lease)
        self.note("free", lock(self.url, "l", 26).result())
        self.note("held by itself", lock(self.url, "l", 26).result())
        waits = lock(self.url, "l", 2)
        self.note("waits", [str(waits.waits())])
        cancelled = lock(self.url, "l", -5)
        self.note("waits too", [str(cancelled.waits())])
        self.note("goes", cancelled.cancel())
        wait_until(lambda: "l/-5" not in self.keys("l/"), "its key goes too")
        self.note("of three is left", self.keys("l/"))
        self.ask("v3lockpb.Lock/Unlock", 'key: "l/1a"')
        self.note("freed", waits.result())
        waits = lock(self.url, "l", 3)
        self.note("waits", [str(waits.waits())])
        self.ask("etcdserverpb.Lease/LeaseRevoke", "ID: 2")
        self.note("freed by the end of a lease", waits.result())
        late = lock(self.url, "l", 26, timeout_ms=500)
        self.note("in time", [re.sub(" .*", "", late.result()[-1])])
        wait_until(lambda: len(self.keys("l/")) == 1, "its key goes")
        self.ask("v3lockpb.Lock/Lock", 'name: "l" lease: 77')
        self.ask("v3lockpb.Lock/Unlock", 'key: "nothing"')
        self.ask("v3lockpb.Lock/Unlock")

    def keys(self, prefix):
        said = ask(self.url, "etcdserverpb.KV/Range", f'key: "{prefix}" range_end: "{prefix[:-1]}0" keys_only: true')
        return sorted(base64.b64decode(key).decode() for key in re.findall(r'"key":"([^"]*)"', said[0]))

    def elections(self):
        for lease in (31, 32):
            grant(self.url, lease)
        self.ask("v3electionpb.Election/Leader", 'name: "e"')
        observer = Call(self.url, "v3electionpb.Election/Observe", 'name: "e"')
        time.sleep(0.3)
        first = campaign(self.url, "e", 31, "one").result()
        revision = re.search(r'"rev":"(\d+)"', first[0])[1]
        self.note("wins", first)
        second = campaign(self.url, "e", 32, "two")
        self.note("waits", [str(second.waits())])
        key = f'name: "e" key: "e/1f" rev: {revision} lease: 31'
        self.ask("v3electionpb.Election/Proclaim", f'leader: {{ {key} }} value: "more"')
        self.note("again, with another value", campaign(self.url, "e", 31, "most").result())
        wait_until(lambda: len(observer.lines()) == 3, "the observer hears")
        wrong = 'name: "e" key: "e/1f" rev: 1 lease: 31'
        self.ask("v3electionpb.Election/Proclaim", f'leader: {{ {wrong} }} value: "wrong"')
        self.ask("v3electionpb.Election/Resign", f'leader: {{ {wrong} }}')
        self.ask("v3electionpb.Election/Proclaim", 'value: "wrong"')
        self.ask("v3electionpb.Election/Resign")
        self.ask("v3electionpb.Election/Resign", "leader: { lease: 31 }")
        self.note("resigns", ask(self.url, "v3electionpb.Election/Resign", f"leader: {{ {key} }}"))
        self.note("follows", second.result())
        wait_until(lambda: len(observer.lines()) == 4, "the observer hears of the next")
        self.ask("etcdserverpb.Lease/LeaseRevoke", "ID: 32")
        third = campaign(self.url, "e", 31, "back").result()
        self.note("after nobody", third[1:])
        wait_until(lambda: len(observer.lines()) == 5, "the observer hears of who comes back")
        self.note("observed", [re.sub(r'"(createRevision|modRevision)":"\d+",?', "", line) for line in observer.lines()])
        observer.cancel()


class Locks(ClusterCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            raise unittest.SkipTest("etcd-server and etcd-client are not installed; ./dev test installs them")
        if not Path(ASK).exists():
            raise unittest.SkipTest("grpc_ask is not built; ctest -R e2e_lock builds and names it")
        super().setUpClass()

    def test_services_say_what_etcd_s_say(self):
        with Etcd(size=1) as theirs:
            for part in ("locks", "elections"):
                want, said = Story(theirs.clients[0]), Story(self.cluster.followers()[0].client_url)
                getattr(want, part)()
                getattr(said, part)()
                for one, other in zip(want.said, said.said, strict=True):
                    with self.subTest(step=one[0]):
                        self.assertEqual(one, other)

    def test_every_member_is_asked_and_one_holds_it_at_a_time(self):
        calls = []
        for number, member in enumerate(self.cluster.members * 2, 100):
            grant(member.client_url, number)
            calls.append(lock(member.client_url, "turns", number))
            wait_until(lambda: f"turns/{number:x}" in Story(member.client_url).keys("turns/"), "its key is there")
        for number, call in enumerate(calls, 100):
            self.assertIn("code 0 ", call.result())
            self.assertTrue(all(later.waits(0.1) for later in calls[number - 99:]), "the others wait")
            url = self.cluster.members[number % 3].client_url
            self.assertIn("code 0 ", ask(url, "v3lockpb.Lock/Unlock", f'key: "turns/{number:x}"'))

    def test_who_is_killed_while_it_waits_is_in_nobody_s_way(self):
        url = self.cluster.followers()[0].client_url
        for lease in (201, 202, 203):
            grant(url, lease)
        lock(url, "killed", 201).result()
        second = lock(url, "killed", 202)
        self.assertTrue(second.waits())
        third = lock(url, "killed", 203)
        self.assertTrue(third.waits())
        second.kill()
        wait_until(lambda: Story(url).keys("killed/") == ["killed/c9", "killed/cb"], "its key goes with its connection")
        ask(url, "v3lockpb.Lock/Unlock", 'key: "killed/c9"')
        self.assertIn("code 0 ", third.result())

    def test_waiting_outlives_the_leader(self):
        with Cluster() as cluster:
            leader, url = cluster.leader(), cluster.followers()[0].client_url
            for lease in (1, 2):
                grant(url, lease, ttl=300)
            lock(url, "l", 1).result()
            waits = lock(url, "l", 2)
            observer = Call(url, "v3electionpb.Election/Observe", 'name: "l"')
            self.assertTrue(waits.waits())
            leader.kill()
            cluster.leader(other_than=leader)
            self.assertTrue(waits.waits())
            ask(url, "v3lockpb.Lock/Unlock", 'key: "l/1"')
            self.assertIn("code 0 ", waits.result())
            wait_until(lambda: len(observer.lines()) == 2, "who observes outlives it too")
            observer.cancel()

    def test_etcdctl_locks_and_elects(self):
        with Etcd(size=1) as theirs:
            said = [self.by_etcdctl(endpoints) for endpoints in (theirs.endpoints(), self.cluster.endpoints())]
            self.assertEqual(*said)

    def by_etcdctl(self, endpoints):
        """What etcdctl prints of a lock, of one that waits for it, and of an election; ids masked."""
        start = ["etcdctl", "--endpoints", endpoints]
        held = subprocess.Popen([*start, "lock", "ctl", "--", "sh", "-c", "echo held; sleep 2"], stdout=subprocess.PIPE,
                                text=True, env=CTL)
        said = [held.stdout.readline()]
        self.assertEqual("held\n", said[0])
        waits = subprocess.Popen([*start, "lock", "ctl", "echo", "then"], stdout=subprocess.PIPE, text=True, env=CTL)
        time.sleep(0.5)
        self.assertIsNone(waits.poll(), "it waits")
        held.communicate(timeout=10)
        said += [held.returncode, waits.communicate(timeout=10)[0], waits.returncode]
        leads = subprocess.Popen([*start, "elect", "ectl", "me"], stdout=subprocess.PIPE, text=True, env=CTL)
        said += [re.sub("[0-9a-f]{10,16}", "ID", leads.stdout.readline()), leads.stdout.readline()]
        listens = subprocess.Popen([*start, "elect", "--listen", "ectl"], stdout=subprocess.PIPE, text=True, env=CTL)
        said += [re.sub("[0-9a-f]{10,16}", "ID", listens.stdout.readline()), listens.stdout.readline()]
        for process in (leads, listens):
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=10)
        return said


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)

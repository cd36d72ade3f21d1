#!/usr/bin/env python3
"""Leaders that are killed, stopped and hung under load: requests at the other members wait for the next leader.

CAIRN_FAILOVER_ROUNDS says how often each of them happens (3). The load comes from steady_load: 500 puts and 100
linearizable reads a second over all members, every single one accounted for.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest
from collections import namedtuple

from cluster import ROOT, Cluster, wait_until

ROUNDS = int(os.environ.get("CAIRN_FAILOVER_ROUNDS", "3"))
ELECTION_TIMEOUT_SECONDS = 1.0  # the server's default
OK = 0

Call = namedtuple("Call", "kind member begun done code message")


def steady_load():
    candidates = [os.environ.get("CAIRN_STEADY_LOAD"), ROOT / "build/dev/test/e2e/steady_load",
                  ROOT / "build/release/test/e2e/steady_load"]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    sys.exit("the load is not built; run ./dev build, or name one in CAIRN_STEADY_LOAD")


class Load:
    """The load, running from here to stop(), and then what became of it."""

    def __init__(self, cluster):
        self.members = cluster.members
        self.output = tempfile.TemporaryFile("w+")
        endpoints = ",".join(member.client_url.removeprefix("http://") for member in cluster.members)
        self.process = subprocess.Popen([steady_load(), "--endpoints", endpoints], stdin=subprocess.PIPE,
                                        stdout=self.output)
        self.calls, self.findings, self.kept = [], [], 0

    def stop(self):
        self.process.stdin.close()
        try:
            status = self.process.wait(60)
        finally:
            self.process.kill()
        self.output.seek(0)
        for line in self.output:
            word, *rest = line.rstrip("\n").split(" ", 6)
            if word == "call":
                kind, at, begun, done, code, message = rest
                self.calls.append(Call(kind, self.members[int(at)], int(begun) / 1e6, int(done) / 1e6, int(code),
                                       message))
            elif word == "kept":
                self.kept = int(rest[0])
            else:
                self.findings.append(line.strip())
        self.output.close()
        if status != 0:
            self.findings.append(f"the load ended with {status}")
        return self

    def failed(self, members):
        return [call for call in self.calls if call.code != OK and call.member in members]

    def silence(self, since, members, seconds):
        """The longest time in this window without an acknowledged put at these members. Without any failure it is
        what the machine's disks and its other work make of it."""
        done = sorted(call.done for call in self.calls if call.kind == "put" and call.code == OK
                      and call.member in members and since - 0.1 < call.done < since + seconds)
        return max(later - earlier for earlier, later in zip(done, done[1:]))


def summary(of):
    ordered = sorted(of)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"median {statistics.median(ordered) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, {len(ordered)} times"


class Failover(unittest.TestCase):
    BEFORE_SECONDS = 1.2

    def setUp(self):
        self.cluster = self.enterContext(Cluster())
        for member in self.cluster.members:
            self.addCleanup(lambda member=member: member.running() and member.process.send_signal(signal.SIGCONT))

    def caught_up(self):
        """Everybody runs, follows one leader and has applied what it has: the next failure meets a whole cluster."""
        leader = self.cluster.leader()
        index = leader.status()["applied_index"]
        for member in self.cluster.members:
            wait_until(lambda member=member: member.status()["applied_index"] >= index, "it has caught up", 20)
        return leader

    def assert_sound(self, load):
        self.assertEqual([], load.findings[:5], f"{len(load.findings)} findings")
        self.assertGreater(load.kept, 0)

    def assert_none_failed(self, load, members, why):
        failed = load.failed(members)
        self.assertEqual([], failed[:3], f"{len(failed)} of {len(load.calls)} calls failed: {why}")

    def test_killed(self):
        silences, usual, failed = [], [], 0
        for _ in range(ROUNDS):
            load = Load(self.cluster)
            time.sleep(self.BEFORE_SECONDS)
            leader = self.caught_up()
            survivors = [member for member in self.cluster.members if member is not leader]
            moment = time.monotonic()
            leader.kill()
            time.sleep(1.5)
            load.stop()
            silences.append(load.silence(moment, survivors, 1.4))
            usual.append(load.silence(moment - self.BEFORE_SECONDS, survivors, self.BEFORE_SECONDS))
            self.assert_sound(load)
            self.assert_none_failed(load, survivors, "they wait for the next leader")
            failed += len([call for call in load.failed([leader]) if call.begun < moment])
            leader.start().wait()
        print(f"leader killed: silence {summary(silences)}; without a failure {summary(usual)}; "
              f"{failed} requests were under way at the killed members and are unknown", flush=True)

    def test_asked_to_stop(self):
        silences, cut_off = [], []
        for _ in range(ROUNDS):
            load = Load(self.cluster)
            time.sleep(self.BEFORE_SECONDS)
            leader = self.caught_up()
            survivors = [member for member in self.cluster.members if member is not leader]
            moment = time.monotonic()
            self.assertEqual(0, leader.terminate(), leader.log_tail())
            time.sleep(0.5)
            load.stop()
            silences.append(load.silence(moment, survivors, 1.4))
            self.assert_sound(load)
            self.assert_none_failed(load, survivors, "leadership was handed over")
            # Told to go elsewhere before they were sent is all that may happen to clients of the stopping one.
            cut_off += [call for call in load.failed([leader])
                        if "cannot connect" not in call.message and "REFUSED_STREAM" not in call.message]
            leader.start().wait()
        print(f"leader asked to stop: silence {summary(silences)}", flush=True)
        self.assertEqual([], cut_off[:3], f"{len(cut_off)} calls at the stopping member itself")

    def test_hung(self):
        silences = []
        for _ in range(ROUNDS):
            load = Load(self.cluster)
            time.sleep(self.BEFORE_SECONDS)
            leader = self.caught_up()
            term = leader.term()
            survivors = [member for member in self.cluster.members if member is not leader]
            moment = time.monotonic()
            leader.process.send_signal(signal.SIGSTOP)
            time.sleep(3 * ELECTION_TIMEOUT_SECONDS)
            leader.process.send_signal(signal.SIGCONT)
            time.sleep(0.5)
            load.stop()
            silences.append(load.silence(moment, survivors, 3 * ELECTION_TIMEOUT_SECONDS))
            self.assert_sound(load)
            self.assert_none_failed(load, self.cluster.members, "at the hung one, too: it goes on in time")
            self.assertGreater(self.cluster.leader().term(), term, "somebody else was elected")
        print(f"leader hung: silence {summary(silences)}", flush=True)
        self.assertLess(max(silences), 2 * ELECTION_TIMEOUT_SECONDS + 0.5)

    def test_all_suspended(self):
        """As a machine that sleeps: nobody has heard anybody, and nobody is to blame."""
        leader = self.cluster.leader()
        self.assertIn(leader.put("before", b"v").status, (200, 201))
        term = leader.term()
        for _ in range(ROUNDS):
            for signal_number in (signal.SIGSTOP, signal.SIGCONT):
                for member in self.cluster.members:
                    member.process.send_signal(signal_number)
                if signal_number == signal.SIGSTOP:
                    time.sleep(2 * ELECTION_TIMEOUT_SECONDS)
            self.assertIn(leader.put("after", b"v").status, (200, 201))
            time.sleep(2 * ELECTION_TIMEOUT_SECONDS + 0.2)  # after that a pause is excused again
        self.assertEqual([term] * 3, [member.term() for member in self.cluster.members])
        self.assertEqual(leader, self.cluster.leader())

    def test_rest_write_at_a_member_without_a_leader(self):
        cluster = self.enterContext(Cluster(election_timeout="3000"))
        survivor, second, _ = cluster.members
        for member in cluster.members:
            if member is not survivor:
                member.kill()
        wait_until(lambda: survivor.leader_name() is None, "it notices that nobody leads", 20)
        second.start()
        reply = survivor.put("k", b"v")
        self.assertIn(reply.status, (200, 201), reply)
        self.assertEqual("n1", reply.headers["cairn-served-by"], "neither refused nor sent elsewhere")
        self.assertEqual(b"v", survivor.get("k").body)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Somebody on the peer port of a living cluster: it is not believed, and everything goes on as before."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

from cluster import Cluster, ClusterCase, port_of, wait_until

HUGE = 2**64 - 1
INVENTED = "309"
LATER = f"{2**31}:{2**50}"  # the place of a configuration that nobody here has


def say(victim, *sayings, cluster, sender, to, kind="messages", introduced="0:0"):
    """(the answer to the hello, "closed" or "open")"""
    done = subprocess.run(
        [os.environ["CAIRN_HOSTILE_PEER"], "--port", str(port_of(victim.peer_url)), "--cluster", cluster,
         "--from", sender, "--to", to, "--kind", kind, "--introduced", introduced, *sayings],
        stdout=subprocess.PIPE, timeout=30, check=True)
    return done.stdout.decode().splitlines()


def identity_of(member):
    started = next(line for line in map(json.loads, member.log_path.read_text().splitlines()) if "cluster-id" in line)
    return started["cluster-id"], started["member-id"]


class HostilePeer(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leader = cls.cluster.leader()
        cls.leader.put("kept", b"value")
        cls.ids = {}
        for member in cls.cluster.members:
            cls.cluster_id, cls.ids[member.name] = identity_of(member)

    def setUp(self):
        self.leader = self.cluster.leader()
        self.victim = self.cluster.followers()[0]
        self.other = self.cluster.followers()[1]
        self.term = self.leader.term()

    def say(self, *sayings, cluster=None, sender=None, to=None, victim=None, kind="messages", introduced="0:0"):
        victim = victim or self.victim
        return say(victim, *sayings, cluster=cluster or self.cluster_id, sender=sender or self.ids[self.other.name],
                   to=to or self.ids[victim.name], kind=kind, introduced=introduced)

    def refused(self, reason, victim=None):
        text = (victim or self.victim).request("GET", "/metrics").body.decode()
        return int(float(re.search(rf'^cairn_peer_refused_total{{reason="{reason}"}} (\S+)$', text, re.M).group(1)))

    @contextlib.contextmanager
    def nobody_contests_the_name(self):
        """The real member comes back at once when it is displaced, and may do so before a word is said in its name."""
        self.other.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.other.process.send_signal(signal.SIGCONT)

    def assert_goes_on(self):
        """Writes go through and are read at every member; nobody is in another term."""
        self.assertEqual(self.leader.put("after", str(self).encode()).status // 100, 2)
        for member in self.cluster.members:
            self.assertTrue(member.running())
            self.assertEqual(member.get("after", "?consistency=linearizable").body, str(self).encode())
            self.assertEqual(member.get("kept", "?consistency=linearizable").body, b"value")
            self.assertEqual(member.term(), self.term)
        self.assertIs(self.cluster.leader(), self.leader)

    def test_a_stranger_is_not_heard_and_learns_no_id(self):
        before = self.refused("hello")
        answers = set()
        for wrong in ({"cluster": "abc"}, {"sender": "123"}, {"to": "123"}, {"sender": "0"},
                      {"sender": self.ids[self.victim.name]}):
            answer, connection = self.say(f"vote:{self.term + 1}", "note", **wrong)
            self.assertEqual(connection, "closed")
            self.assertRegex(answer, "^refused another cluster or another member is here")
            answers.add(answer)
        self.assertEqual(len(answers), 1)  # not even which of the ids was wrong
        for known in (self.cluster_id, *self.ids.values()):
            self.assertNotIn(known, str(answers))
        self.assertEqual(self.refused("hello"), before + 5)
        self.assertIn('"reason":"hello"', self.victim.log_path.read_text())
        self.assert_goes_on()

    def test_no_term_that_the_cluster_cannot_have_reached(self):
        with self.nobody_contests_the_name():
            for saying in ("vote", "transfer-vote", "reply", "append"):
                for term in (HUGE, HUGE - 1, 2**62, 2**43):
                    for victim in (self.victim, self.leader):
                        before = self.refused("implausible", victim)
                        sender = self.ids[self.other.name]
                        answer, connection = self.say(f"{saying}:{term}", victim=victim, sender=sender)
                        self.assertEqual((answer, connection), ("accepted", "closed"))
                        self.assertEqual(self.refused("implausible", victim), before + 1)
        self.assertIn("no member says this: term", self.victim.log_path.read_text())
        self.assert_goes_on()

    def test_what_no_member_says_ends_its_connection(self):
        with self.nobody_contests_the_name():
            for saying, reason in (("append-wrapping", "implausible"), ("entries-left-out", "implausible"),
                                   ("append-later-entry", "implausible"), ("ack-all", "implausible"),
                                   ("another-name", "identity"), ("offer", "frame"), ("hello", "frame"),
                                   ("huge-length", "bytes"), ("wrong-checksum", "bytes"), ("http", "bytes")):
                before = self.refused(reason)
                answer, connection = self.say(f"{saying}:{self.term}")
                self.assertEqual((saying, answer, connection), (saying, "accepted", "closed"))
                self.assertEqual(self.refused(reason), before + 1, saying)
        self.assertEqual(self.say(f"no-voters:{self.term}", kind="snapshot"), ["accepted", "closed"])
        self.assertEqual(self.say(f"vote:{self.term}", kind="snapshot"), ["accepted", "closed"])
        self.assert_goes_on()

    def test_what_a_member_could_say_does_no_harm_out_of_its_place(self):
        # A real member's name: believed as far as a member is, which is not far where it is wrong.
        self.say("vote:1", "vote:1", "append:1", f"note:{self.term}", "garbled-note", "reply:1")
        self.say("vote:1", f"reply:{self.term}", f"note:{self.term - 1}", "garbled-note", victim=self.leader)
        wait_until(lambda: self.cluster.leader() is self.leader, "the leader is who it was")
        self.assert_goes_on()

    def test_an_invented_member_is_not_heard_while_one_leads(self):
        for victim in self.cluster.members:
            before = self.refused("hello", victim)
            answer, connection = self.say(f"lead:{self.term + 5}", sender=INVENTED, victim=victim, introduced=LATER)
            self.assertEqual(connection, "closed")
            self.assertRegex(answer, "^refused another cluster or another member is here")
            self.assertEqual(self.refused("hello", victim), before + 1)
        self.assert_goes_on()

    def test_silent_connections_keep_no_member_out(self):
        silent = []
        for _ in range(300):
            silent.append(socket.create_connection(("127.0.0.1", port_of(self.other.peer_url))))
        self.addCleanup(lambda: [each.close() for each in silent])
        wait_until(lambda: self.refused("crowded", self.other) >= 300 - 256, "the oldest are closed")
        self.assert_goes_on()


def metric(member, reason):
    text = member.request("GET", "/metrics").body.decode()
    return int(float(re.search(rf'^cairn_peer_refused_total{{reason="{reason}"}} (\S+)$', text, re.M).group(1)))


class Restarts(unittest.TestCase):
    def test_an_invented_member_changes_nothing_where_nobody_leads(self):
        with Cluster() as cluster:
            for i in range(50):
                self.assertEqual(cluster.leader().put(f"k{i}", b"v").status // 100, 2)
            victim, other = cluster.followers()
            cluster_id, own = identity_of(victim)
            leader = cluster.leader()
            for member in (leader, other):
                member.kill()
            wait_until(lambda: say(victim, "lead:50", cluster=cluster_id, sender=INVENTED, to=own,
                                   introduced=LATER) == ["accepted", "closed"],
                       "somebody else is heard, and not believed", seconds=30)
            self.assertEqual(metric(victim, "disbelieved"), 1)
            log = victim.log_path.read_text()
            self.assertIn("a member that is in no configuration here is heard", log)
            self.assertRegex(log, r'"from":"127\.0\.0\.1:[0-9]+"')
            self.assertIn("it is not believed: the log that it sends as a leader is followed by other committed", log)
            self.assertTrue(victim.running())
            for member in (leader, other):
                member.start().wait()
            self.assertEqual(cluster.leader().put("after", b"v").status // 100, 2)
            for member in cluster.members:
                self.assertTrue(member.running())
                for i in range(50):
                    self.assertEqual(member.get(f"k{i}", "?consistency=linearizable").body, b"v")

    def test_a_wiped_member_that_was_told_of_an_impossible_term_is_taken_in(self):
        with Cluster() as cluster:
            self.assertEqual(cluster.leader().put("kept", b"v").status // 100, 2)
            victim, other = cluster.followers()
            leader = cluster.leader()
            cluster_id, own = identity_of(victim)
            sender = identity_of(leader)[1]
            for member in cluster.members:
                member.kill()
            shutil.rmtree(victim.data_dir)
            victim.start()
            wait_until(victim.answers, "the wiped member runs")
            say(victim, f"heartbeat:{2**41}", cluster=cluster_id, sender=sender, to=own)
            wait_until(lambda: victim.term() == 2**41, "it believes that")
            for member in (leader, other):
                member.start()
            wait_until(lambda: victim.get("kept").body == b"v", "it is taken in", seconds=30)
            self.assertLess(victim.term(), 2**32)
            self.assertIn(f"it was told of term {2**41}, where member", victim.log_path.read_text())
            wait_until(lambda: cluster.cairn("status")[0] == 0, "all is well", seconds=20)

    def test_a_member_comes_back_through_a_crowd_and_the_log_warns_of_an_open_port(self):
        with Cluster() as cluster:
            victim = cluster.followers()[0]
            self.assertNotIn("peer port is open", victim.log_path.read_text())
            victim.kill()
            port = port_of(victim.peer_url)
            victim.start(listen_peer_urls=f"http://0.0.0.0:{port}").wait()
            self.assertIn("the peer port is open to anybody who reaches it", victim.log_path.read_text())
            crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
            cluster.leader().put("k", b"v")
            wait_until(lambda: victim.get("k").body == b"v", "the member is in again")
            for each in crowd:
                each.close()


if __name__ == "__main__":
    unittest.main()

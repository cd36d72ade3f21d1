#!/usr/bin/env python3
"""`cairn member`, every verb of it, on real processes."""

import json
import re
import shlex
import signal
import subprocess
import unittest

from cluster import Cluster, Member, program, wait_until


class CairnMember(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster(3))
        self.leader = self.cluster.leader()
        wait_until(lambda: all(each["name"] for each in self.members()), "all have said who they are", 20)

    def member(self, *arguments, expect=0):
        status, out, err = self.cluster.cairn("member", *arguments, timeout=120)
        self.assertEqual(expect, status, f"{arguments}: {out.decode()}{err}")
        return out.decode() + err

    def members(self):
        return json.loads(self.member("list", "-w", "json"))["members"]

    def names(self):
        return sorted(each["name"] for each in self.members())

    def votes(self, name):
        return any(each["name"] == name and not each["learner"] for each in self.members())

    def start(self, member, said):
        """By the very line that was printed, beside the flags that it leaves to the machine."""
        line = re.search(r"^ *cairn (server .*)$", said, re.M)[1]
        with open(member.log_path, "ab") as log:
            member.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", program(), *shlex.split(line), "--data-dir", str(member.data_dir),
                 "--listen-client-urls", member.client_url, "--advertise-client-urls", member.client_url],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.cluster.members.append(member)

    def test_nothing_is_done_that_was_not_said(self):
        before = self.members()
        follower = self.cluster.followers()[0].name
        plan = f"removing {follower} leaves 2 members, tolerates 0 failures"
        self.assertEqual(plan + "\n", self.member("remove", follower, "--dry-run"))
        self.assertEqual({"plan": plan, "dry_run": True}, json.loads(self.member("remove", follower, "--dry-run", "-w", "json")))
        self.assertIn("say --yes", self.member("remove", follower, expect=2))
        self.assertIn("makes 4 members, tolerates 1 failure", self.member("add", "n4=http://127.0.0.1:1", "--dry-run"))
        said = self.member("replace", follower, "n4=http://127.0.0.1:1", "--dry-run")
        self.assertIn("n4 joins as a learner, then it is promoted once it has caught up, then " + follower, said)
        self.assertEqual(before, self.members())

    def test_add_remove_update(self):
        fourth = Member(self.cluster, "n4")
        self.start(fourth, self.member("add", f"n4={fourth.peer_url}", "--yes"))
        wait_until(lambda: self.votes("n4"), "n4 votes", 30)
        said = self.member("update", f"n4={fourth.peer_url}", "--yes", "-w", "json")
        self.assertEqual([fourth.peer_url], next(each["peer_urls"] for each in json.loads(said)["members"] if each["name"] == "n4"))
        gone = next(each for each in self.cluster.members if each.name not in ("n4", self.leader.name))
        self.assertIn("leaves 3 members, tolerates 1 failure", self.member("remove", gone.name, "--yes"))
        self.assertEqual(8, gone.process.wait(60))
        self.assertEqual(3, len(self.members()))
        # Only who leads is named, and it is the one to go: another is asked.
        self.cluster.members.remove(gone)
        leads = self.cluster.leader()
        status, out, err = self.cluster.cairn("member", "remove", leads.name, "--yes", endpoints=leads.client_url)
        self.assertEqual(0, status, f"{out.decode()}{err}")
        self.assertNotIn(leads.name, self.names())
        self.assertEqual(8, leads.process.wait(60))

    def test_a_learner_is_promoted(self):
        fourth = Member(self.cluster, "n4")
        self.start(fourth, self.member("add", f"n4={fourth.peer_url}", "--learner", "--yes"))
        wait_until(lambda: "n4" in self.names(), "n4 has said who it is", 30)
        self.assertFalse(self.votes("n4"))
        wait_until(lambda: self.cluster.cairn("member", "promote", "n4", "--yes")[0] == 0, "n4 is promoted", 30)
        self.assertTrue(self.votes("n4"))
        self.assertIn("etcdserver: can only promote a learner member", self.member("promote", "n4", "--yes", expect=4))

    def test_one_is_replaced_that_is_gone_and_an_interrupted_replacement_goes_on(self):
        gone = self.cluster.followers()[0]
        gone.kill()
        fourth = Member(self.cluster, "n4")
        words = ("replace", gone.name, f"n4={fourth.peer_url}", "--yes")
        running = subprocess.Popen([program(), "member", *words, "--endpoints", self.cluster.endpoints()], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: any(each["peer_urls"] == [fourth.peer_url] for each in self.members()), "it is a learner", 20)
        seen = ""
        while "waiting for n4" not in seen:
            seen += running.stderr.readline()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
        self.assertEqual(130, running.returncode, err)
        self.assertIn("the same command goes on from here", err)
        self.assertIn("has not caught up within 0 s", self.member(*words, "--wait", "0", expect=3))
        self.start(fourth, seen)
        said = self.member(*words)
        self.assertIn(f"it is promoted once it has caught up, then {gone.name} is removed", said)
        self.assertNotIn("joins as a learner", said)
        self.assertTrue(self.votes("n4"))
        self.assertNotIn(gone.name, self.names())
        self.assertEqual(3, len(self.members()))
        self.assertIn("all of it is done", self.member(*words))

    def test_what_is_refused_says_what_next(self):
        follower, other = self.cluster.followers()
        self.assertIn("there is no member n9", self.member("remove", "n9", "--yes", expect=1))
        self.assertIn("is no NAME=URL", self.member("add", "n4", "--yes", expect=2))
        self.assertIn(f"a member is called {other.name} already", self.member("add", f"{other.name}=http://127.0.0.1:1", "--yes", expect=2))
        self.assertIn("needs to know whom", self.member("remove", expect=2))
        self.assertIn("needs to know whom, and by whom", self.member("replace", "n1", expect=2))
        self.assertIn("is itself", self.member("replace", other.name, f"n4={other.peer_url}", "--yes", expect=2))
        said = self.member("add", f"n4={other.peer_url}", "--yes", expect=4)
        self.assertIn("etcdserver: Peer URLs already exists", said)
        follower.kill()
        wait_until(lambda: "etcdserver: unhealthy cluster" in self.cluster.cairn("member", "remove", other.name, "--yes")[2],
                   "the two that are left do not let the third go", 20)
        self.assertIn("hint: cairn status says who does not answer", self.member("remove", other.name, "--yes", expect=4))
        self.member("remove", follower.name, "--yes")
        self.member("remove", other.name, "--yes")
        said = self.member("remove", self.leader.name, "--yes", expect=4)
        self.assertIn("etcdserver: re-configuration failed due to not enough started members", said)
        self.assertIn("add another member first", said)
        said = self.member("remove", self.leader.name, "--dry-run", expect=4)
        self.assertIn("leaves 0 members, tolerates 0 failures: the cluster refuses that", said)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Members that come and go while the cluster serves, by etcdctl as with an etcd, which says what the words have to be."""

import json
import os
import re
import shutil
import subprocess
import unittest

from cluster import Cluster, Member, cairn, free_port, wait_until
from etcd import Etcd

ENVIRONMENT = {**os.environ, "ETCDCTL_API": "3"}


def etcdctl(endpoints, *arguments):
    done = subprocess.run(["etcdctl", f"--endpoints={endpoints}", *arguments], env=ENVIRONMENT, capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def said(endpoints, *arguments):
    code, out, err = etcdctl(endpoints, *arguments)
    if code != 0:
        raise AssertionError(f"etcdctl {' '.join(arguments)}: {out}{err}")
    return out


def members_of(url):
    return json.loads(said(url, "-w", "json", "member", "list"))["members"]


def id_of(url, name):
    return next(each["ID"] for each in members_of(url) if each.get("name") == name)


def votes(url, name):
    return any(each.get("name") == name and not each.get("isLearner") for each in members_of(url))


def founding(member):
    """Which founding the data of a member that does not run is of."""
    return max(map(int, re.findall(r"founded=(\d+)", cairn("inspect", "wal", str(member.data_dir))[1].decode())))


class Membership(unittest.TestCase):
    def add(self, cluster, name, *flags):
        member = Member(cluster, name)
        url = cluster.members[0].client_url
        out = said(url, "member", "add", name, f"--peer-urls={member.peer_url}", *flags)
        self.assertIn("added to cluster", out)
        self.assertIn('ETCD_INITIAL_CLUSTER_STATE="existing"', out)
        cluster.members.append(member)
        member.start(initial_cluster_state="existing")
        return member

    def test_one_joins_as_a_voter_and_another_leaves(self):
        with Cluster(3) as cluster:
            first = cluster.leader()
            url = first.client_url
            for i in range(50):
                said(url, "put", f"k{i}", "v")
            fourth = self.add(cluster, "n4")
            wait_until(lambda: votes(url, "n4"), "n4 has caught up and votes", 30)
            self.assertEqual("k7\nv\n", said(fourth.client_url, "get", "k7"))
            gone = next(each for each in members_of(url) if each["name"] not in ("n4", first.name))
            out = said(fourth.client_url, "member", "remove", f"{gone['ID']:x}")
            self.assertIn("removed from cluster", out)
            self.assertEqual(3, len(members_of(fourth.client_url)))
            said(fourth.client_url, "put", "after", "1")
            self.assertEqual("after\n1\n", said(url, "get", "after"))

    def test_a_learner_is_promoted_when_somebody_says_so(self):
        with Cluster(3) as cluster:
            url = cluster.leader().client_url
            learner = self.add(cluster, "n4", "--learner")
            wait_until(lambda: any(each.get("name") == "n4" for each in members_of(url)), "n4 has started", 30)
            self.assertTrue(next(each for each in members_of(url) if each.get("name") == "n4")["isLearner"])
            own = next(each for each in members_of(url) if each.get("name") == "n4")["ID"]
            wait_until(lambda: etcdctl(url, "member", "promote", f"{own:x}")[0] == 0, "it may be promoted", 30)
            self.assertFalse(next(each for each in members_of(url) if each["ID"] == own).get("isLearner", False))
            self.assertEqual(4, len(members_of(learner.client_url)))

    def test_one_that_joined_starts_again_and_comes_back_after_it_was_wiped(self):
        with Cluster(3) as cluster:
            url = cluster.leader().client_url
            fourth = self.add(cluster, "n4")
            wait_until(lambda: votes(url, "n4"), "n4 votes", 30)
            said(url, "put", "a", "1")
            fourth.kill()
            fourth.start(initial_cluster_state="existing")
            wait_until(lambda: etcdctl(fourth.client_url, "get", "a")[1] == "a\n1\n", "it serves again", 30)
            own = id_of(url, "n4")
            fourth.kill()
            shutil.rmtree(fourth.data_dir)
            fourth.start(initial_cluster_state="existing")  # called once more, and told the same
            wait_until(lambda: etcdctl(fourth.client_url, "get", "a")[1] == "a\n1\n", "it serves again", 30)
            wait_until(lambda: fourth.status()["full"], "it is taken in again", 30)
            self.assertEqual(own, int(fourth.status()["id"], 16))
            self.assertEqual(own, id_of(url, "n4"))

    def move(self, cluster, member):
        """To another peer URL; its start line says so from now on."""
        url = f"http://127.0.0.1:{free_port()}"
        said(cluster.leader().client_url, "member", "update", f"{id_of(cluster.leader().client_url, member.name):x}",
             f"--peer-urls={url}")
        member.kill()
        member.peer_url = url
        member.start()
        wait_until(lambda: member.answers() and member.status()["leader"], f"{member.name} is back", 20)

    def moved_leads_while_another_is_away(self, cluster):
        first, away, moved = cluster.members
        cluster.leader()
        away.kill()
        self.move(cluster, moved)
        said(f"{first.client_url},{moved.client_url}", "put", "a", "1")
        if cluster.leader() is not moved:
            said(cluster.leader().client_url, "move-leader", f"{id_of(first.client_url, moved.name):x}")
        wait_until(lambda: cluster.leader() is moved, "the moved one leads", 20)
        return first, away, moved

    def test_who_was_away_while_the_leader_moved_finds_it(self):
        with Cluster(3) as cluster:
            first, away, moved = self.moved_leads_while_another_is_away(cluster)
            away.start()
            wait_until(lambda: away.answers() and away.get("a").body == b"1", "it catches up", 20)
            first.kill()
            wait_until(lambda: etcdctl(away.client_url, "put", "b", "2")[0] == 0, "the two of them serve", 20)

    def test_who_lost_everything_while_the_leader_moved_is_taken_in_by_it(self):
        with Cluster(3) as cluster:
            _, away, _ = self.moved_leads_while_another_is_away(cluster)
            shutil.rmtree(away.data_dir)
            line = ",".join(f"{each.name}={each.first_peer_url}" for each in cluster.members)
            away.start(initial_cluster=line)  # its first one, in which the moved one is where it was
            wait_until(lambda: away.answers() and away.status()["full"], "it is taken in", 20)
            self.assertEqual(b"1", away.get("a").body)

    def test_who_moved_and_lost_everything_comes_back_as_one_that_exists(self):
        with Cluster(3) as cluster:
            moved = cluster.members[2]
            cluster.leader()
            self.move(cluster, moved)
            moved.kill()
            shutil.rmtree(moved.data_dir)
            moved.start()
            wait_until(lambda: moved.answers() and "initial-cluster-state existing" in moved.status()["waits_for"],
                       "it says what to do", 20)
            moved.kill()
            shutil.rmtree(moved.data_dir)
            moved.start(initial_cluster_state="existing")
            wait_until(lambda: moved.answers() and moved.status()["full"], "it is taken in", 20)

    def test_who_founded_alone_does_not_do_so_again_after_it_was_wiped(self):
        """Its flags know of nobody else, and make the same cluster and member of it that others have grown."""
        with Cluster(1, initial_cluster_wait=None) as cluster:
            first = cluster.leader()
            alone = cluster.initial_cluster()
            others = [self.add(cluster, name) for name in ("n2", "n3")]
            for member in others:
                wait_until(lambda: votes(first.client_url, member.name), f"{member.name} votes", 30)
            for i in range(100):
                said(first.client_url, "put", f"k{i}", "v")
            for damage in (lambda: shutil.rmtree(first.data_dir), lambda: None, lambda: shutil.rmtree(first.data_dir)):
                first.kill()
                said(others[0].client_url, "put", "meanwhile", "v")
                damage()
                first.start(initial_cluster=alone).wait()
                wait_until(lambda: first.status()["full"] and first.leader_name(), "it counts again", 30)
                self.assertEqual("100\n", cairn("ls", "k", "--count", "--endpoints", first.client_url)[1].decode())
                self.assertEqual(3, len(members_of(first.client_url)))
            others[0].kill()
            said(first.client_url, "put", "after", "v")
            self.assertEqual("v", said(others[1].client_url, "get", "after", "--print-value-only").strip())

    def test_those_who_founded_do_not_do_so_again_after_all_of_them_were_wiped(self):
        """Two of five: their flags know of nobody else, and both have nothing."""
        with Cluster(2, initial_cluster_wait=None) as cluster:
            founders = list(cluster.members)
            url = cluster.leader().client_url
            flags = cluster.initial_cluster()
            others = [self.add(cluster, name) for name in ("n3", "n4", "n5")]
            for member in others:
                wait_until(lambda: votes(url, member.name), f"{member.name} votes", 30)
            for i in range(100):
                said(url, "put", f"k{i}", "v")
            for founder in founders:
                founder.kill()
            for founder in founders:
                shutil.rmtree(founder.data_dir)
                founder.start(initial_cluster=flags)
            for founder in founders:
                founder.wait()
                wait_until(lambda: founder.status()["full"] and founder.leader_name(), "it counts again", 30)
                self.assertEqual("100\n", cairn("ls", "k", "--count", "--endpoints", founder.client_url)[1].decode())
                self.assertEqual(5, len(members_of(founder.client_url)))
                self.assertIn("was there before", founder.log_path.read_text())
            for founder in founders:  # ... nor does it take itself for one later
                founder.kill()
                founder.start(initial_cluster=flags).wait()
                wait_until(lambda: founder.status()["full"] and founder.leader_name(), "it counts", 30)
                self.assertEqual(5, len(members_of(founder.client_url)))

    def test_who_is_to_vote_is_so_after_snapshots_and_a_restart_of_all(self):
        with Cluster(3, snapshot_log_bytes="1MiB") as cluster:
            leader = cluster.leader()
            fourth = Member(cluster, "n4")
            said(leader.client_url, "member", "add", "n4", f"--peer-urls={fourth.peer_url}")
            for i in range(8):
                self.assertIn(leader.put(f"big{i}", os.urandom(1 << 19)).status, (200, 201))
            for each in cluster.members:
                wait_until(lambda m=each: any((m.data_dir / "snap").iterdir()), f"{each.name} has a snapshot", 30)
                self.assertEqual(0, each.terminate())
            cluster.start()
            cluster.members.append(fourth)
            fourth.start(initial_cluster_state="existing")
            url = cluster.members[0].client_url
            wait_until(lambda: votes(url, "n4"), "n4 votes", 60)
            for each in cluster.members:
                each.kill()
            foundings = {founding(each) for each in cluster.members}
            self.assertEqual(1, len(foundings), foundings)
            self.assertNotIn(0, foundings)

    def test_who_joined_an_earlier_founding_is_not_heard_by_a_later_one(self):
        with Cluster(3) as cluster:
            three = list(cluster.members)
            line = cluster.initial_cluster()
            fourth = self.add(cluster, "n4")
            url = three[0].client_url
            wait_until(lambda: votes(url, "n4"), "n4 votes", 30)
            for i in range(50):
                said(url, "put", f"earlier{i}", "v")
            for each in cluster.members:
                each.kill()
            for each in three:  # founded anew, by the same flags
                shutil.rmtree(each.data_dir)
                each.start(initial_cluster=line)
            for each in three:
                each.wait()
            said(url, "put", "today", "1")
            fourth.start(initial_cluster_state="existing")
            words = "its data is of another founding of this cluster"
            wait_until(lambda: words in fourth.log_path.read_text(), "it says so", 30)
            self.assertNotIn("this member was removed", fourth.log_path.read_text())
            self.assertEqual("today\n1\n", said(url, "get", "--prefix", ""))
            self.assertEqual(3, len(members_of(url)))
            said(url, "put", "today", "2")

    def test_who_is_removed_says_so_and_ends_each_time(self):
        with Cluster(3) as cluster:
            leader = cluster.leader()
            url = leader.client_url
            wait_until(lambda: all(each.get("name") for each in members_of(url)), "all have said who they are", 30)
            gone = next(each for each in cluster.members if each is not leader)
            own = next(each["ID"] for each in members_of(url) if each["name"] == gone.name)
            said(url, "member", "remove", f"{own:x}")
            self.assertEqual(8, gone.process.wait(60))
            status, words = gone.run(timeout=60)
            self.assertEqual(8, status, words)
            self.assertIn("this member was removed from the cluster", words)
            self.assertIn(gone.name, words)
            said(url, "put", "after", "1")

    def test_a_cluster_shrinks_to_one_and_whoever_was_removed_hears_of_it_now_and_later(self):
        with Cluster(3) as cluster:
            left = cluster.leader()
            url = left.client_url
            wait_until(lambda: all(each.get("name") for each in members_of(url)), "all have said who they are", 30)
            ids = {each["name"]: each["ID"] for each in members_of(url)}
            gone = cluster.followers()
            for each in gone:
                said(url, "member", "remove", f"{ids[each.name]:x}")
            for each in gone:
                self.assertEqual(8, each.process.wait(60), each.name)
            # One after the other: the one that is left is all that either of them finds.
            for each in gone:
                status, words = each.run(timeout=120)
                self.assertEqual(8, status, words)
                self.assertIn("this member was removed from the cluster", words)
            said(url, "put", "after", "1")
            self.assertEqual([left.name], [each["name"] for each in members_of(url)])

    def test_a_leader_that_is_removed_hands_over_and_ends(self):
        with Cluster(3) as cluster:
            leader = cluster.leader()
            other = next(each for each in cluster.members if each is not leader)
            wait_until(lambda: all(each.get("name") for each in members_of(other.client_url)), "all have said who they are", 30)
            own = next(each["ID"] for each in members_of(other.client_url) if each["name"] == leader.name)
            said(other.client_url, "member", "remove", f"{own:x}")
            said(other.client_url, "put", "after", "1")
            self.assertEqual(8, leader.process.wait(60))
            self.assertIn("this member was removed from the cluster", leader.log_path.read_text(encoding="utf-8"))

    def test_words_and_codes_are_etcds(self):
        with Cluster(3) as cluster, Etcd(3) as etcd:
            cluster.leader()
            theirs, mine = etcd.clients[0], cluster.members[0].client_url
            # etcd takes no changes before its members have been connected for five seconds.
            own = members_of(theirs)[0]
            wait_until(lambda: etcdctl(theirs, "member", "add", "probe", f"--peer-urls={own['peerURLs'][0]}")[2].find("unhealthy") < 0,
                       "etcd takes changes", 30, 0.2)
            peers = [etcd.peers[1], cluster.members[1].peer_url]

            def both(*arguments):
                results = [etcdctl(url, *[each.replace("PEER", peer) for each in arguments])
                           for url, peer in zip((theirs, mine), peers)]
                words = [(code, out, json.loads(err.splitlines()[0])["error"] if err.startswith("{") else
                          err.replace(url, "URL")) for url, (code, out, err) in zip((theirs, mine), results)]
                self.assertEqual(*words, " ".join(arguments))

            both("member", "add", "n9", "--peer-urls=PEER")
            both("member", "remove", "77")
            both("member", "promote", "77")
            both("member", "update", "77", "--peer-urls=http://127.0.0.1:9")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The life of a process: started, asked to stop, killed, started again, on disks that refuse."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from cluster import Cluster, free_port, http_request, port_of, program, wait_until

NOBODY = "65534"
DISK_EXIT_STATUSES = (5, 74)


def write_until_answered(cluster, key, value, seconds=15.0):
    """How long it took until some member said that the write has happened."""
    start = time.monotonic()

    def written():
        for member in cluster.running():
            try:
                if member.put(key, value, Idempotency_Key=key).status in (200, 201):
                    return True
            except OSError:
                pass
        return False
    wait_until(written, f"a write of {key} is answered", seconds, pause=0.005)
    return time.monotonic() - start


class Lifecycle(unittest.TestCase):
    def cluster_of(self, size):
        return self.enterContext(Cluster(size))

    def test_single_member_needs_no_flag(self):
        cluster = self.enterContext(Cluster(1, start=False))
        member = cluster.members[0]
        member.start(name=None, initial_cluster=None, initial_cluster_token=None, initial_advertise_peer_urls=None).wait()
        wait_until(member.leader_name, "it leads itself", 10)
        self.assertIn(member.put("k", b"v").status, (200, 201))
        self.assertEqual(0, member.terminate())

    def test_listens_on_several_addresses_and_on_localhost(self):
        cluster = self.enterContext(Cluster(1, start=False))
        member = cluster.members[0]
        ports = [port_of(member.client_url), free_port()]
        member.start(listen_client_urls=f"http://localhost:{ports[0]},http://127.0.0.1:{ports[1]}").wait()
        for port in ports:
            self.assertEqual(200, http_request(f"http://127.0.0.1:{port}", "GET", "/livez").status)

    def test_flags_from_the_environment(self):
        cluster = self.enterContext(Cluster(1, start=False))
        member = cluster.members[0]
        os.environ["ETCD_NAME"] = "from-the-environment"
        self.addCleanup(os.environ.pop, "ETCD_NAME")
        member.start(name=None, initial_cluster=f"from-the-environment={member.peer_url}").wait()
        self.assertEqual("from-the-environment", member.status()["name"])

    def test_sigterm_hands_leadership_over(self):
        cluster = self.cluster_of(3)
        leader, term = cluster.leader(), cluster.leader().term()
        leader.put("before", b"1")
        self.assertEqual(0, leader.terminate(), leader.log_tail())
        seconds = write_until_answered(cluster, "after", b"2")
        successor = cluster.leader(other_than=leader)
        self.assertEqual(term + 1, successor.term(), "one election, no contest")
        self.assertLess(seconds, 1.0, "shorter than any election timeout")
        print(f"leader stopped: a write waited {seconds * 1000:.0f} ms")

    def test_sigterm_of_a_follower_changes_nothing(self):
        cluster = self.cluster_of(3)
        leader, term = cluster.leader(), cluster.leader().term()
        self.assertEqual(0, cluster.followers()[0].terminate())
        self.assertIn(leader.put("k", b"v").status, (200, 201))
        self.assertEqual((leader, term), (cluster.leader(), leader.term()))

    def test_same_line_starts_it_again(self):
        cluster = self.cluster_of(3)
        follower = cluster.followers()[0]
        identity = follower.status()["id"]
        for stop in (follower.terminate, follower.kill):
            stop()
            revision = int(cluster.leader().put("while-away", b"v").headers["cairn-revision"])
            follower.start().wait()
            wait_until(lambda: follower.status()["revision"] >= revision, "it has caught up", 20)
            self.assertEqual(identity, follower.status()["id"])

    def test_kill_of_the_leader(self):
        cluster = self.cluster_of(3)
        for round_number in range(3):
            leader = cluster.leader()
            kept = f"kept/{round_number}"
            self.assertIn(leader.put(kept, b"v").status, (200, 201))
            leader.kill()
            seconds = write_until_answered(cluster, f"after/{round_number}", b"v")
            print(f"leader killed: a write waited {seconds * 1000:.0f} ms")
            successor = cluster.leader(other_than=leader)
            self.assertEqual(b"v", successor.get(kept).body)
            leader.start().wait()
        for member in cluster.members:
            for round_number in range(3):
                for name in ("kept", "after"):
                    reply = member.get(f"{name}/{round_number}", "?consistency=linearizable")
                    self.assertEqual(b"v", reply.body, f"{member.name} {reply}")

    def test_kill_of_all(self):
        cluster = self.cluster_of(3)
        leader = cluster.leader()
        written = {f"k{i}": str(i).encode() for i in range(200)}
        for key, value in written.items():
            self.assertIn(leader.put(key, value).status, (200, 201))
        for member in cluster.members:
            member.kill()
        cluster.start()
        for member in cluster.members:
            for key, value in written.items():
                self.assertEqual(value, member.get(key, "?consistency=linearizable").body)

    def test_without_a_majority_nothing_is_promised(self):
        cluster = self.cluster_of(3)
        leader = cluster.leader()
        leader.put("k", b"1")
        survivor = cluster.followers()[0]
        wait_until(lambda: survivor.get("k").body == b"1", "it has the write as well")
        for member in cluster.members:
            if member is not survivor:
                member.kill()
        wait_until(lambda: survivor.leader_name() is None, "it notices that nobody leads", 20)
        reply = survivor.put("k", b"2")
        self.assertEqual((503, "no_leader"), (reply.status, reply.json()["code"]))
        self.assertIn("retry-after", reply.headers)
        self.assertEqual(b"1", survivor.get("k").body, "local reads go on")
        self.assertIn(survivor.get("k", "?consistency=linearizable").status, (503, 504))
        status, out, err = cluster.cairn("get", "k")
        self.assertEqual((0, b"1"), (status, out), err)
        self.assertIn("note: a local read, at one member that knows no leader", err)
        status, out, err = cluster.cairn("get", "k", "-w", "json")
        self.assertEqual(("local", False), (json.loads(out)["consistency"], json.loads(out)["leader_known"]))
        self.assertEqual("local_read", json.loads(err)["note"]["code"])
        self.assertIn("a local read, at one member that knows no leader", cluster.cairn("get", "none")[2])
        start = time.monotonic()
        status, _, err = cluster.cairn("put", "k", "2", timeout=60)
        self.assertEqual(3, status)
        self.assertGreaterEqual(time.monotonic() - start, 4.9, "the whole of --timeout")
        self.assertRegex(err, survivor.client_url + r" answers \(" + survivor.name + r"\): 3 members, no leader for \d+ s")
        self.assertIn("error: the write has not happened: ", err)
        for member in cluster.members:
            self.assertIn(member.client_url + ": ", err, "each one's answer, or why there is none")
        self.assertIn("etcdserver: no leader", err)
        self.assertEqual(200, survivor.request("GET", "/livez").status)
        self.assertEqual(503, survivor.request("GET", "/health").status)

    def test_members_that_hang_hide_nobody_and_the_write_can_be_repeated(self):
        cluster = self.cluster_of(3)
        leader = cluster.leader()
        leader.put("k", b"1")
        survivor = cluster.followers()[0]
        hanging = [member for member in cluster.members if member is not survivor]
        endpoints = ",".join(member.client_url for member in [*hanging, survivor])
        for member in hanging:
            os.kill(member.process.pid, signal.SIGSTOP)
        try:
            status, _, err = cluster.cairn("put", "k", "it's 2", "-w", "json", endpoints=endpoints)
            self.assertEqual(3, status)
            error = json.loads(err)["error"]
            self.assertEqual("outcome_unknown", error["code"], "it may be on its way in one that hangs")
            answers = {each["endpoint"]: each["answers"] for each in error["members"]}
            self.assertEqual({member.client_url: member is survivor for member in cluster.members}, answers)
            said = next(each for each in error["members"] if each["answers"])
            self.assertEqual(("", survivor.name), (said["leader"], said["name"]))
            self.assertGreater(said["leaderless_seconds"], 1)
            status, out, err = cluster.cairn("get", "k", endpoints=endpoints)
            self.assertEqual((0, b"1"), (status, out), err)
            self.assertIn("a local read", err)
        finally:
            for member in hanging:
                os.kill(member.process.pid, signal.SIGCONT)
        cluster.leader()
        # The command as it was printed, twice: it applies once.
        environment = os.environ | {"PATH": f"{os.path.dirname(program())}:{os.environ['PATH']}"}
        for _ in range(2):
            subprocess.run(error["repeat"], shell=True, check=True, env=environment, capture_output=True, timeout=30)
        reply = leader.get("k", "?consistency=linearizable")
        self.assertEqual((b"it's 2", "2"), (reply.body, reply.headers["cairn-version"]))


class Disks(unittest.TestCase):
    """Directories that refuse: said clearly, and nothing acknowledged is lost."""

    def setUp(self):
        self.cluster = self.enterContext(Cluster(1, start=False))
        self.member = self.cluster.members[0]

    def test_directory_without_permission(self):
        folder = self.member.data_dir
        folder.mkdir(mode=0o700)
        line = self.member.command()
        if os.geteuid() == 0:
            os.chmod(self.cluster.folder, 0o755)
            line[0] = shutil.copy(program(), self.cluster.folder / "cairn")
            line = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"] + line
        else:
            folder.chmod(0)
            self.addCleanup(folder.chmod, 0o700)
        done = subprocess.run(line, capture_output=True, text=True, timeout=15, check=False)
        said = done.stdout + done.stderr
        self.assertIn(done.returncode, DISK_EXIT_STATUSES, said)
        self.assertIn(str(folder), said)
        self.assertIn("ermission", said)

    def small_disk(self, size):
        if os.geteuid() != 0:
            self.skipTest("a small disk can be mounted by root only")
        where = self.cluster.folder / "disk"
        where.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "cairn-e2e", str(where)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"no file system can be mounted here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(where)], check=False)
        self.addCleanup(lambda: self.member.running() and self.member.kill())
        self.member.data_dir = where / "data"
        return where

    def test_disk_full_at_the_first_start(self):
        self.small_disk("256k")
        status, said = self.member.run()
        self.assertIn(status, DISK_EXIT_STATUSES, said)
        self.assertIn(str(self.member.data_dir), said)

    def test_disk_full_while_writing(self):
        where = self.small_disk("400m")
        self.member.start().wait()
        self.cluster.leader()
        for i in range(100):
            self.assertIn(self.member.put(f"before{i}", b"v" * 500_000).status, (200, 201))
        self.fill(where)
        acknowledged = self.write_until_refused()
        self.assertTrue(acknowledged, "some writes still found room")
        self.assertTrue(self.member.running(), self.member.log_tail())
        Path(where, "filler").unlink()
        wait_until(lambda: self.member.put("after", b"v").status in (200, 201), "it goes on by itself", 10)
        for key in acknowledged:
            self.assertEqual(200, self.member.get(key).status, f"{key} was acknowledged")

    def fill(self, where):
        with open(where / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(b"\0" * 65536)
                    filler.flush()
            except OSError:
                pass

    def write_until_refused(self):
        acknowledged = []
        for i in range(2000):
            reply = self.member.put(f"k{i}", b"v" * 500_000)
            if reply.status == 507:
                break
            self.assertIn(reply.status, (200, 201), reply)
            acknowledged.append(f"k{i}")
        else:
            self.fail("a full disk has taken 1 GB")
        return acknowledged


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""cairn backup follow and restore: every change is in the folder, whatever dies meanwhile, and any state comes back as it was."""

import base64
import datetime
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from cluster import Cluster, Running, cairn, contents, http_request, mount, program, wait_until
from etcd import Etcd


def ask(url, method, message, timeout=30):
    """One call of etcd's API through the JSON gateway."""
    reply = http_request(url, "POST", "/v3/" + method, json.dumps(message).encode(), {"content-type": "application/json"}, timeout)
    return reply.status, reply.json()


def hash_at(url, revision):
    status, said = ask(url, "maintenance/hashkv", {"revision": str(revision)})
    assert status == 200, said
    return said["hash"], said.get("compact_revision")


def revision_of(cluster):
    return int(cluster.leader().request("GET", "/v1/status").json()["revision"])


class Following(unittest.TestCase):
    def setUp(self):
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))
        self.folder = self.root / "backups"
        self.restored = 0

    def line(self, cluster, *more):
        return [program(), "backup", "follow", str(self.folder), "--endpoints", cluster.endpoints(), "--timeout", "2", *more]

    def follow(self, cluster, *more):
        """One that runs; what it says goes to a file."""
        said = open(self.root / "said", "ab")
        self.addCleanup(said.close)
        return self.enterContext(Running(self.line(cluster, *more), stdout=subprocess.DEVNULL, stderr=said))

    def said(self):
        return (self.root / "said").read_text()

    def listed(self, cluster):
        status, out, err = cluster.cairn("backup", "list", str(self.folder), "-w", "json")
        self.assertIn(status, (0, 1), err)
        return json.loads(out) if out else []

    def reach(self, cluster):
        return max([each.get("revision", 0) for each in self.listed(cluster)], default=0)

    def await_reach(self, cluster, revision=None):
        revision = revision or revision_of(cluster)
        wait_until(lambda: self.folder.exists() and self.reach(cluster) >= revision, f"revision {revision} is archived", 40, 0.2)
        return revision

    def restore(self, *more):
        """A new member of one from the folder, not yet started."""
        cluster = self.enterContext(Cluster(1, start=False))
        member = cluster.members[0]
        status, out, err = cairn("backup", "restore", str(self.folder), "--data-dir", str(member.data_dir), "--name", member.name,
                                 "--initial-cluster", cluster.initial_cluster(), "--initial-cluster-token", cluster.token,
                                 "-w", "json", *more)
        self.assertEqual(0, status, err)
        self.assertNotIn("another backup is tried", err)
        return cluster, json.loads(out)

    def refused(self, *more):
        status, _, err = cairn("backup", "restore", str(self.folder), "--data-dir", str(self.root / "none"), "-w", "json", *more)
        self.assertFalse((self.root / "none").exists())
        return status, json.loads(err)["error"]

    def compare(self, cluster, revision):
        """Everything at that revision is as the living cluster has it: its hash is over all keys, records and numbers."""
        again, said = self.restore("--at", str(revision))
        again.start()
        self.assertEqual(revision, said["revision"])
        theirs, compacted = hash_at(cluster.leader().client_url, revision)
        if compacted:
            ask(again.members[0].client_url, "kv/compaction", {"revision": compacted, "physical": True})
        self.assertEqual((theirs, compacted), hash_at(again.members[0].client_url, revision), f"at revision {revision}")
        found = contents(again.members[0])
        again.close()
        return found


class Load(threading.Thread):
    """Writes, deletions, transactions and leases, whoever dies; what was acknowledged: revision, key, value."""

    def __init__(self, cluster, seed):
        super().__init__(daemon=True)
        self.cluster, self.random, self.acknowledged, self.ends = cluster, random.Random(seed), [], threading.Event()
        self.asked = cluster.members

    def run(self):
        lease = self.cluster.cairn("lease", "grant", "900s")[1].split()[0].decode()
        count = 0
        while not self.ends.is_set():
            count += 1
            key, value = f"k{self.random.randrange(20)}", str(count).encode()
            what = self.random.randrange(10)
            member = self.random.choice(self.asked)
            try:
                if what == 0:
                    reply = member.request("DELETE", f"/v1/kv/{key}", timeout=3)
                elif what == 1:
                    txn = {"success": [{"request_put": {"key": "dA==", "value": "dg=="}}, {"request_delete_range": {"key": "azE="}},
                                       {"request_put": {"key": "dTI=", "value": "dg=="}}]}
                    ask(member.client_url, "kv/txn", txn, 3)
                    continue
                else:
                    query = f"?lease={lease}" if what == 2 else ""
                    reply = member.request("PUT", f"/v1/kv/{key}{query}", value, timeout=3)
                    if reply.status == 307:
                        continue
                    if reply.status in (200, 201):
                        self.acknowledged.append((int(reply.headers["cairn-revision"]), key, value))
            except (OSError, ValueError, AssertionError):
                continue


class Crashes(Following):
    def test_nothing_is_left_out_or_doubled_over_kills_of_all(self):
        with Cluster(3) as cluster:
            following = self.follow(cluster, "--every", "6s", "--keep", "3")
            load = Load(cluster, 5)
            load.start()
            self.addCleanup(load.ends.set)
            seen = 0
            for turn in range(4):
                seen = self.await_reach(cluster, seen + 40)
                if turn % 2 == 0:
                    following.kill()
                    following.wait()
                    time.sleep(0.3)  # meanwhile there are writes that nobody writes down
                    following = self.follow(cluster, "--every", "6s", "--keep", "3")
                else:
                    leader = cluster.leader()
                    leader.kill()
                    cluster.leader(other_than=leader)
                    seen = self.await_reach(cluster, seen + 20)
                    leader.start().wait()
            # One that hangs says nothing, and is not waited for.
            url = self.said().rsplit(" on, at ", 1)[1].splitlines()[0]
            hung = next(member for member in cluster.members if member.client_url == url)
            load.asked = [member for member in cluster.members if member is not hung]
            hung.process.send_signal(signal.SIGSTOP)
            self.addCleanup(hung.process.send_signal, signal.SIGCONT)
            seen = self.await_reach(cluster, self.reach(cluster) + 20)
            hung.process.send_signal(signal.SIGCONT)
            load.ends.set()
            load.join(30)
            self.await_reach(cluster)
            oldest = min(each["revision"] for each in self.listed(cluster) if each["file"].endswith(".db"))
            self.assertEqual([None] * len(self.listed(cluster)), [each.get("damage") for each in self.listed(cluster)])
            self.assertNotIn("begin anew", self.said(), "all of it is one history")
            acknowledged = [each for each in load.acknowledged if each[0] >= oldest]
            for revision, key, value in random.Random(7).sample(acknowledged, 12):
                self.assertEqual(value, dict(self.compare(cluster, revision))[key.encode()], f"{key} at revision {revision}")
            self.compare(cluster, oldest)
            last = self.await_reach(cluster)  # a write that nobody was told of may have happened since
            newest, said = self.restore()
            self.assertEqual(last, said["revision"])
            newest.start()
            self.assertEqual(contents(cluster.leader()), contents(newest.members[0]))
            self.assertEqual(0, cluster.cairn("backup", "drill", str(self.folder))[0])
            following.send_signal(signal.SIGTERM)
            self.assertEqual(0, following.wait(20), self.said())
            self.assertLessEqual(len([path for path in self.folder.iterdir() if path.name.endswith(".db")]), 3)


class Folders(Following):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(1))

    def put(self, count=1):
        for i in range(count):
            self.assertIn(self.cluster.leader().put("k", f"{self.id()} {i}".encode()).status, (200, 201))
        return revision_of(self.cluster)

    def test_times(self):
        following = self.follow(self.cluster)
        first = self.await_reach(self.cluster, self.put())
        time.sleep(1.5)
        between = datetime.datetime.now(datetime.timezone.utc)
        time.sleep(1.5)
        last = self.await_reach(self.cluster, self.put(3))
        self.assertEqual(first, self.restore("--at", between.strftime("%Y-%m-%dT%H:%M:%SZ"))[1]["revision"])
        west = between.astimezone(datetime.timezone(datetime.timedelta(hours=-3)))
        self.assertEqual(first, self.restore("--at", west.isoformat())[1]["revision"])
        self.assertEqual(last, self.restore()[1]["revision"])
        for at, part in (("2020-01-01T00:00:00Z", "no archive knows"), (str(last + 1), "nothing in"), ("2099-01-01T00:00:00Z", "reaches to")):
            status, said = self.refused("--at", at)
            self.assertEqual((1, "no_such_moment", True), (status, said["code"], part in said["message"]), said)
            self.assertIn(f"to {last}, ", said["hint"], "what there is")
        self.assertEqual(2, self.refused("--at", "yesterday")[0])
        self.assertEqual(2, self.refused("--at", "0")[0])
        following.send_signal(signal.SIGINT)
        self.assertEqual(130, following.wait(20))

    def test_one_at_a_time_and_a_torn_tail(self):
        following = self.follow(self.cluster)
        self.await_reach(self.cluster, self.put(1))  # there is a backup: what comes is archived
        last = self.await_reach(self.cluster, self.put(5))
        status, _, err = self.cluster.cairn("backup", "take", str(self.folder))
        self.assertEqual((5, True), (status, "another cairn backup" in err), err)
        following.kill()
        following.wait()
        archive = next(self.folder.glob("*.changes"))
        with open(archive, "ab") as file:
            file.write(archive.read_bytes()[-30:-7])  # not a whole record, and not where one begins
        self.assertEqual(last, self.restore()[1]["revision"])
        whole = archive.read_bytes()
        newest = whole.rindex(f"{self.id()} 4".encode())  # a mark of the time may stand behind it
        archive.write_bytes(whole[:newest + 3])
        self.assertEqual(last - 1, self.restore()[1]["revision"])
        following = self.follow(self.cluster)
        wait_until(lambda: "unfinished record" in self.said(), "the tail is cut", 20)
        self.await_reach(self.cluster, last)
        self.assertEqual(1, len(list(self.folder.glob("*.db"))), "no other backup was needed")
        self.compare(self.cluster, last)

    def test_damage_is_named_and_what_is_before_it_comes_back(self):
        following = self.follow(self.cluster)
        first = self.await_reach(self.cluster, self.put(1))
        self.await_reach(self.cluster, self.put(20))
        time.sleep(1.5)  # as what follows says, that was durable
        last = self.await_reach(self.cluster, self.put())
        following.kill()
        following.wait()
        archive = next(self.folder.glob("*.changes"))
        content = bytearray(archive.read_bytes())
        content[len(content) // 2] ^= 1
        archive.write_bytes(content)
        status, out, _ = self.cluster.cairn("backup", "list", str(self.folder), "-w", "json")
        damaged = [each for each in json.loads(out) if each.get("damage")]
        self.assertEqual((1, [archive.name]), (status, [each["file"] for each in damaged]))
        self.assertIn("E_ARCHIVE_DAMAGED", damaged[0]["damage"])
        self.assertLess(damaged[0]["revision"], last)
        self.assertEqual(1, self.refused("--at", str(last))[0])
        self.compare(self.cluster, first)
        self.follow(self.cluster)
        wait_until(lambda: "E_ARCHIVE_DAMAGED" in self.said(), "it says so", 20)
        self.compare(self.cluster, self.await_reach(self.cluster, self.put(2)))
        self.assertEqual(bytes(content), archive.read_bytes(), "evidence stays")

    def test_a_compaction_that_was_faster_is_said_and_costs_only_what_it_took(self):
        following = self.follow(self.cluster)
        before = self.await_reach(self.cluster, self.put(3))
        following.kill()
        following.wait()
        last = self.put(10)
        self.assertEqual(200, ask(self.cluster.leader().client_url, "kv/compaction", {"revision": str(last - 2)})[0])
        self.follow(self.cluster)
        wait_until(lambda: "were compacted before they were seen" in self.said(), "the gap is said", 20)
        after = self.await_reach(self.cluster, self.put(3))
        self.assertEqual(2, len(list(self.folder.glob("*.db"))))
        self.assertEqual(before, self.restore("--at", str(before))[1]["revision"])
        self.compare(self.cluster, after)
        status, said = self.refused("--at", str(last - 5))
        self.assertEqual((1, "no_such_moment"), (status, said["code"]), said)

    def test_another_cluster_under_the_same_url_begins_anew(self):
        following = self.follow(self.cluster)
        before = self.await_reach(self.cluster, self.put(30))
        following.kill()
        following.wait()
        with Cluster(1) as other:
            other.leader().put("other", b"v")
            self.follow(other)
            wait_until(lambda: "this is another cluster" in self.said(), "it notices", 20)
            wait_until(lambda: len(list(self.folder.glob("*.changes"))) == 2, "and begins anew", 20)
            revision = revision_of(other)
            wait_until(lambda: self.listed(other)[-1].get("revision", 0) >= revision, "it is followed", 20)
            self.assertEqual(revision, self.restore()[1]["revision"], "the newest is of the newest")
            self.compare(self.cluster, before)

    def test_archives_go_with_the_last_backup_that_needs_them(self):
        self.follow(self.cluster, "--every", "11s", "--keep", "1")
        self.await_reach(self.cluster, self.put(3))
        first = {path.name for path in self.folder.iterdir() if not path.name.startswith(".")}
        self.assertEqual(2, len(first))
        wait_until(lambda: not first & {path.name for path in self.folder.iterdir()}, "both are gone", 40)
        self.compare(self.cluster, self.await_reach(self.cluster, self.put(3)))

    def test_keys_come_back_with_leases_as_long_as_they_were(self):
        self.follow(self.cluster)
        self.await_reach(self.cluster, self.put())
        lease = self.cluster.cairn("lease", "grant", "777s")[1].split()[0].decode()
        self.cluster.leader().request("PUT", f"/v1/kv/leased?lease={lease}", b"v")
        last = self.await_reach(self.cluster)
        time.sleep(1)  # it is asked for behind the key
        again, _ = self.restore("--at", str(last))
        again.start()
        status, out, err = again.cairn("lease", "timetolive", lease, "--keys", "-w", "json")
        self.assertEqual(0, status, err)
        said = json.loads(out)
        self.assertEqual((777, ["leased"]), (said["granted_ttl"], said["keys"]), said)

    def test_a_full_disk_ends_it_and_it_goes_on_later(self):
        mount(self, self.folder, "-o", "size=1m")
        following = self.follow(self.cluster)
        self.await_reach(self.cluster, self.put())
        filler = self.folder / "filler"
        filler.write_bytes(b"x" * (700 << 10))
        for i in range(40):
            self.cluster.leader().put(f"large{i}", os.urandom(20_000))
        self.assertEqual(5, following.wait(30), self.said())
        self.assertIn("make room, and start it again", self.said())
        self.assertEqual([], [each for each in self.listed(self.cluster) if each.get("damage")])
        filler.unlink()
        for i in range(40):
            self.cluster.leader().request("DELETE", f"/v1/kv/large{i}")
        subprocess.run(["mount", "-o", "remount,size=16m", str(self.folder)], check=True)
        self.follow(self.cluster)
        self.compare(self.cluster, self.await_reach(self.cluster, self.put()))


class Users(Following):
    def test_a_change_of_users_takes_another_backup_and_only_one(self):
        with Cluster(1) as cluster:
            environment = os.environ | {"CAIRN_USER": "root", "CAIRN_PASSWORD": "rootpw"}
            for words, typed in (("user", "add", "root"), "rootpw\n"), (("user", "grant-role", "root", "root"), ""), (("auth", "enable"), ""):
                self.assertEqual(0, cluster.cairn(*words, stdin=typed)[0], words)
            refused = subprocess.run(self.line(cluster), capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual((4, True), (refused.returncode, "user name is empty" in refused.stderr), refused.stderr)
            with open(self.root / "said", "ab") as said, Running(self.line(cluster, "--user", "root"), env=environment,
                                                                  stdout=subprocess.DEVNULL, stderr=said) as following:
                wait_until(lambda: list(self.folder.glob("*.changes")), "it follows", 20)
                time.sleep(11)
                self.assertEqual(1, len(list(self.folder.glob("*.db"))), "nobody has changed")
                done = subprocess.run([program(), "role", "add", "readers", "--endpoints", cluster.endpoints()], env=environment,
                                      capture_output=True, text=True, timeout=30, check=False)
                self.assertEqual(0, done.returncode, done.stderr)
                wait_until(lambda: len(list(self.folder.glob("*.changes"))) == 2, "a backup has the role", 30)
                time.sleep(11)
                self.assertEqual(2, len(list(self.folder.glob("*.db"))), self.said())
                following.send_signal(signal.SIGTERM)
                self.assertEqual(0, following.wait(20))
            again, _ = self.restore()
            again.members[0].start()
            roles = [program(), "role", "list", "--endpoints", again.endpoints()]
            wait_until(lambda: "readers" in subprocess.run(roles, env=environment, capture_output=True, text=True, timeout=30,
                                                           check=False).stdout, "it has the role", 20)


class OfEtcd(Following):
    def test_etcd_is_followed_as_well(self):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            self.skipTest("no etcd here")
        with Etcd(size=1) as etcd:
            url = etcd.clients[0]
            line = [program(), "backup", "follow", str(self.folder), "--endpoints", url]

            def put(key, value, lease=0):
                self.assertEqual(200, ask(url, "kv/put", {"key": base64.b64encode(key).decode(), "lease": lease,
                                                          "value": base64.b64encode(value).decode()})[0])
            lease = ask(url, "lease/grant", {"TTL": 500})[1]["ID"]
            put(b"before", b"v")
            with open(self.root / "said", "ab") as said, Running(line, stdout=subprocess.DEVNULL, stderr=said):
                wait_until(lambda: list(self.folder.glob("*.changes")), "it follows", 20)
                for i in range(30):
                    put(f"k{i % 4}".encode(), str(i).encode(), lease if i % 5 == 0 else 0)
                ask(url, "kv/txn", {"success": [{"request_put": {"key": "dA==", "value": "dg=="}},
                                                {"request_delete_range": {"key": "azE="}}]})
                last = int(ask(url, "kv/range", {"key": "dA=="})[1]["header"]["revision"])
                wait_until(lambda: max(each["revision"] for each in json.loads(cairn(
                    "backup", "list", str(self.folder), "-w", "json")[1])) >= last, "it is archived", 20)
                for revision in (last, last - 1, last - 13):
                    again, said_of_it = self.restore("--at", str(revision))
                    again.start()
                    self.assertEqual((revision, 1), (said_of_it["revision"], said_of_it["leases"]))
                    theirs, ours = (subprocess.run(
                        ["etcdctl", "--endpoints", each, "endpoint", "hashkv", "--rev", str(revision)], capture_output=True, text=True,
                        env=os.environ | {"ETCDCTL_API": "3"}, timeout=30, check=True).stdout for each in (url, again.endpoints()))
                    self.assertEqual(theirs.split(", ")[1], ours.split(", ")[1])


if __name__ == "__main__":
    unittest.main()

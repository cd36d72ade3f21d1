#!/usr/bin/env python3
"""Backups next to Debian's etcd, both ways: what etcdctl saves is restored here, and what is saved here by etcd; with every
revision, lease and hash as they were."""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from cluster import Cluster, PeakMemory, cairn, free_port, wait_until
from etcd import Etcd


def etcdctl(endpoints, *arguments, timeout=60, stdin=None):
    done = subprocess.run(["etcdctl", *(["--endpoints", endpoints] if endpoints else []), *arguments], input=stdin,
                          env=os.environ | {"ETCDCTL_API": "3"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False)
    if done.returncode != 0:
        raise AssertionError(f"etcdctl {arguments}: {done.stderr.decode()}{done.stdout.decode()}")
    return done.stdout.decode()


def fill(url):
    """Every kind of change; the revisions of interest behind the compaction, and the lease."""
    lease = etcdctl(url, "lease", "grant", "5000").split()[1]
    other = etcdctl(url, "lease", "grant", "6000").split()[1]
    for i in range(40):
        etcdctl(url, "put", f"key{i % 9}", f"value {i}", *(["--lease", lease] if i % 7 == 0 else []))
    etcdctl(url, "put", "large", stdin=b"x" * 300_000)
    etcdctl(url, "del", "key3")
    etcdctl(url, "txn", stdin=b'\n\nput in-a-txn 1\nput key3 again\ndel key4\n\n\n')
    etcdctl(url, "lease", "revoke", other)
    etcdctl(url, "compact", "20")
    etcdctl(url, "put", "key5", "after", "--lease", lease)
    etcdctl(url, "del", "key6", "key8")
    return lease


def hash_of(url):
    return etcdctl(url, "endpoint", "hashkv").strip().rsplit(", ", 1)[1]


def revision_of(url):
    return json.loads(etcdctl(url, "endpoint", "status", "-w", "json"))[0]["Status"]["header"]["revision"]


def history_of(url, first, last):
    """All keys as they were at each revision, with all their numbers; as JSON of which the header is left out."""
    history = []
    for revision in range(first, last + 1):
        answer = json.loads(etcdctl(url, "get", "", "--prefix", "--rev", str(revision), "-w", "json"))
        history.append(answer.get("kvs"))
    return history


class LoneEtcd:
    """One etcd that was restored from a backup."""

    def __init__(self, file, folder):
        self.url, self.peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.folder = folder
        etcdctl("", "snapshot", "restore", str(file), "--data-dir", str(folder), "--name", "e",
                "--initial-cluster", f"e={self.peer}", "--initial-advertise-peer-urls", self.peer)

    def __enter__(self):
        with open(f"{self.folder}.log", "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "etcd", "--name", "e", "--data-dir", str(self.folder),
                 "--listen-client-urls", self.url, "--advertise-client-urls", self.url, "--listen-peer-urls", self.peer,
                 "--initial-advertise-peer-urls", self.peer, "--initial-cluster", f"e={self.peer}"], stdout=log, stderr=log)

        def serves():
            try:
                etcdctl(self.url, "endpoint", "health", timeout=10)
                return True
            except AssertionError:
                return False
        wait_until(serves, "the restored etcd serves", 30)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def attached(said):
    """The keys of a lease, of which etcd tells in another order each time."""
    return sorted(said.split("attached keys([")[1].split("])")[0].split())


class Backups(unittest.TestCase):
    def setUp(self):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            self.skipTest("no etcd here")

    def restored(self, file, size=1, *flags):
        """A cluster whose members are restored and not yet started."""
        cluster = self.enterContext(Cluster(size, start=False))
        for member in cluster.members:
            self.restore(file, cluster, member, *flags)
        return cluster

    def restore(self, file, cluster, member, *flags):
        status, out, err = cairn("snapshot", "restore", str(file), "--data-dir", str(member.data_dir), "--name", member.name,
                                 "--initial-cluster", cluster.initial_cluster(), "--initial-cluster-token", cluster.token,
                                 "--initial-advertise-peer-urls", member.peer_url, "-w", "json", *flags)
        self.assertEqual(0, status, err)
        return json.loads(out)

    def save(self, cluster, file):
        status, _, err = cluster.cairn("snapshot", "save", str(file))
        self.assertEqual(0, status, err)

    def test_from_etcd_to_here_with_all_history_and_leases(self):
        with Etcd(size=1) as etcd:
            url = etcd.clients[0]
            lease = fill(url)
            file = Path(etcd.folder) / "etcd.db"
            etcdctl(url, "snapshot", "save", str(file))
            last = revision_of(url)
            wanted_hash, wanted = hash_of(url), history_of(url, 20, last)

            status, out, err = cairn("snapshot", "status", str(file), "-w", "json")
            self.assertEqual(0, status, err)
            facts = json.loads(out)
            theirs = json.loads(etcdctl("", "snapshot", "status", str(file), "-w", "json"))
            self.assertEqual(f"{theirs['hash']:08x}", facts["hash"])
            self.assertEqual((last, 20, 1), (facts["revision"], facts["compact_revision"], facts["leases"]))
            self.assertEqual(len(wanted[-1]), facts["keys"])

            cluster = self.restored(file, 3)
            cluster.start()
            for member in cluster.members:
                wait_until(lambda: hash_of(member.client_url) == wanted_hash, f"{member.name} has the hash", 10)
            here = cluster.leader().client_url
            self.assertEqual(wanted, history_of(here, 20, last))
            keys = etcdctl(here, "lease", "timetolive", lease, "--keys")
            self.assertIn("granted with TTL(5000s)", keys)
            self.assertEqual(attached(etcdctl(url, "lease", "timetolive", lease, "--keys")), attached(keys))
            self.assertEqual(len(etcdctl(url, "lease", "list").split()), len(etcdctl(here, "lease", "list").split()))
            self.assertIn("compacted", cluster.cairn("get", "key1", "--rev", "19")[2])
            # The next write is the next revision.
            etcdctl(here, "put", "next", "")
            self.assertEqual(last + 1, revision_of(here))

    def test_from_here_to_etcd_with_the_same_hash(self):
        with Cluster(1) as cluster:
            url = cluster.leader().client_url
            lease = fill(url)
            last = revision_of(url)
            wanted_hash, wanted = hash_of(url), history_of(url, 20, last)
            ours, theirs = cluster.folder / "ours.db", cluster.folder / "theirs.db"
            self.save(cluster, ours)
            etcdctl(url, "snapshot", "save", str(theirs))
            self.assertEqual(ours.read_bytes(), theirs.read_bytes())
            status = json.loads(etcdctl("", "snapshot", "status", str(ours), "-w", "json"))
            self.assertEqual(last, status["revision"])
            self.assertEqual(ours.stat().st_size - 32, status["totalSize"])
            with LoneEtcd(ours, cluster.folder / "etcd") as etcd:
                self.assertEqual(wanted_hash, hash_of(etcd.url))
                self.assertEqual(wanted, history_of(etcd.url, 20, last))
                self.assertIn("granted with TTL(5000s)", etcdctl(etcd.url, "lease", "timetolive", lease))
                etcdctl(etcd.url, "put", "next", "")
                self.assertEqual(last + 1, revision_of(etcd.url))

    def test_watches_of_before_end_as_compacted_after_a_bump(self):
        with Cluster(1) as cluster:
            for i in range(5):
                cluster.leader().put("k", str(i).encode())
            file = cluster.folder / "a.db"
            self.save(cluster, file)
            last = revision_of(cluster.leader().client_url)
            restored = self.restored(file, 1, "--bump-revision", "1000", "--mark-compacted")
            restored.start()
            status, _, err = restored.cairn("watch", "k", "--rev", str(last + 1), "--count", "1")
            self.assertNotEqual(0, status)
            self.assertIn("compacted", err)
            self.assertEqual(b"4", restored.leader().get("k").body)
            self.assertEqual(last + 1000, revision_of(restored.leader().client_url))
            status, _, err = cairn("snapshot", "restore", str(file), "--data-dir", str(cluster.folder / "x"),
                                   "--bump-revision", "5")
            self.assertEqual(2, status, err)

    def test_back_to_a_revision(self):
        """As etcd itself says that it was then, with the history of before; and the next write is the next revision."""
        with Etcd(size=1) as etcd:
            url = etcd.clients[0]
            fill(url)
            file = Path(etcd.folder) / "etcd.db"
            etcdctl(url, "snapshot", "save", str(file))
            last, to = revision_of(url), 30
            cluster = self.restored(file, 3, "--revision", str(to))
            cluster.start()
            here = cluster.leader().client_url
            self.assertEqual(history_of(url, 20, to), history_of(here, 20, to))
            self.assertEqual(to, revision_of(here))
            self.assertEqual(1, len({hash_of(member.client_url) for member in cluster.members}))
            etcdctl(here, "put", "next", "")
            self.assertEqual(to + 1, revision_of(here))
            for none in (19, last + 1):
                status, _, err = cairn("snapshot", "restore", str(file), "--data-dir", str(cluster.folder / "x"),
                                       "--revision", str(none))
                self.assertEqual(2, status, err)
                self.assertIn(f"20 to {last}", err)
                self.assertFalse((cluster.folder / "x").exists())

    def test_damage_is_refused_and_nothing_is_overwritten(self):
        with Cluster(1) as cluster:
            for i in range(50):
                cluster.leader().put(f"k{i}", b"v" * 100)
            file = cluster.folder / "a.db"
            self.save(cluster, file)
            whole = file.read_bytes()
            status, _, err = cluster.cairn("snapshot", "save", str(file))
            self.assertEqual(2, status, err)
            self.assertEqual(whole, file.read_bytes())
            self.assertEqual(0, cluster.cairn("snapshot", "save", str(file), "--force")[0])
            self.assertFalse(Path(f"{file}.part").exists())
            for at in (10, 4096 * 3 + 100, len(whole) - 40, len(whole) - 1):
                damaged = bytearray(whole)
                damaged[at] ^= 1
                file.write_bytes(damaged)
                status, _, err = cairn("snapshot", "status", str(file))
                self.assertEqual(1, status)
                self.assertIn("E_BACKUP_DAMAGED", err)
                status, _, err = cairn("snapshot", "restore", str(file), "--data-dir", str(cluster.folder / "new"))
                self.assertEqual(1, status)
                self.assertFalse((cluster.folder / "new").exists())
            file.write_bytes(whole[:-100])
            self.assertIn("no digest", cairn("snapshot", "status", str(file))[2])
            # Nor over a directory that somebody lives in.
            file.write_bytes(whole)
            status, _, err = cairn("snapshot", "restore", str(file), "--data-dir", str(cluster.members[0].data_dir))
            self.assertEqual(5, status)
            self.assertIn("not empty", err)
            self.assertEqual(5, cairn("snapshot", "status", str(cluster.folder / "none"))[0])

    def test_who_is_restored_twice_is_one_that_forgot(self):
        """A directory that is restored anew would not remember its votes: the others tell it, and it begins anew."""
        with Cluster(1) as source:
            source.leader().put("old", b"1")
            file = source.folder / "a.db"
            self.save(source, file)
            cluster = self.restored(file, 3)
            cluster.start()
            cluster.leader().put("new", b"2")
            lost = cluster.followers()[0]
            lost.kill()
            shutil.rmtree(lost.data_dir)
            self.restore(file, cluster, lost)
            lost.start().wait()
            wait_until(lambda: lost.get("new", "?consistency=local").body == b"2", "it has caught up", 20)
            self.assertRegex(lost.log_path.read_text(), "rolled back|has forgotten")
            # And one whose directory was wiped, as ever.
            lost.kill()
            shutil.rmtree(lost.data_dir)
            lost.start().wait()
            wait_until(lambda: lost.get("new", "?consistency=local").body == b"2", "it has caught up", 20)
            self.assertEqual(1, len({hash_of(member.client_url) for member in cluster.members}))

    def test_a_large_one_goes_by_while_others_are_served(self):
        with Cluster(3) as cluster:
            leader = cluster.leader()
            for i in range(300):
                leader.put(f"k{i}", os.urandom(100_000))
            file = cluster.folder / "large.db"
            with PeakMemory(leader.process.pid) as peak:
                status, _, err = cluster.cairn("snapshot", "save", str(file), endpoints=leader.client_url)
            self.assertEqual(0, status, err)
            self.assertGreater(file.stat().st_size, 30_000_000)
            self.assertLess(peak.growth_kib, 12_000, "it is made while it is read")
            status, out, _ = cairn("snapshot", "status", str(file), "-w", "json")
            self.assertEqual((0, 300), (status, json.loads(out)["keys"]))
            again = self.restored(file, 1)
            again.start()
            self.assertEqual(hash_of(leader.client_url), hash_of(again.leader().client_url))


if __name__ == "__main__":
    sys.exit(unittest.main())

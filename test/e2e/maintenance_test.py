#!/usr/bin/env python3
"""Maintenance as Debian's etcdctl asks for it, next to Debian's etcd: hashes of the same history are equal, leadership moves,
defragmenting and compacting end, and history goes by itself where a member is told so."""

import os
import random
import shutil
import struct
import subprocess
import sys
import unittest

from cluster import Cluster, wait_until
from etcd import Etcd
from grpc_wire import DATA, call, field, message

KV = b"/etcdserverpb.KV/"
MAINTENANCE = b"/etcdserverpb.Maintenance/"


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def number(field_number, value):
    return bytes([field_number << 3]) + varint(value) if value else b""


def put(key, value):
    return field(1, key) + field(2, value)


def delete(key, end=b""):
    return field(1, key) + (field(2, end) if end else b"")


def ask(url, path, body):
    """The answer's message, or None when the call was refused."""
    found, _ = call(url, path, message(body), seconds=10.0, headers=[])
    data = b"".join(payload for kind, _, stream, payload in found if kind == DATA and stream == 1)
    return data[5:5 + struct.unpack(">I", data[1:5])[0]] if len(data) >= 5 else None


def fields(data):
    """{number: value} of a message whose fields are numbers and bytes."""
    found, at = {}, 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        tag = read()
        if tag & 7 == 2:
            size = read()
            found[tag >> 3] = data[at:at + size]
            at += size
        else:
            found[tag >> 3] = read()
    return found


class History:
    """Random writes, the same for whoever is told of them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.revision = 1

    def key(self):
        return b"key/%d" % self.random.randrange(12)

    def operation(self):
        if self.random.random() < 0.7:
            return field(2, put(self.key(), self.random.randbytes(self.random.randrange(40))))
        return field(3, delete(self.key(), self.random.choice([b"", b"key/3", b"key0"])))

    def transaction(self):
        # A key is put once at most, so each operation has keys of its own.
        operations = [field(2, put(b"txn/%d" % i, b"%d" % self.random.randrange(9))) for i in range(self.random.randrange(1, 4))]
        if self.random.random() < 0.5:
            operations.append(field(3, delete(self.key())))
        if self.random.random() < 0.3:
            inside = field(2, field(2, put(b"inner", b"v")))
            operations.append(field(4, inside))
        return b"".join(field(2, operation) for operation in operations)

    def step(self):
        chance = self.random.random()
        if chance < 0.55:
            return KV + b"Put", put(self.key(), self.random.randbytes(self.random.randrange(40)))
        if chance < 0.75:
            return KV + b"DeleteRange", delete(self.key(), self.random.choice([b"", b"", b"key/3", b"key0"]))
        if chance < 0.95:
            return KV + b"Txn", self.transaction()
        return KV + b"Compact", number(1, max(1, self.revision - self.random.randrange(30))) + number(2, 1)


class Maintenance(unittest.TestCase):
    def setUp(self):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            self.skipTest("etcd-server and etcd-client are not installed; ./dev test installs them")

    def etcdctl(self, endpoints, *arguments, timeout=60):
        done = subprocess.run(["etcdctl", "--endpoints", endpoints, *arguments], text=True, capture_output=True,
                              timeout=timeout, check=False, env=os.environ | {"ETCDCTL_API": "3"})
        return done.returncode, done.stdout, done.stderr

    def hash_of(self, url, revision=0):
        answer = ask(url, MAINTENANCE + b"HashKV", number(1, revision))
        return None if answer is None else (fields(answer).get(2, 0), fields(answer).get(3, 0))

    def test_the_same_history_has_the_same_hash_as_in_etcd(self):
        with Etcd(size=1) as theirs, Cluster() as ours:
            for seed in range(3):
                self.compare_hashes(theirs.clients[0], ours, History(seed))

    def compare_hashes(self, etcd_url, ours, history):
        for step in range(150):
            path, body = history.step()
            answers = [ask(url, path, body) for url in (etcd_url, ours.leader().client_url)]
            self.assertEqual(answers[0] is None, answers[1] is None, (step, path, body))
            if answers[0] is not None:
                revisions = [fields(fields(answer)[1]).get(3, 0) for answer in answers]
                self.assertEqual(revisions[0], revisions[1], (step, path, body))
                history.revision = revisions[0]
            if step % 10 == 0:
                self.assertEqual(self.hash_of(etcd_url), self.hash_of(ours.leader().client_url), step)
        compacted = fields(ask(etcd_url, MAINTENANCE + b"HashKV", b"")).get(3, 0)
        for revision in range(max(compacted + 1, history.revision - 40), history.revision + 1):
            expected = self.hash_of(etcd_url, revision)
            for member in ours.members:
                wait_until(lambda: self.hash_of(member.client_url, revision) == expected,
                           f"{member.name} has the hash {expected} at {revision}")

    def test_hashes_agree_across_members_and_restarts(self):
        with Cluster() as cluster:
            for i in range(50):
                cluster.leader().put(f"k{i % 7}", b"v" * i)
            status, out, err = self.etcdctl(cluster.endpoints(), "endpoint", "hashkv")
            self.assertEqual(0, status, err)
            hashes = {line.split(", ")[1] for line in out.splitlines()}
            self.assertEqual(1, len(hashes), out)
            for member in cluster.members:
                member.kill()
            cluster.start()
            wait_until(lambda: hashes == {line.split(", ")[1] for line in
                                          self.etcdctl(cluster.endpoints(), "endpoint", "hashkv")[1].splitlines()},
                       "all have applied the same again")
            cluster.leader().put("k", b"changed")
            self.assertNotIn(self.etcdctl(cluster.leader().client_url, "endpoint", "hashkv")[1].split(", ")[1], hashes)

    def test_leadership_moves_where_it_is_to(self):
        with Cluster() as cluster:
            for _ in range(3):
                leader, to = cluster.leader(), cluster.followers()[0]
                status, out, err = self.etcdctl(cluster.endpoints(), "move-leader", to.status()["id"])
                self.assertEqual(0, status, err)
                self.assertIn("Leadership transferred from", out)
                self.assertIs(cluster.leader(), to)
                self.assertIsNot(leader, to)
            leader, follower = cluster.leader(), cluster.followers()[0]
            status, _, err = self.etcdctl(leader.client_url, "move-leader", "1234")
            self.assertNotEqual(0, status)
            self.assertIn("etcdserver: bad leader transferee", err)
            self.assertIsNone(ask(follower.client_url, MAINTENANCE + b"MoveLeader",
                                  number(1, int(follower.status()["id"], 16))), "not leader")

    def test_defragmenting_and_looking_end(self):
        with Cluster() as cluster:
            leader = cluster.leader()
            for i in range(300):
                leader.put("k", b"v" * 10_000)
            before = leader.status()["memory"]["history_bytes"]
            self.assertGreater(before, 2_000_000)
            status, _, err = self.etcdctl(cluster.endpoints(), "compaction", "--physical", str(leader.status()["revision"]))
            self.assertEqual(0, status, err)
            status, out, err = self.etcdctl(cluster.endpoints(), "defrag")
            self.assertEqual((0, 3), (status, out.count("Finished defragmenting")), err)
            wait_until(lambda: all(m.status()["memory"]["history_bytes"] < 100_000 for m in cluster.members),
                       "history is gone everywhere")
            for command in (["endpoint", "status"], ["endpoint", "health"], ["alarm", "list"]):
                self.assertEqual(0, self.etcdctl(cluster.endpoints(), *command)[0], command)

    def test_history_is_compacted_by_itself(self):
        with Cluster(auto_compaction_mode="periodic", auto_compaction_retention="2s") as cluster:
            leader = cluster.leader()

            def compacted():
                leader.put("k", b"v")
                answer = ask(leader.client_url, MAINTENANCE + b"HashKV", b"")
                return answer is not None and fields(answer).get(3, 0) < 1 << 63 and fields(answer).get(3, 0) > 5
            wait_until(compacted, "what is older than two seconds goes", 20)
            for member in cluster.members:
                self.assertEqual(200, member.get("k", "?consistency=local").status)


if __name__ == "__main__":
    sys.exit(unittest.main())

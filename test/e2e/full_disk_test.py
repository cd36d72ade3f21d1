#!/usr/bin/env python3
"""Disks that are full, and shortages that pass: members live on, say so, and go on by themselves."""

import os
import resource
import time
import unittest
from pathlib import Path

from cluster import Cluster, KeptConnection, cairn, mount, wait_until
from grpc_wire import call, field, message

NO_SPACE = "etcdserver: mvcc: database space exceeded"
# "grpc-status" as HPACK's Huffman code has it, and the length of its value.
GRPC_STATUS = b"\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x01"
DISK_BYTES = 240 << 20
SEGMENT_BYTES = 64 << 20  # of the log, as long as no option says otherwise
VALUE = b"v" * 500_000


def varint(value):
    assert value < 128
    return bytes([value])


def grpc(member, path, body):
    """The bytes of every frame that a unary call brought back."""
    answered, _ = call(member.client_url, path, message(body))
    return b"".join(payload for _, _, _, payload in answered)


def mount_for(case, member, size_bytes):
    """A file system of its own for that member's data."""
    where = member.cluster.folder / f"disk-{member.name}"
    mount(case, where, "-o", f"size={size_bytes}")
    case.addCleanup(lambda: member.running() and member.kill())
    member.data_dir = where / "data"


def fill(member, leave=0):
    """Its disk is full, but for so many bytes."""
    where = member.data_dir.parent
    with open(where / "filler", "wb") as filler:
        try:
            while leave == 0 or os.statvfs(where).f_bavail * os.statvfs(where).f_frsize > leave:
                filler.write(b"\0" * 65536)
                filler.flush()
        except OSError:
            pass


def make_room(member):
    Path(member.data_dir.parent, "filler").unlink()


def expect_refusals(case, follower, leader):
    case.assertIn(leader.put("missed", b"v").status, (200, 201))
    start = time.monotonic()
    for _ in range(5):
        read = follower.get("missed", "?consistency=linearizable")
        case.assertEqual((503, "no_room_here"), (read.status, read.json()["code"]))
        write = follower.request("PUT", "/v1/kv/refused", b"v", {"Cairn-Route": "forward"})
        case.assertEqual((503, "no_room_here"), (write.status, write.json()["code"]))
    case.assertLess(time.monotonic() - start, 3, "nobody waits for what cannot come")
    read = grpc(follower, b"/etcdserverpb.KV/Range", field(1, b"missed"))
    case.assertIn(GRPC_STATUS[:-2], read)
    case.assertEqual(404, leader.get("refused", "?consistency=linearizable").status, "it surely has not happened")


class SmallDisks(unittest.TestCase):
    """Three members, each on a file system of its own that is far too small."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("a small disk can be mounted by root only")
        self.compacted = 2
        self.cluster = self.enterContext(Cluster(3, start=False))
        for member in self.cluster.members:
            mount_for(self, member, DISK_BYTES)
        self.cluster.start()

    def put_until_refused(self):
        """Every key that was acknowledged; the first refusal says why."""
        kept = []
        for number in range(1000):
            leader = self.cluster.leader()
            reply = leader.put(f"k{number}", VALUE)
            if reply.status == 507:
                self.assertEqual((NO_SPACE, "no_space"), (reply.json()["detail"], reply.json()["code"]))
                return kept
            if reply.status == 307:
                continue
            self.assertIn(reply.status, (200, 201), reply)
            kept.append(f"k{number}")
        self.fail("full disks have taken 500 MB")

    def expect_service_without_room(self, kept):
        for member in self.cluster.members:
            self.assertTrue(member.running(), member.log_tail())
        leader = self.cluster.leader()
        self.assertEqual(VALUE, leader.get(kept[0], "?consistency=linearizable").body)
        self.assertEqual(200, leader.request("DELETE", f"/v1/kv/{kept[0]}").status)
        self.assertEqual(404, leader.get(kept[0], "?consistency=linearizable").status)
        compacted = grpc(leader, b"/etcdserverpb.KV/Compact", b"\x08" + varint(self.compacted))
        self.compacted += 1
        self.assertIn(GRPC_STATUS + b"0", compacted)
        # Leadership goes to whoever has room, or seems to after a start; until that one has heard of the others, it takes
        # puts.
        wait_until(lambda: GRPC_STATUS + b"8" in grpc(self.cluster.leader(), b"/etcdserverpb.KV/Put",
                                                      field(1, b"m") + field(2, b"v")), "a put over gRPC is refused", 10)
        wait_until(lambda: self.cluster.leader().put("more", b"v").status == 507, "a put over REST is refused", 10)

    def test_all_disks_full(self):
        kept = [f"before{number}" for number in range(8)]
        for key in kept:
            self.assertIn(self.cluster.leader().put(key, VALUE).status, (200, 201))
        for member in self.cluster.members:
            fill(member)
        kept += self.put_until_refused()
        self.expect_service_without_room(kept)
        self.assertIn(NO_SPACE, cairn("put", "more", "v", "--endpoints", self.cluster.endpoints())[2])
        self.assertIn("no room", cairn("status", "--endpoints", self.cluster.endpoints())[1].decode())
        self.assertIn("cairn_disk_full 1", self.cluster.leader().request("GET", "/metrics").body.decode())
        # Votes need no room.
        old = self.cluster.leader()
        old.kill()
        self.cluster.leader(other_than=old)
        old.start().wait()
        self.expect_service_without_room(kept[1:])
        for member in self.cluster.members:
            make_room(member)
        start = time.monotonic()
        wait_until(lambda: self.cluster.leader().put("after", b"v").status in (200, 201), "puts go on by themselves", 10)
        print(f"room again: a write waited {time.monotonic() - start:.1f} s")
        wait_until(lambda: "no room" not in cairn("status", "--endpoints", self.cluster.endpoints())[1].decode(),
                   "nobody lacks room", 10)
        for key in kept[2:]:
            self.assertEqual(200, self.cluster.leader().get(key).status, f"{key} was acknowledged")
        for member in self.cluster.members:
            self.assertTrue(member.running(), member.log_tail())

    def test_the_leaders_disk_full(self):
        leader = self.cluster.leader()
        fill(leader)
        deadline = time.monotonic() + 60
        number = 0
        while self.cluster.leader() is leader:
            self.assertLess(time.monotonic(), deadline, "it hands leadership over")
            reply = leader.put(f"k{number}", VALUE)
            self.assertIn(reply.status, (200, 201, 307, 503, 507), reply)
            number += 1
        wait_until(lambda: self.cluster.leader().put("after", b"v").status in (200, 201), "puts go on", 10)
        self.assertTrue(leader.running(), leader.log_tail())
        self.assertEqual(b"v", leader.get("after", "?consistency=linearizable").body)

    def test_a_followers_disk_full(self):
        leader = self.cluster.leader()
        follower = next(member for member in self.cluster.members if member is not leader)
        self.assertIn(leader.put("before", b"v").status, (200, 201))
        fill(follower)
        # By how much is written, not by how long that takes: twice the log's segments.
        for _ in range(2 * SEGMENT_BYTES // len(VALUE)):
            self.assertIn(leader.put("fills", VALUE).status, (200, 201))
            if follower.get("fills", "?consistency=linearizable").status == 503:
                break
        else:
            self.fail("it has no room left")
        self.assertNotEqual("plenty", follower.status()["log_space"])
        expect_refusals(self, follower, leader)
        self.assertEqual(b"v", follower.get("before", "?consistency=local").body)
        make_room(follower)
        wait_until(lambda: follower.get("missed", "?consistency=linearizable").status == 200, "it goes on by itself", 15)


class NoRoomForASnapshot(unittest.TestCase):
    """A member that needs a snapshot, on a file system of its own that has no room for it."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("a small disk can be mounted by root only")
        # So much that the log that a member lacks is gone soon.
        self.cluster = self.enterContext(Cluster(3, start=False, snapshot_log_bytes="1000000"))
        self.small = self.cluster.members[2]
        mount_for(self, self.small, DISK_BYTES)
        self.cluster.start()

    def leader_without_it(self):
        leader = self.cluster.leader()
        last = leader.status()["last_index"]
        self.small.kill()
        leader = self.cluster.leader(other_than=self.small)
        for number in range(100):
            self.assertIn(leader.put(f"k{number}", os.urandom(400_000)).status, (200, 201))
        wait_until(lambda: leader.status()["first_index"] > last + 1, "the log that it lacks has gone", 30)
        return leader

    def sent_bytes(self, member):
        metrics = member.request("GET", "/metrics").body.decode()
        return sum(float(line.split()[1]) for line in metrics.splitlines()
                   if line.startswith("etcd_network_peer_sent_bytes_total"))

    def expect_it_is_said(self, leader):
        wait_until(lambda: "1 behind and cannot catch up, tolerates 0 failures" in leader.status()["summary"],
                   "the leader says that it cannot do without another one", 15)
        said, out, _ = cairn("status", "--endpoints", self.cluster.endpoints())
        self.assertEqual(1, said, "not healthy")
        self.assertRegex(out.decode(), rf"{self.small.name} is behind and cannot catch up: .*needs \d+ bytes more, "
                                       r"and \d+ are free; make room there")
        for member, line in ((self.small, "cannot take it; it stays behind"),
                             (leader, "a member cannot take the snapshot that it needs")):
            lines = [each for each in member.log_path.read_text().splitlines() if line in each]
            self.assertEqual(1, len(lines), "once a minute")
            self.assertRegex(lines[0], r"E_NO_ROOM.*needs \d+ bytes more, and \d+ are free")

    def test_a_snapshot_that_finds_no_room(self):
        leader = self.leader_without_it()
        fill(self.small, leave=20_000_000)
        self.small.start().wait()
        self.expect_it_is_said(leader)
        expect_refusals(self, self.small, leader)
        before = self.sent_bytes(leader)
        time.sleep(3)
        self.assertLess(self.sent_bytes(leader) - before, 5_000_000, "the state is not sent again and again")
        self.assertIn(leader.put("without", b"v").status, (200, 201))
        make_room(self.small)
        start = time.monotonic()
        wait_until(lambda: "3 members, healthy, tolerates 1 failure" in leader.status()["summary"],
                   "it has caught up by itself", 20)
        print(f"room again: it had caught up {time.monotonic() - start:.1f} s later")
        self.assertEqual(0, cairn("status", "--endpoints", self.cluster.endpoints())[0])
        for key in ("k0", "k99", "without"):
            self.assertEqual(leader.get(key).body, self.small.get(key, "?consistency=linearizable").body)


class Descriptors(unittest.TestCase):
    def test_out_of_descriptors_while_the_log_rotates(self):
        """EMFILE: nothing can be opened, not by the log, not for a snapshot. It passes."""
        cluster = self.enterContext(Cluster(1, snapshot_log_bytes="20000000"))
        member = cluster.members[0]
        limits = resource.prlimit(member.process.pid, resource.RLIMIT_NOFILE)
        for number in range(20):
            self.assertIn(member.put(f"before{number}", VALUE).status, (200, 201))
        in_use = len(os.listdir(f"/proc/{member.process.pid}/fd"))
        with KeptConnection(member) as connection:
            resource.prlimit(member.process.pid, resource.RLIMIT_NOFILE, (in_use, limits[1]))
            for number in range(400):
                self.assertIn(connection.put(f"during{number}", VALUE), (200, 201), member.log_tail())
            resource.prlimit(member.process.pid, resource.RLIMIT_NOFILE, limits)
        for number in range(200):
            self.assertIn(member.put(f"after{number}", VALUE).status, (200, 201))
        self.assertTrue(member.running(), member.log_tail())
        self.assertEqual(0, member.terminate())
        member.start().wait()
        cluster.leader()
        for key in ("before0", "during0", "during399", "after199"):
            self.assertEqual(VALUE, member.get(key).body)


if __name__ == "__main__":
    unittest.main()

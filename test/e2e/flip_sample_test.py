#!/usr/bin/env python3
"""A sample of what cairn_flip_sweep does everywhere, on real processes and files: one member of three is damaged while
all are down, starts with the one that is behind, and then the third comes. Nothing acknowledged is lost, the damage is
said, and the member counts again within seconds, by itself.

CAIRN_FLIP_ROUNDS says how often each kind of damage is done (1); CAIRN_FLIP_SEED where (1).
"""

import os
import random
import time
import unittest

from cluster import Cluster, contents, wait_until

ROUNDS = int(os.environ.get("CAIRN_FLIP_ROUNDS", "1"))
SEED = int(os.environ.get("CAIRN_FLIP_SEED", "1"))
BLOCK = 4096
ALONE_SECONDS = 1.0
BACK_SECONDS = 20.0


def used_blocks(path):
    content = path.read_bytes()
    return [at for at in range(0, len(content), BLOCK) if any(content[at:at + BLOCK])]


class FlipSample(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.cluster = self.enterContext(Cluster(3, snapshot_log_bytes=str(64 << 10), election_timeout="500",
                                                 heartbeat_interval="50"))
        self.written = {}

    def put(self, member, count):
        for _ in range(count):
            key = f"k{len(self.written):05}"
            value = self.random.randbytes(self.random.choice((10, 100, 3000)))
            reply = member.put(key, value)
            self.assertIn(reply.status, (200, 201), reply)
            self.written[key.encode()] = value

    def round(self, name, harm):
        """Everybody is well before and after it. The one that is damaged is no leader's exclusive: either may be."""
        intact, victim, behind = self.random.sample(self.cluster.members, 3)
        self.put(self.cluster.leader(), 15)
        behind.kill()
        wait_until(lambda: self.cluster.leader() is not behind, "one of the two leads", 20)
        self.put(self.cluster.leader(), 25)
        while not self.last_frame_is_needed(intact, victim):
            self.put(self.cluster.leader(), 1)
        time.sleep(0.05)  # the time that the log takes to note what is durable
        for member in (intact, victim):
            member.kill()
        place = harm(victim.data_dir)
        log_before = victim.log_path.stat().st_size
        victim.start()
        behind.start()
        time.sleep(ALONE_SECONDS)
        self.read_is_right(victim, f"after {name} at {place}")
        intact.start()
        start = time.monotonic()
        wait_until(self.all_count, f"all count in full again after {name} at {place}", BACK_SECONDS)
        seconds = time.monotonic() - start
        for member in self.cluster.members:
            found = dict(contents(member, "k", page=200))
            lost = [key for key, value in self.written.items() if found.get(key) != value]
            self.assertEqual([], lost[:3], f"{len(lost)} lost at {member.name} after {name} at {place}")
        said = [line for line in victim.log_path.read_bytes()[log_before:].decode(errors="replace").splitlines()
                if '"level":"warn"' in line or '"level":"error"' in line or "torn" in line]
        self.assertTrue(said, f"nothing was said of {name} at {place}")
        print(f"{name} at {place}: all count again {seconds:.1f} s after the third has started", flush=True)

    # What a snapshot covers may be damaged without anybody noticing, and without harm.
    def last_frame_is_needed(self, *members):
        return all(state["snapshot_index"] < state["last_index"] for state in (m.status() for m in members))

    # Whoever answers must be right; that nobody does is right as well.
    def read_is_right(self, member, when):
        key = max(self.written)
        try:
            reply = member.request("GET", f"/v1/kv/{key.decode()}?consistency=linearizable", timeout=1.0)
        except OSError:
            return
        if reply.status in (200, 404):
            self.assertEqual(200, reply.status, f"{member.name} answers without {key} {when}")
            self.assertEqual(self.written[key], reply.body, when)

    def all_count(self):
        try:
            states = [member.status() for member in self.cluster.members]
        except OSError:
            return False
        last = max(state["last_index"] for state in states)
        return all(state["full"] and state["applied_index"] == last for state in states) and \
            len({state["revision"] for state in states}) == 1

    # ---- what is done to a directory; each says where

    def flip(self, path, offset):
        content = bytearray(path.read_bytes())
        content[offset] ^= 1 << self.random.randrange(8)
        path.write_bytes(content)
        return f"{path.relative_to(self.cluster.folder)}:{offset}"

    def tail_segment(self, data):
        return max(path for path in (data / "wal").glob("*-*.seg") if used_blocks(path))

    def newest_snapshot(self, data):
        return max(path for path in (data / "snap").iterdir() if len(path.name) == 41)

    def frame_header(self, data):
        path = self.tail_segment(data)
        content = path.read_bytes()
        headers = [at for at in used_blocks(path) if content[at:at + 4] == content[:4]]
        return self.flip(path, headers[-1] + self.random.randrange(128))

    def block_zeroed(self, data):
        path = self.tail_segment(data)
        at = used_blocks(path)[-1]
        content = path.read_bytes()
        path.write_bytes(content[:at] + bytes(BLOCK) + content[at + BLOCK:])
        return f"{path.relative_to(self.cluster.folder)}:{at}"

    def log_cut(self, data):
        path = self.tail_segment(data)
        os.truncate(path, used_blocks(path)[-1])
        return path.relative_to(self.cluster.folder)

    def segment_lost(self, data):
        path = self.tail_segment(data)
        path.unlink()
        return path.relative_to(self.cluster.folder)

    def manifest(self, data):
        path = self.newest_snapshot(data) / "MANIFEST"
        return self.flip(path, self.random.randrange(path.stat().st_size))

    def chunk(self, data):
        path = self.newest_snapshot(data) / "chunks"
        return self.flip(path, self.random.randrange(path.stat().st_size))

    def hard_state(self, data):
        path = data / "hardstate"
        path.write_bytes(bytes(path.stat().st_size))
        return path.relative_to(self.cluster.folder)

    def identity(self, data):
        return self.flip(data / "IDENTITY", self.random.randrange(96))

    def test_sample(self):
        self.put(self.cluster.leader(), 60)
        for _ in range(ROUNDS):
            for harm in (self.frame_header, self.block_zeroed, self.log_cut, self.segment_lost, self.manifest,
                         self.chunk, self.hard_state, self.identity):
                self.round(harm.__name__, harm)

    def snapshot_is_settled(self, member):
        before = member.status()["snapshot_index"]
        time.sleep(0.5)
        return member.status()["snapshot_index"] == before and \
            self.newest_snapshot(member.data_dir).name.startswith(f"{before:020}")

    def test_snapshot_found_damaged_while_it_is_sent(self):
        """The leader's newest snapshot rots while the member that needs it is away."""
        self.put(self.cluster.leader(), 30)
        leader = self.cluster.leader()
        away = self.cluster.followers()[0]
        last = leader.status()["last_index"]
        away.kill()
        def log_has_gone():
            self.put(leader, 20)
            status = leader.status()
            # A snapshot that ends before the log begins would not be sent, but another made.
            return status["first_index"] > last + 1 and status["snapshot_index"] + 1 >= status["first_index"]
        wait_until(log_has_gone, "the log that it lacks has gone", 60)
        wait_until(lambda: self.snapshot_is_settled(leader), "no other snapshot is being saved", 20)
        place = self.chunk(leader.data_dir)
        away.start()
        wait_until(self.all_count, f"a sound snapshot arrives although {place} is damaged", 40)
        self.assertEqual(self.written, dict(contents(away, "k", page=200)))
        self.assertIs(leader, self.cluster.leader(), "nobody had to stop for it")
        self.assertIn("it is put aside and sent to nobody", leader.log_path.read_text())
        self.assertTrue(list((leader.data_dir / "quarantine").glob("snap-*")))


if __name__ == "__main__":
    unittest.main()

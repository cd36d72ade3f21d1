#!/usr/bin/env python3
"""So many writes in flight, of such a size, on a fast disk or a slow one, and all members are killed in the middle of
it: whatever was acknowledged is there after the restart, with its bytes, and nobody had died before.

CAIRN_GRID=full takes every cell of the grid instead of the corners. in_flight writes and checks; slow_sync, preloaded,
is the slow disk.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from cluster import ROOT, Cluster, wait_until

FULL = os.environ.get("CAIRN_GRID") == "full"
WRITE_SECONDS = 2.0 if FULL else 0.8
WRITTEN_BYTES_MAX = 256 << 20  # unless they are so large that this takes too long
ROUNDS = 4 if FULL else 2  # at least so many of each that is in flight are acknowledged first
KIB, MIB = 1 << 10, 1 << 20
PUT_OVERHEAD_BYTES = 2 + 19 + 4  # of a put beside its value: in_flight's keys, and lengths
LIMIT_BYTES = 3 * MIB // 2 - PUT_OVERHEAD_BYTES  # --max-request-bytes, by default
LARGE_BYTES = 24 * MIB
IN_FLIGHT_BYTES_MAX = 512 * MIB  # of this test's own memory; beyond 128 MiB a member refuses

# Milliseconds that each sync takes longer. A large write fills a segment or two, with a sync for every half MiB.
FAST, SLOW, A_LITTLE_SLOW = 0, 25, 4
CORNERS_OF_ONE = [(1, 1, FAST), (1000, 1, SLOW), (300, 100_000, FAST), (300, 100_000, SLOW), (30, LIMIT_BYTES, FAST)]
CORNERS_OF_THREE = [(1000, KIB, SLOW), (300, 100_000, FAST), (30, LIMIT_BYTES, A_LITTLE_SLOW)]
LARGE_CORNERS = {1: [(60, MIB, A_LITTLE_SLOW), (4, LARGE_BYTES, A_LITTLE_SLOW)], 3: [(60, MIB, A_LITTLE_SLOW)]}
GRID = [cell for cell in itertools.product((1, 30, 300, 1000), (1, KIB, 100_000, LIMIT_BYTES), (FAST, SLOW))
        if cell[0] * cell[1] <= IN_FLIGHT_BYTES_MAX]
LARGE_GRID = list(itertools.product((1, 2, 5, 12), (LARGE_BYTES,), (FAST, A_LITTLE_SLOW)))


def built(variable, name):
    candidates = [os.environ.get(variable)] + [ROOT / f"build/{preset}/test/e2e/{name}" for preset in ("dev", "release")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.R_OK):
            return str(candidate)
    sys.exit(f"{name} is not built; run ./dev build, or name one in {variable}")


class Load:
    def __init__(self, cluster):
        endpoints = ",".join(member.client_url.removeprefix("http://") for member in cluster.members)
        self.process = subprocess.Popen([built("CAIRN_IN_FLIGHT", "in_flight"), "--endpoints", endpoints],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def acknowledged(self):
        return int(self("count").split()[1])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Grid(unittest.TestCase):
    def cells(self, members, cells, **flags):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-"))
        slow_file = os.path.join(folder, "slow_sync_ms")
        cluster = self.enterContext(Cluster(members, environment={
            "LD_PRELOAD": built("CAIRN_SLOW_SYNC", "libslow_sync.so"), "SLOW_SYNC_FILE": slow_file}, **flags))
        load = Load(cluster)
        self.addCleanup(load.close)
        for in_flight, value_bytes, slow_ms in cells:
            sound = False
            with self.subTest(members=members, in_flight=in_flight, value_bytes=value_bytes, slow_ms=slow_ms):
                with open(slow_file, "w", encoding="ascii") as file:
                    file.write(str(slow_ms))
                self.cell(cluster, load, in_flight, value_bytes, slow_ms, slow_file)
                sound = True
            if not sound:
                return  # the cells that follow would find the ruins of this one

    def cell(self, cluster, load, in_flight, value_bytes, slow_ms, slow_file):
        start = time.monotonic()
        load(f"write {in_flight} {value_bytes}")
        time.sleep(WRITE_SECONDS)
        several = max(1, min(ROUNDS * in_flight, 1000, WRITTEN_BYTES_MAX // value_bytes))
        self.await_acknowledged(cluster, load, several)
        dead = self.dead(cluster)
        for member in cluster.members:
            member.process.kill()
        for member in cluster.members:
            member.process.wait()
        said = load("stop")
        os.remove(slow_file)
        self.assertEqual([], dead, "died under the load")
        self.assertEqual([], self.complaints(cluster))
        cluster.start()
        self.assertRegex(load("check"), "^kept [0-9]+ lost 0 wrong 0$", said)
        self.assertEqual("forgotten", load("forget"))
        self.assertEqual([], self.complaints(cluster), "after the restart")
        print(f"{len(cluster.members)} members, {in_flight} x {value_bytes} bytes, {slow_ms} ms a sync: "
              f"{said}; {time.monotonic() - start:.1f} s", flush=True)

    def await_acknowledged(self, cluster, load, several):
        """However long that takes on this disk: what must not be is that nothing is acknowledged any more."""
        count = load.acknowledged()
        while count < several and not self.dead(cluster):
            before = count
            wait_until(lambda seen=before: load.acknowledged() > seen or self.dead(cluster),
                       f"one more than {before} of {several} is acknowledged", 60)
            count = load.acknowledged()

    def dead(self, cluster):
        return [(member.name, member.process.returncode) for member in cluster.members if not member.running()]

    def complaints(self, cluster):
        found = []
        for member in cluster.members:
            for line in member.log_path.read_text(errors="replace").splitlines():
                level = json.loads(line)["level"] if line.startswith("{") else "no JSON"
                if level not in ("debug", "info", "warn"):
                    found.append((member.name, line))
        return found[:5]

    def test_one_member(self):
        self.cells(1, GRID if FULL else CORNERS_OF_ONE)

    def test_three_members(self):
        self.cells(3, GRID if FULL else CORNERS_OF_THREE)

    def test_the_largest_requests(self):
        for members in (1, 3):
            self.cells(members, LARGE_GRID if FULL else LARGE_CORNERS[members], max_request_bytes="32MiB")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""`cairn demo`: three processes, a first write, and nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cluster import program, wait_until


def processes_of(folder):
    """Processes that name this folder on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-demo-test-")))
        self.environment = os.environ | {"TMPDIR": str(self.folder)}

    def nothing_left(self):
        self.assertEqual([], list(self.folder.iterdir()))
        self.assertEqual([], processes_of(self.folder))

    def run_demo(self, *arguments, timeout=40):
        return subprocess.run([program(), "demo", *arguments], capture_output=True, text=True, timeout=timeout,
                              env=self.environment, check=False, stdin=subprocess.DEVNULL)

    def test_exec_runs_against_the_cluster(self):
        start = time.monotonic()
        done = self.run_demo("--exec", f"{program()} put greeting hello && {program()} get greeting")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("hello", done.stdout.splitlines()[-1])
        for word in ("3 members", "leader", "first write"):
            self.assertIn(word, done.stderr)
        print(f"demo from start to end: {time.monotonic() - start:.1f} s")
        self.nothing_left()

    def test_exec_status_is_the_status(self):
        self.assertEqual(7, self.run_demo("--exec", "exit 7").returncode)
        self.nothing_left()

    def test_interrupt_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            demo = subprocess.Popen([program(), "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                    env=self.environment, stdin=subprocess.DEVNULL)
            said = []
            for line in demo.stdout:
                said.append(line)
                if "Ctrl-C" in line:
                    break
            self.assertTrue(any(re.search(r"https?://127\.0\.0\.1:\d+", line) for line in said), said)
            self.assertTrue(processes_of(self.folder))
            demo.send_signal(number)
            self.assertIn(demo.wait(20), (0, 130, 143))
            demo.stdout.close()
            wait_until(lambda: not processes_of(self.folder), "its members have gone", 5)
            self.nothing_left()

    def test_ports_in_use_are_passed_by(self):
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                holder.bind(("127.0.0.1", 2379))
                holder.listen()
            except OSError:
                pass  # somebody else holds it, which is as good
            done = self.run_demo("--exec", "true")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertNotRegex(done.stderr, r"127\.0\.0\.1:2379\b.*client")
        self.nothing_left()


if __name__ == "__main__":
    unittest.main()

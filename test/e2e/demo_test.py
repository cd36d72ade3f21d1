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

from cluster import free_port, program, wait_until


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

    def test_exec_finds_the_program_by_its_name(self):
        done = self.run_demo("--exec", "cairn put greeting hello && cairn get greeting")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("hello", done.stdout.splitlines()[-1])

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
            port = free_port()
            holder.bind(("127.0.0.1", port))
            holder.listen()
            done = self.run_demo("--port", str(port), "--exec", "echo $CAIRN_ENDPOINTS")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(f"{port} is held by python3 (pid {os.getpid()})", done.stderr)
        self.assertNotIn(f":{port},", done.stdout)
        self.nothing_left()


if __name__ == "__main__":
    unittest.main()

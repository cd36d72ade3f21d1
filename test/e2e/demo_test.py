#!/usr/bin/env python3
"""`cairn demo`: three processes, a first write, and nothing left behind."""

import fcntl
import os
import pty
import queue
import re
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
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


def processes_named(name, folder):
    """The process of this member."""
    for pid in processes_of(folder):
        try:
            if f"--name\0{name}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        except OSError:
            pass
    return None


class Heard:
    """What a program says, read as it comes."""

    def __init__(self, stream):
        self.lines = queue.Queue()
        self.thread = threading.Thread(target=lambda: [self.lines.put(line) for line in stream], daemon=True)
        self.thread.start()

    def until(self, words, seconds=20.0):
        """All that was said up to these words; line ends within them do not matter."""
        said, deadline = "", time.monotonic() + seconds
        while words not in " ".join(said.split()):
            try:
                said += self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not said within {seconds} s: {words}\n{said}") from None
        return said


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

    def start_demo(self, **more):
        demo = subprocess.Popen([program(), "demo"], stderr=subprocess.PIPE, text=True, env=self.environment, **more)
        self.addCleanup(demo.stderr.close)
        self.addCleanup(demo.kill)
        return demo, Heard(demo.stderr)

    def test_what_happens_to_members_is_told_and_the_dead_come_back(self):
        demo, heard = self.start_demo(stdin=subprocess.PIPE)
        start = heard.until("Not for production")
        for line in start.splitlines():
            self.assertLessEqual(len(line), 80, line)
        pid = int(re.search(r"kill -STOP (\d+)", start).group(1))
        leader = re.search(rf"(n\d) .*pid {pid} leader", start).group(1)
        os.kill(pid, signal.SIGSTOP)
        said = heard.until("new leader: ")
        self.assertIn(f"{leader}, the leader, does not answer", said)
        self.assertIn(f"kill -CONT {pid}", " ".join(said.split()))
        os.kill(pid, signal.SIGCONT)
        self.assertIn(leader, heard.until("answers again"))
        # Brought back by the command that is printed, then by Enter.
        for revive in (lambda said: subprocess.run(re.search(r"kill -USR1 \d+", " ".join(said.split())).group(),
                                                   shell=True, check=True), lambda _: self.press_enter(demo)):
            victim = processes_named(leader, self.folder)
            os.kill(victim, signal.SIGKILL)
            said = heard.until("Enter, here")
            self.assertIn(f"{leader} has ended: killed by signal 9", said)
            revive(said)
            heard.until(f"{leader} started again")
            wait_until(lambda: processes_named(leader, self.folder) not in (None, victim), "it runs", 5)
        demo.send_signal(signal.SIGINT)
        self.assertEqual(0, demo.wait(20))
        demo.stdin.close()
        self.nothing_left()

    @staticmethod
    def press_enter(demo):
        demo.stdin.write("\n")
        demo.stdin.flush()

    def test_lines_fit_a_narrow_terminal(self):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        demo = subprocess.Popen([program(), "demo"], stderr=theirs, env=self.environment, stdin=subprocess.DEVNULL)
        os.close(theirs)
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            said = b""
            while b"production" not in said:
                said += terminal.read(4096)
            demo.send_signal(signal.SIGINT)
            self.assertEqual(0, demo.wait(20))
        for line in said.decode().replace("\r", "").splitlines():
            if " " in line.strip():  # a path alone may be as long as it is
                self.assertLessEqual(len(line), 60, line)
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

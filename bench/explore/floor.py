#!/usr/bin/env python3
"""The floor under one put alone: three bare processes that do nothing but its messages and its fdatasync.

usage: floor.py [--seconds N] [--folder PATH] [--spinners N]

A client sends 300 bytes to a leader; that sends them to two followers and writes them down itself; who has written
them down answers; with the first answer the leader answers the client. One thread a process, blocking calls, no
protocol, files that were filled before: nobody can be faster with three members on this machine and one loop each.
Printed beside: one fdatasync alone, and one round trip over loopback. With --spinners all of it beside so many
processes that use a core for nothing: what a put waits for a core.
"""

import argparse
import os
import selectors
import signal
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compare"))

from load import percentile  # noqa: E402

MESSAGE = b"x" * 300
ANSWER = b"y" * 40
BLOCK = b"z" * 4096
BLOCKS = 4096


class Log:
    """Overwrites a filled file block by block, as the real one does."""

    def __init__(self, path):
        path.write_bytes(bytes(len(BLOCK) * BLOCKS))
        self.file = os.open(path, os.O_RDWR)
        os.fsync(self.file)
        self.next = 0

    def write(self):
        os.pwrite(self.file, BLOCK, self.next * len(BLOCK))
        os.fdatasync(self.file)
        self.next = (self.next + 1) % BLOCKS


def pair():
    """Two ends of a TCP connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    for end in (here, there):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return here, there


def follow(leader, log):
    while leader.recv(4096):
        log.write()
        leader.sendall(ANSWER)


def lead(client, followers, log):
    waiting = selectors.DefaultSelector()
    for end in (client, *followers):
        waiting.register(end, selectors.EVENT_READ)
    puts = 0
    answered = dict.fromkeys(followers, 0)
    while True:
        for key, _ in waiting.select():
            arrived = key.fileobj.recv(4096)
            if not arrived:
                return
            if key.fileobj is client:
                puts += 1
                for follower in followers:
                    follower.sendall(MESSAGE)
                log.write()
                continue
            first = max(answered.values()) < puts
            answered[key.fileobj] += len(arrived) // len(ANSWER)
            if first and answered[key.fileobj] == puts:
                client.sendall(ANSWER)


def child(work, *arguments):
    pid = os.fork()
    if pid == 0:
        try:
            work(*arguments)
        finally:
            os._exit(0)
    return pid


def spin():
    while True:
        pass


def timed(seconds, once):
    """Microseconds of each call, as long as there is time."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        once()
        found.append((time.perf_counter() - start) * 1e6)
    return found


def say(what, found):
    print(f"{what:<46}{statistics.mean(found):>8.0f}{statistics.median(found):>8.0f}{percentile(found, 0.99):>8.0f}")


def measure(seconds, folder, children):
    print(f"{'us':<46}{'mean':>8}{'p50':>8}{'p99':>8}")
    logs = [Log(Path(folder) / str(i)) for i in range(3)]
    say("fdatasync of 4 KiB, alone", timed(seconds, logs[0].write))
    me, other = pair()
    children.append(child(lambda: [other.sendall(ANSWER) for _ in iter(lambda: other.recv(4096), b"")]))

    def ask():
        me.sendall(MESSAGE)
        me.recv(4096)
    say("a round trip over loopback", timed(seconds, ask))
    client, served = pair()
    links = [pair() for _ in range(2)]
    children += [child(follow, there, logs[i + 1]) for i, (_, there) in enumerate(links)]
    children.append(child(lead, served, [here for here, _ in links], logs[0]))

    def put():
        client.sendall(MESSAGE)
        client.recv(4096)
    say("a put: bare processes, one thread each", timed(seconds, put))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--folder", help="on the disk to be measured (default: where temporary files go)")
    parser.add_argument("--spinners", type=int, default=0, help="processes that use a core for nothing meanwhile (default 0)")
    options = parser.parse_args()
    children = [child(spin) for _ in range(options.spinners)]
    try:
        with tempfile.TemporaryDirectory(prefix="cairn-floor-", dir=options.folder) as folder:
            measure(options.seconds, folder, children)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()

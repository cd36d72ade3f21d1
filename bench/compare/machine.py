"""What the machine gives: the price of one fdatasync and of one round trip, in the same run as everything else."""

import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def median_us(count, work):
    times = []
    for i in range(count):
        start = time.perf_counter()
        work(i)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def typical_sync_us(count=100):
    """One write of 4 KiB over an allocated file and its fdatasync, where the members keep their data (median)."""
    with tempfile.NamedTemporaryFile(prefix="cairn-sync-") as file:
        os.pwrite(file.fileno(), bytes(1 << 20), 0)
        os.fsync(file.fileno())
        return median_us(count, lambda i: (os.pwrite(file.fileno(), b"x" * 4096, i % 256 * 4096),
                                           os.fdatasync(file.fileno())))


def typical_round_trip_us(count=500):
    """A byte there and back between two threads over loopback TCP (median)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def echo():
        peer = listener.accept()[0]
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := peer.recv(1):
            peer.sendall(data)

    threading.Thread(target=echo, daemon=True).start()
    with socket.create_connection(listener.getsockname()) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return median_us(count, lambda _: (connection.sendall(b"x"), connection.recv(1)))


class Floor:
    """What no system that syncs a majority's disks can be below: one fdatasync and two round trips.

    Sampled between the rows, and the best sample counts: with other work on the machine a median of one moment is far
    above what the members had at others, and no floor.
    """

    def __init__(self):
        self.samples = []

    def sample(self):
        self.samples.append((typical_sync_us(), typical_round_trip_us()))

    def figures(self):
        sync_us, round_trip_us = (min(each) for each in zip(*self.samples))
        return {"sync_us": sync_us, "round_trip_us": round_trip_us, "put_us": sync_us + 2 * round_trip_us}


def available_gb():
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / (1 << 20)
    return 0.0


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


def etcd_version(program):
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    return said.splitlines()[0].rpartition(" ")[2] if said else None

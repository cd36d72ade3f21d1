#!/usr/bin/env python3
"""Us and Debian's etcd side by side: three members each on this machine, the same client, the same work.

usage: compare.py [--json] [--quick] [--seconds N] [--rounds N] [--only WORD]

Both clusters run all the time and are loaded in turn (ours, etcd's, ours, etcd's), so that neither gets the better
minute. CPU per operation counts all three members, user and kernel, and not the client. The ratios are what counts:
they hold on other machines; the absolute figures do not.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))
os.environ.setdefault("CAIRN_BIN", str(ROOT / "build/release/cairn"))

from cluster import Cluster, program  # noqa: E402
from etcd import Etcd  # noqa: E402

VALUE_BYTES = 256
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# name, what `cairn bench` is asked for, the ratio we are after, and of what
WORK = [
    ("put, 10 x 100", ["put", "--connections", "10", "--streams", "100"], 10, "throughput"),
    ("put, 100 x 1", ["put", "--connections", "100", "--streams", "1"], 5, "throughput"),
    ("put, 1 x 1", ["put", "--connections", "1", "--streams", "1"], 2, "latency"),
    ("get, 10 x 100", ["get", "--connections", "10", "--streams", "100"], 8, "throughput"),
    ("get, 1 x 1", ["get", "--connections", "1", "--streams", "1"], 2, "latency"),
    ("local get, 10 x 100", ["get", "--serializable", "--connections", "10", "--streams", "100"], 6, "throughput"),
]


def cpu_seconds(pids):
    """User and kernel time of these processes so far."""
    total = 0
    for pid in pids:
        # The name in parentheses may hold anything; the fields after it are plain numbers.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def measure(endpoints, pids, work, seconds):
    before = cpu_seconds(pids)
    done = subprocess.run([program(), "bench", *work, "--endpoints", endpoints, "--seconds", str(seconds),
                           "--value-bytes", str(VALUE_BYTES), "--json"], capture_output=True, text=True, check=False,
                          timeout=seconds * 5 + 60)
    if done.returncode != 0:
        sys.exit(f"cairn bench {' '.join(work)}: status {done.returncode}\n{done.stderr}")
    found = json.loads(done.stdout)
    found["cpu_us_per_op"] = (cpu_seconds(pids) - before) * 1e6 / max(1, found["ops"])
    return found


def middle(runs):
    """Of several runs of the same work: the mean of each figure, and all errors."""
    mean = {name: sum(run[name] for run in runs) / len(runs)
            for name in ("ops_per_second", "p50_us", "p99_us", "cpu_us_per_op")}
    return mean | {"ops": sum(run["ops"] for run in runs), "errors": sum(run["errors"] for run in runs)}


def typical_sync_us(count=300):
    """One write of 4 KiB over an allocated file and its fdatasync, where the members keep their data (median)."""
    with tempfile.NamedTemporaryFile(prefix="cairn-sync-") as file:
        os.pwrite(file.fileno(), bytes(1 << 20), 0)
        os.fsync(file.fileno())
        return median_us(count, lambda i: (os.pwrite(file.fileno(), b"x" * 4096, i % 256 * 4096),
                                           os.fdatasync(file.fileno())))


def median_us(count, work):
    times = []
    for i in range(count):
        start = time.perf_counter()
        work(i)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def typical_round_trip_us(count=2000):
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


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


def etcd_version():
    said = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0].rpartition(" ")[2] if said else "unknown"


class Progress:
    """One line that rewrites itself on a terminal, and nothing anywhere else."""

    def __init__(self, steps):
        self.steps, self.done, self.start = steps, 0, time.monotonic()

    def __call__(self, text):
        if sys.stderr.isatty():
            bar = "#" * (20 * self.done // self.steps)
            print(f"\r\033[K[{bar:<20}] {self.done}/{self.steps} {text}", end="", file=sys.stderr, flush=True)
        self.done += 1

    def clear(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def compare(options):
    work = [row for row in WORK if options.only in row[0]]
    progress = Progress(len(work) * options.rounds * 2)
    rows = []
    with Cluster() as ours, Etcd() as theirs:
        sides = {"cairn": (ours.endpoints(), [member.process.pid for member in ours.members]),
                 "etcd": (theirs.endpoints(), [process.pid for process in theirs.processes])}
        for endpoints, pids in sides.values():  # keys for the reads, and warm processes
            measure(endpoints, pids, WORK[0][1], 1)
        for name, arguments, goal, of in work:
            runs = {side: [] for side in sides}
            for _ in range(options.rounds):
                for side, (endpoints, pids) in sides.items():
                    progress(f"{name}: {side}")
                    runs[side].append(measure(endpoints, pids, arguments, options.seconds))
            rows.append({"work": name, "goal": goal, "goal_of": of} | {side: middle(found) for side, found in runs.items()})
    progress.clear()
    return {"commit": commit(), "etcd_version": etcd_version(), "cores": os.cpu_count(), "members": 3,
            "value_bytes": VALUE_BYTES, "seconds": options.seconds, "rounds": options.rounds,
            "sync_us": typical_sync_us(), "round_trip_us": typical_round_trip_us(), "rows": [with_ratios(row) for row in rows]}


def with_ratios(row):
    """How many times better we are: more operations, less time, less CPU."""
    ours, theirs = row["cairn"], row["etcd"]
    row["throughput_ratio"] = ours["ops_per_second"] / max(1e-9, theirs["ops_per_second"])
    row["latency_ratio"] = theirs["p50_us"] / max(1e-9, ours["p50_us"])
    row["cpu_ratio"] = theirs["cpu_us_per_op"] / max(1e-9, ours["cpu_us_per_op"])
    row["reached"] = row[row["goal_of"] + "_ratio"] >= row["goal"]
    return row


def show(report):
    print(f"commit {report['commit']}, beside etcd {report['etcd_version']}; {report['cores']} cores, "
          f"{report['members']} members each, {report['value_bytes']} B values, "
          f"{report['rounds']} x {report['seconds']} s each in turn\n")
    print(f"{'work':<20} {'':<6} {'ops/s':>9} {'p50 us':>8} {'p99 us':>9} {'CPU us/op':>10} {'errors':>7}")
    for row in report["rows"]:
        for side in ("cairn", "etcd"):
            figures = row[side]
            print(f"{row['work'] if side == 'cairn' else '':<20} {side:<6} {figures['ops_per_second']:>9.0f} "
                  f"{figures['p50_us']:>8.0f} {figures['p99_us']:>9.0f} {figures['cpu_us_per_op']:>10.1f} {figures['errors']:>7}")
        print(f"{'':<20} {'ratio':<6} {row['throughput_ratio']:>8.1f}x {row['latency_ratio']:>7.1f}x {'':>9} "
              f"{row['cpu_ratio']:>9.1f}x   goal {row['goal']}x {row['goal_of']}: "
              f"{'reached' if row['reached'] else 'not yet'}")
    floor = report["sync_us"] + 2 * report["round_trip_us"]
    print(f"\nthe floor of one put: fdatasync {report['sync_us']:.0f} us + two loopback round trips of "
          f"{report['round_trip_us']:.0f} us = {floor:.0f} us")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    parser.add_argument("--quick", action="store_true", help="one round of 2 seconds: a smoke test, not a measurement")
    parser.add_argument("--seconds", type=int, default=5, help="of one run (default 5)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each work on each side (default 2)")
    parser.add_argument("--only", default="", metavar="WORD", help="only work whose name contains it, as 'put'")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds = 2, 1
    report = compare(options)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

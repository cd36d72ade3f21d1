#!/usr/bin/env python3
"""How many system calls, fruitless reads and waits each thread of a member makes for one operation.

usage: syscalls.py [--work KIND] [--connections N] [--streams N] [--rate N] [--at leader|follower|all] [--seconds N]

With few requests at a time the kernel is what an operation costs, and its calls can be counted where times cannot be
trusted. perf counts them at the leader, one follower and the client. Needs perf and the right to read tracepoints.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))
os.environ.setdefault("CAIRN_BIN", str(ROOT / "build/release/cairn"))

from cluster import Cluster, program  # noqa: E402

CALLS = ["epoll_wait", "epoll_ctl", "timerfd_settime", "recvfrom", "recvmsg", "sendto", "sendmsg", "read", "write", "futex",
         "pwrite64", "fdatasync"]
COUNTED = {**{name: f"syscalls:sys_enter_{name}" for name in CALLS}, "switched out": "sched:sched_switch",
           "wakes others": "sched:sched_waking"}
EAGAIN = -11


def endpoints(cluster, where):
    """The client speaks to the first one when it has one connection."""
    leader = cluster.leader()
    first = [m for m in cluster.members if (m is leader) == (where == "leader")]
    chosen = cluster.members if where == "all" else first[:1]
    return ",".join(member.client_url for member in chosen)


def counted(cluster, options):
    leader = cluster.leader()
    pids = {"leader": leader.process.pid,
            "follower": next(m.process.pid for m in cluster.members if m is not leader)}
    if options.at == "follower":
        pids["follower"] = next(m for m in cluster.members if m is not leader).process.pid
    work = [program(), "bench", options.work, "--endpoints", endpoints(cluster, options.at), "--json", "--keys", "10000",
            "--connections", str(options.connections), "--streams", str(options.streams)]
    work += ["--rate", str(options.rate)] if options.rate else []
    subprocess.run([*work, "--seconds", "1"], check=True, capture_output=True)
    client = subprocess.Popen([*work, "--seconds", str(options.seconds)], stdout=subprocess.PIPE, text=True)
    pids["client"] = client.pid
    line = ["perf", "stat", "-x", ";", "--per-thread", "-p", ",".join(map(str, pids.values()))]
    for event in COUNTED.values():
        line += ["-e", event]
    for name in ("recvfrom", "recvmsg"):
        line += ["-e", f"syscalls:sys_exit_{name}", "--filter", f"ret=={EAGAIN}"]
    done = subprocess.run([*line, "sleep", str(options.seconds - 1)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit("perf stat: " + done.stderr.strip())
    report = json.loads(client.communicate()[0])
    return report, pids, done.stderr


def table(report, pids, text):
    """Calls per operation by (process, thread)."""
    names = {event: name for name, event in COUNTED.items()}
    names |= {f"syscalls:sys_exit_{name}": name + ": nothing there" for name in ("recvfrom", "recvmsg")}
    owner = {}
    for process, pid in pids.items():
        for task in Path(f"/proc/{pid}/task").glob("*") if Path(f"/proc/{pid}").exists() else []:
            owner[int(task.name)] = (process, "loop" if int(task.name) == pid else (task / "comm").read_text().strip())
    owner[pids["client"]] = ("client", "loop")
    calls = collections.defaultdict(collections.Counter)
    for line in text.splitlines():
        fields = line.split(";")
        if len(fields) < 4 or not re.fullmatch(r"\d+", fields[1]):
            continue
        tid = int(fields[0].rpartition("-")[2])
        if tid in owner:
            calls[owner[tid]][names[fields[3]]] += int(fields[1])
    operations = report["ops_per_second"] * (report["watched_seconds"])
    return {thread: {name: count / operations for name, count in of.items()} for thread, of in calls.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--work", default="put")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--rate", type=int, default=0, help="operations a second, from an open loop")
    parser.add_argument("--at", choices=["leader", "follower", "all"], default="leader", help="where the clients are connected")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not shutil.which("perf"):
        sys.exit("perf is not installed: apt-get install linux-perf")
    with Cluster() as cluster:
        report, pids, text = counted(cluster, options)
        report["watched_seconds"] = options.seconds - 1
        calls = table(report, pids, text)
    if options.json:
        print(json.dumps({" ".join(thread): of for thread, of in calls.items()}, indent=2))
        return
    threads = [thread for thread in sorted(calls, key=lambda t: (list(pids).index(t[0]), t[1] != "loop"))
               if sum(calls[thread].values()) > 0.05]
    print(f"{options.work} {options.connections} x {options.streams}, connected to {options.at}: {report['ops_per_second']:.0f}/s, "
          f"p50 {report['p50_us']:.0f} us, p99 {report['p99_us']:.0f} us; calls per operation\n")
    print(f"{'':<26}" + "".join(f"{thread[0]:>10}" for thread in threads))
    print(f"{'':<26}" + "".join(f"{thread[1]:>10}" for thread in threads))
    rows = []
    for name in CALLS:
        rows += [name] + ([name + ": nothing there"] if name.startswith("recv") else [])
    for name in [*rows, "switched out", "wakes others"]:
        row = [calls[thread][name] for thread in threads]
        if sum(row) > 0.01:
            print(f"{name:<26}" + "".join(f"{count:>10.2f}" for count in row))
    print(f"{'all system calls':<26}" + "".join(f"{sum(calls[t][n] for n in CALLS):>10.2f}" for t in threads))


if __name__ == "__main__":
    main()

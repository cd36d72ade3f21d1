#!/usr/bin/env python3
"""What each thread of the leader spends on one operation, with and without front-end threads.

usage: threads.py [--front-ends N,N...] [--work KIND,KIND...] [--rounds N] [--seconds N]
                  [--connections N] [--streams N] [--json]

The loop is the thread that a member cannot have two of: what it spends on an operation bounds what a machine with
enough cores can do. So this says more than throughput where there are fewer cores than busy threads. CPU time is the
kernel's own, per thread (/proc/PID/task/*/schedstat). Rounds alternate between the settings.
"""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))
os.environ.setdefault("CAIRN_BIN", str(ROOT / "build/release/cairn"))

from cluster import Cluster, program  # noqa: E402

KEYS = 10000
WORK = {"fill": ["fill"], "put": ["put"], "get": ["get"], "local-get": ["get", "--serializable"], "mixed": ["mixed"],
        "txn": ["txn"], "range": ["range", "--range-keys", str(KEYS)]}


def threads_of(pid):
    """CPU seconds by thread; the loop is the first thread and keeps the program's name."""
    seconds = collections.Counter()
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = "loop" if task.name == str(pid) else (task / "comm").read_text().strip()
        seconds[name] += int((task / "schedstat").read_text().split()[0]) / 1e9
    return seconds


def load(cluster, work, options):
    """Runs the load on the leader: how many operations it has answered, and how many a second."""
    kind, *more = WORK[work]
    if work == "range":
        more += ["--connections", "2", "--streams", "2"]  # their client has work, too
    else:
        more += ["--connections", str(options.connections), "--streams", str(options.streams)]
    done = subprocess.run([program(), "bench", kind, "--endpoints", cluster.leader().client_url, "--json", "--keys",
                           str(KEYS), "--seconds", str(options.seconds), *more], check=True, capture_output=True)
    report = json.loads(done.stdout)
    return report["ops"], report["ops_per_second"]


def measure(front_ends, options):
    result = {}
    with Cluster(front_end_threads=str(front_ends)) as cluster:
        pid = cluster.leader().process.pid
        load(cluster, "fill", options)
        for work in options.work.split(","):
            before = threads_of(pid)
            operations, rate = load(cluster, work, options)
            spent = threads_of(pid) - before
            result[work] = {"ops_per_second": rate} | {name: 1e6 * s / operations for name, s in spent.items()}
            for name in [n for n in result[work] if n.startswith("front-")]:
                result[work]["front-ends"] = result[work].get("front-ends", 0) + result[work].pop(name)
            result[work]["leader"] = 1e6 * sum(spent.values()) / operations
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--front-ends", default="0,2", help="the settings to compare")
    parser.add_argument("--work", default="put,get,range", help="of " + ", ".join(WORK) + "; a range has all keys")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings = [int(n) for n in options.front_ends.split(",")]
    rounds = [{n: measure(n, options) for n in settings} for _ in range(options.rounds)]
    columns = ["loop", "log", "front-ends", "leader", "ops_per_second"]
    table = {work: {n: {column: statistics.median(r[n][work].get(column, 0) for r in rounds) for column in columns}
                    for n in settings} for work in rounds[0][settings[0]]}
    if options.json:
        print(json.dumps(table, indent=2))
        return
    print(f"CPU of the leader's threads in us per operation, {options.connections} x {options.streams}, medians of "
          f"{options.rounds} rounds\n")
    print(f"{'':<8}{'front-ends':>10}" + "".join(f"{column:>16}" for column in columns))
    for work, rows in table.items():
        for n, row in rows.items():
            print(f"{work:<8}{n:>10}" + "".join(f"{row[column]:>16.2f}" for column in columns))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a million keys hold in memory, and how fast a member that holds them is back: us, or with --etcd Debian's etcd.

usage: memory.py [--keys N] [--overwrites N] [--members N] [--starts N] [--stalls N] [--etcd]

Resident memory is the process's own (VmRSS, and VmHWM for its peak) of each member. A start is timed from exec to the
first local answer, and to the first local answer that shows the last write acknowledged before the member was killed.
A stall compares the latencies of puts in an open loop, quiet and while a snapshot is cut and sent to a member that was
away too long.
"""

import argparse
import base64
import http.client
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))
os.environ.setdefault("CAIRN_BIN", str(ROOT / "build/release/cairn"))

from cluster import Cluster, http_request  # noqa: E402
from etcd import Etcd  # noqa: E402

FILL = ROOT / "build/release/bench/fill"
LAST_KEY = "last"


def memory_mb(pid, field):
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(field + r":\s+(\d+) kB", status)[1]) / 1024


def metric(url, name):
    found = re.search(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", http_request(url, "GET", "/metrics").body.decode(), re.M)
    return float(found[1]) if found else 0.0


def etcdctl(url, *arguments):
    done = subprocess.run(["etcdctl", "--endpoints", url, *arguments], capture_output=True, text=True, check=True,
                          env=os.environ | {"ETCDCTL_API": "3"})
    return done.stdout


def show(what, urls, pids):
    for url, pid in zip(urls, pids):
        keys = metric(url, "etcd_debugging_mvcc_keys_total")
        print(f"{what:28} keys {keys:9.0f}  resident {memory_mb(pid, 'VmRSS'):6.0f} MB  "
              f"peak {memory_mb(pid, 'VmHWM'):6.0f} MB  state {metric(url, 'etcd_mvcc_db_total_size_in_bytes') / 1e6:6.0f} MB"
              f"  log in memory {metric(url, 'cairn_raft_log_memory_bytes') / 1e6:5.0f} MB", flush=True)


def fill(url, keys, rounds):
    begin = time.monotonic()
    subprocess.run([FILL, url.removeprefix("http://"), str(keys), str(rounds)], check=True)
    print(f"{keys * rounds} puts in {time.monotonic() - begin:.1f} s", flush=True)


def compact(url):
    status = json.loads(etcdctl(url, "get", LAST_KEY, "-w", "json"))
    etcdctl(url, "compact", str(status["header"]["revision"]))


def local(url, is_etcd):
    """The value of the last key as this member has it, or None while it does not answer."""
    try:
        if not is_etcd:
            reply = http_request(url, "GET", f"/v1/kv/{LAST_KEY}?consistency=local", timeout=5.0)
            return reply.body.decode() if reply.status == 200 else "" if reply.status == 404 else None
        body = json.dumps({"key": base64.b64encode(LAST_KEY.encode()).decode(), "serializable": True})
        reply = http_request(url, "POST", "/v3/kv/range", body, timeout=5.0)
        kvs = reply.json().get("kvs", [])
        return base64.b64decode(kvs[0]["value"]).decode() if kvs else ""
    except (OSError, http.client.HTTPException):
        return None


def time_start(start, url, value, is_etcd):
    begin = time.monotonic()
    start()
    first = None
    while True:
        seen = local(url, is_etcd)
        now = time.monotonic() - begin
        if seen is not None and first is None:
            first = now
        if seen == value:
            return first, now
        time.sleep(0.002)


def open_loop(url, seconds=6):
    done = subprocess.run([os.environ["CAIRN_BIN"], "bench", "put", "--endpoints", url, "--connections", "4",
                           "--streams", "25", "--rate", "500", "--seconds", str(seconds), "--value-bytes", "256",
                           "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def a_follower(urls):
    return next(i for i in reversed(range(len(urls))) if metric(urls[i], "etcd_server_is_leader") == 0)


def stall(options, urls, processes, restart):
    away = a_follower(urls)
    url = urls[(away + 1) % len(urls)]
    quiet = open_loop(url)
    processes[away]().kill()
    processes[away]().wait()
    time.sleep(2)
    fill(url, options.keys // 5, 1)
    before = [metric(u, "cairn_raft_snapshot_index") for i, u in enumerate(urls) if i != away]
    restart(away)
    busy = open_loop(url)
    after = [metric(u, "cairn_raft_snapshot_index") for i, u in enumerate(urls) if i != away]
    print(f"put, open loop: p50 {quiet['p50_us']} us, p99 {quiet['p99_us']} us; while a snapshot is cut and sent: "
          f"p50 {busy['p50_us']} us, p99 {busy['p99_us']} us (cut: {'yes' if after != before else 'no'})", flush=True)


def measure(options, urls, processes, restart):
    leader = urls[0]
    show("empty", urls, [p().pid for p in processes])
    fill(leader, options.keys, 1)
    show("filled", urls, [p().pid for p in processes])
    if options.overwrites:
        fill(leader, options.keys, options.overwrites)
        show(f"overwritten {options.overwrites} x", urls, [p().pid for p in processes])
        compact(leader)
        fill(leader, options.keys // 10, 1)
        show("compacted, and 10 % more", urls, [p().pid for p in processes])
    for _ in range(options.stalls):
        stall(options, urls, processes, restart)
    for round_number in range(options.starts):
        again = a_follower(urls) if len(urls) > 1 else 0
        etcdctl(leader, "put", LAST_KEY, f"round {round_number}")
        time.sleep(0.3)
        processes[again]().kill()
        processes[again]().wait()
        first, caught_up = time_start(lambda: restart(again), urls[again], f"round {round_number}", options.etcd)
        pid = processes[again]().pid
        print(f"start: first local answer after {first:.2f} s, with the last write after {caught_up:.2f} s  "
              f"(resident {memory_mb(pid, 'VmRSS'):.0f} MB, peak {memory_mb(pid, 'VmHWM'):.0f} MB)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--overwrites", type=int, default=0)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--starts", type=int, default=2)
    parser.add_argument("--stalls", type=int, default=0)
    parser.add_argument("--etcd", action="store_true")
    options = parser.parse_args()
    if options.etcd:
        with Etcd(options.members) as etcd:
            def restart(which):
                line = list(etcd.processes[which].args)
                with open(f"{etcd.folder}/restart.log", "ab") as log:
                    etcd.processes[which] = subprocess.Popen(line, stdout=log, stderr=log)
            measure(options, etcd.clients, [lambda i=i: etcd.processes[i] for i in range(options.members)], restart)
        return
    with Cluster(options.members) as cluster:
        measure(options, [m.client_url for m in cluster.members],
                [lambda m=m: m.process for m in cluster.members], lambda which: cluster.members[which].start())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Where the CPU time of one operation goes, stage by stage, over a live cluster of three members under load.

usage: profile.py [--work put|get|list|...] [--connections N] [--streams N] [--seconds N] [--hottest N] [--json]

perf samples the leader, a follower and the client while `cairn bench` runs. Each sample belongs to the innermost
stage on its stack; what the samples weigh comes from the processes' own CPU clocks. Needs perf and the right to use it
(kernel.perf_event_paranoid). The program is built with frame pointers, so no stack is lost but in foreign libraries.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))
os.environ.setdefault("CAIRN_BIN", str(ROOT / "build/release/cairn"))

from cluster import Cluster, program  # noqa: E402

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WORK = {"put": ["put"], "get": ["get"], "local-get": ["get", "--serializable"], "range": ["range"], "txn": ["txn"],
        "list": ["range", "--keys", "100000", "--range-keys", "100000"]}

# A frame reads "symbol (library)". The innermost one that matches a pattern names the stage; on one frame the first wins.
STAGES = [
    ("kernel: file write, fdatasync", r"fdatasync|ksys_pwrite|pwrite64|vfs_fsync|ext4_|blk_|virtblk"),
    ("kernel: sockets", r"__sys_sendto|__sys_sendmsg|__sys_recvfrom|__sys_recvmsg|sock_|tcp_|inet_"),
    ("kernel: epoll, wake-ups", r"epoll|futex|eventfd|schedule|ksys_write|ksys_read"),
    ("kernel: fresh memory", r"exc_page_fault|madvise|mmap"),
    ("HTTP/2 (nghttp2)", r"nghttp2"),
    ("rpc: streams, gRPC framing", r"cairn::rpc::"),
    ("wal: frames, checksums", r"cairn::wal::|cairn::server::LogThread"),
    ("apply (mvcc)", r"cairn::mvcc::"),
    ("raft", r"cairn::raft::"),
    ("peer protocol", r"cairn::peer::"),
    ("node: pending requests, batches", r"cairn::node::"),
    ("api: decode, validate, reply", r"cairn::api::"),
    ("bench client", r"cairn::cli::"),
    ("loop (Asio, timers)", r"boost::asio|cairn::server::"),
    ("protobuf", r"libprotobuf"),
    ("allocator, outside of the above", r"libjemalloc"),
]
COMPILED = [(name, re.compile(pattern)) for name, pattern in STAGES]
# Whatever the snapshot thread does, and the compressor, whose frames no stack leads through.
SNAPSHOT = ("snapshots", re.compile(r"SnapshotThread|libzstd"))


def stage_of(frames):
    if any(SNAPSHOT[1].search(frame) for frame in frames):
        return SNAPSHOT[0]
    for frame in frames:  # innermost first
        for name, pattern in COMPILED:
            if pattern.search(frame):
                return name
    return "other"


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def samples_of(folder, perf_data):
    """Stacks and leaf symbols of one recording, by process id."""
    text = subprocess.run(["perf", "script", "-i", str(perf_data), "-F", "pid,ip,sym,dso", "--no-inline"], cwd=folder,
                          capture_output=True, text=True, errors="replace", check=True).stdout
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if len(lines) < 2:
            continue
        frames = [line.strip().partition(" ")[2] for line in lines[1:]]
        yield int(lines[0].split()[0]), frames


def bare(frame):
    symbol, _, library = frame.rpartition(" (")
    name = re.sub(r"\(.*|<.*", "", symbol)[:70]
    return f"? in {Path(library.rstrip(')')).name}" if name in ("", "[unknown]") else name


def record(cluster, options):
    pids = {"leader": cluster.leader().process.pid}
    pids["follower"] = next(m.process.pid for m in cluster.members if m.process.pid != pids["leader"])
    work = [program(), "bench", *WORK[options.work], "--endpoints", cluster.endpoints(), "--json",
            "--connections", str(options.connections), "--streams", str(options.streams)]
    subprocess.run([*work, "--seconds", "1"], check=True, capture_output=True)  # warm, and keys for the reads
    with tempfile.TemporaryDirectory(prefix="cairn-profile-") as folder:
        data = Path(folder) / "perf.data"
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        client = subprocess.Popen([*work, "--seconds", str(options.seconds)], stdout=subprocess.PIPE, text=True)
        pids["client"], before["client"] = client.pid, 0.0
        watched = ",".join(str(pid) for pid in pids.values())
        perf = subprocess.Popen(["perf", "record", "-q", "-F", "1500", "-e", "cpu-clock", "--call-graph", "fp",
                                 "-o", str(data), "-p", watched, "sleep", str(options.seconds)],
                                stderr=subprocess.DEVNULL)
        perf.wait()
        after = {name: cpu_seconds(pid) for name, pid in pids.items()}
        report = json.loads(client.communicate()[0])
        after |= {name: max(after[name], cpu_seconds(pids[name])) for name in ("leader", "follower")}
        if not data.exists():
            sys.exit("perf record left no data; is kernel.perf_event_paranoid at most 1?")
        return report, pids, {n: after[n] - before[n] for n in pids}, list(samples_of(folder, data))


def analyse(report, pids, cpu, samples):
    names = {pid: name for name, pid in pids.items()}
    stages = collections.defaultdict(collections.Counter)
    leaves = collections.defaultdict(collections.Counter)
    for pid, frames in samples:
        if name := names.get(pid):
            stages[name][stage_of(frames)] += 1
            leaves[name][bare(frames[0])] += 1
    result = {"ops_per_second": report["ops_per_second"], "p50_us": report["p50_us"], "processes": {}}
    for name in pids:
        total, us = max(1, sum(stages[name].values())), cpu[name] * 1e6 / max(1, report["ops"])
        result["processes"][name] = {
            "cpu_us_per_op": us, "samples": total,
            "stages": {stage: us * count / total for stage, count in stages[name].items()},
            "hottest": [[leaf, us * count / total] for leaf, count in leaves[name].most_common(60)]}
    return result


def show(result, options):
    processes = result["processes"]
    print(f"{options.work} {options.connections} x {options.streams}: {result['ops_per_second']:.0f}/s, "
          f"p50 {result['p50_us']:.0f} us; CPU in us per operation\n")
    print(f"{'':<34}" + "".join(f"{name:>10}" for name in processes))
    for stage in [name for name, _ in STAGES] + [SNAPSHOT[0], "other"]:
        row = [processes[name]["stages"].get(stage, 0) for name in processes]
        if any(row):
            print(f"{stage:<34}" + "".join(f"{us:>10.2f}" for us in row))
    print(f"{'all':<34}" + "".join(f"{processes[name]['cpu_us_per_op']:>10.2f}" for name in processes))
    for name in processes if options.hottest else []:
        print(f"\nhottest functions of the {name}")
        for leaf, us in processes[name]["hottest"][:options.hottest]:
            print(f"  {us:6.3f}  {leaf}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--work", choices=WORK, default="put")
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--hottest", type=int, default=0, metavar="N", help="also the N hottest functions of each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not shutil.which("perf"):
        sys.exit("perf is not installed: apt-get install linux-perf")
    with Cluster() as cluster:
        result = analyse(*record(cluster, options))
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result, options)


if __name__ == "__main__":
    main()

"""What happens to a cluster under load: members are killed and come back, snapshots are cut and sent, lists are read."""

import os
import subprocess
import sys
import threading
import time

from clusters import resident_mb, wait_until
from load import Background, fill, load, percentile

# As many streams as requests come due: those that wait for a lost leader must not keep others from being sent.
KILL_LOAD = ["put", "--rate", "500", "--connections", "12", "--streams", "200"]
KILL_AFTER_SECONDS = 0.8
GIVE_BACK_SECONDS = 5  # allocators keep freed memory for a while, in case it is wanted again
STEADY_LOAD = ["put", "--rate", "2000", "--connections", "12", "--streams", "50"]
LOST_WITH_CONNECTION = ("disconnected", "cannot connect", "the client has closed")


class Meanwhile:
    """Repeats some work until the block ends, in a thread."""

    def __init__(self, work, pause_seconds=0.0):
        self.work, self.pause_seconds, self.stop, self.count = work, pause_seconds, threading.Event(), 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop.wait(self.pause_seconds):
            self.work()
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


# ---- more is asked for than can be done ----

LARGE = ["put", "--value-bytes", str(1 << 20), "--keys", "1000"]


def term(cluster):
    return max(status["raftTerm"] for status in cluster.statuses().values())


def overload(cluster, factor, seconds):
    """Puts of 1 MiB come so many times as fast as they are done in a closed loop that fills the cluster."""
    load(cluster, [*LARGE, "--connections", "10", "--streams", "2"], 1)
    before = term(cluster)
    peak = load(cluster, [*LARGE, "--connections", "10", "--streams", "2"], seconds)
    rate = str(max(1, round(peak["ops_per_second"] * factor)))
    figures = load(cluster, [*LARGE, "--connections", "10", "--streams", "60", "--rate", rate], seconds)
    figures["goodput_ratio"] = figures["ops_per_second"] / peak["ops_per_second"]
    figures["refused"] = figures["errors"]
    figures["errors"] = sum(count for kind, count in figures["errors_by_kind"].items() if "too many requests" not in kind)
    figures["terms"] = term(cluster) - before
    return figures


# ---- the leader is killed ----

def silence(operations, moment, never):
    """Seconds without any success around that moment; `never` when there was none any more."""
    ends = sorted(start + latency / 1e6 for start, latency, outcome in operations if outcome == "ok")
    # The last answer before the kill may have left the member just before it.
    gaps = [(after - before) for before, after in zip(ends, ends[1:]) if after >= moment]
    return max(gaps, default=never)


def one_kill(cluster, seconds):
    wait_until(lambda: cluster.leader() is not None, "there is a leader", 30)
    victim = cluster.leader()
    running = Background(cluster, KILL_LOAD, seconds)
    time.sleep(KILL_AFTER_SECONDS)
    moment = time.time()
    cluster.kill(victim)
    figures, operations = running.ended()
    cluster.restart(victim)
    cluster.settled()
    return silence(operations, moment, seconds), figures, operations


def failover(cluster, kills, seconds):
    """The leader is killed under 500 puts a second, again and again; what was silent, what failed, and why."""
    silences, latencies, kinds = [], [], {}
    for _ in range(kills):
        silent, figures, operations = one_kill(cluster, seconds)
        silences.append(silent * 1000)
        latencies += [latency for _, latency, outcome in operations if outcome == "ok"]
        for kind, count in figures["errors_by_kind"].items():
            kinds[kind] = kinds.get(kind, 0) + count
    failed = sum(kinds.values())
    lost = sum(count for kind, count in kinds.items() if kind.startswith(LOST_WITH_CONNECTION))
    return {"kills": kills, "silences_ms": silences, "silence_p50_ms": percentile(silences, 0.5),
            "silence_p99_ms": percentile(silences, 0.99), "p99_us": percentile(latencies, 0.99),
            "max_us": max(latencies, default=0), "failed_per_kill": failed / kills,
            "refused_per_kill": (failed - lost) / kills, "failed": failed, "errors": failed, "errors_by_kind": kinds,
            "said": ["silences in ms: " + " ".join(f"{ms:.0f}" for ms in sorted(silences))], "ops": len(latencies)}


# ---- memory and restart ----

def memory(cluster):
    """Resident memory of the members once they have the same data and nothing left to do."""
    cluster.settled()
    cluster.quiet()
    time.sleep(GIVE_BACK_SECONDS)
    each = [resident_mb(pid) for pid in cluster.pids]
    return {"rss_mb": max(each), "rss_each_mb": each, "ops": 1, "errors": 0}


def restart(cluster, keys):
    """A follower is killed and started: until it serves a serializable read of the key that was written last."""
    leader = cluster.leader()
    victim = next(i for i in range(len(cluster.urls)) if i != leader)
    cluster.kill(victim)
    cluster.restart(victim)
    seconds = cluster.seconds_until_served(victim, keys - 1)
    cluster.settled()
    return {"restart_s": seconds, "keys": keys, "ops": 1, "errors": 0}


# ---- lists ----

def beside_a_spinner(cluster, work, seconds):
    """The load while one process uses a core for nothing: what any client that is as busy would cost here."""
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        return load(cluster, work, seconds)
    finally:
        spinner.kill()
        spinner.wait()


def writers_beside_lists(cluster, keys, seconds):
    """p99 of 2,000 puts a second alone, beside a process that spins, and while a client lists all keys without pause."""
    work = [*STEADY_LOAD, "--keys", str(keys)]
    alone = load(cluster, work, seconds)
    spinning = beside_a_spinner(cluster, work, seconds)
    listing = ["range", "--keys", str(keys), "--range-keys", str(keys), "--connections", "1", "--streams", "1"]
    with Meanwhile(lambda: load(cluster, listing, max(0.5, seconds / 3))) as lists:
        beside = load(cluster, work, seconds)
    runs = (alone, spinning, beside)
    return {"p99_alone_us": alone["p99_us"], "p99_spinning_us": spinning["p99_us"], "p99_us": beside["p99_us"],
            "p99_ratio": beside["p99_us"] / max(1, alone["p99_us"]),
            "p99_ratio_spinning": beside["p99_us"] / max(1, spinning["p99_us"]), "lists": lists.count, "ops": beside["ops"],
            "errors": sum(run["errors"] for run in runs),
            "errors_by_kind": {kind: sum(run["errors_by_kind"].get(kind, 0) for run in runs)
                               for kind in set().union(*(run["errors_by_kind"] for run in runs))},
            "unsent": beside["unsent"]}


# ---- snapshots ----

class SnapshotWatch(Meanwhile):
    """When each member's snapshot folder changes: [(first change, last change)] of every snapshot that is cut."""

    PAUSE_SECONDS = 0.005
    TOGETHER_SECONDS = 0.5

    def __init__(self, cluster):
        super().__init__(self.look, self.PAUSE_SECONDS)
        self.folders = [cluster.snapshot_folder(i) for i in range(len(cluster.urls))]
        self.changes, self.seen = [], [self.content(folder) for folder in self.folders]

    @staticmethod
    def content(folder):
        found = []
        for path, _, names in os.walk(folder):
            for name in names:
                if name != "db":  # etcd's database, which is no snapshot
                    try:
                        found.append((name, os.stat(os.path.join(path, name)).st_size))
                    except FileNotFoundError:
                        continue
        return sorted(found)

    def look(self):
        now = [self.content(folder) for folder in self.folders]
        if now != self.seen:
            self.changes.append(time.time())
        self.seen = now

    def windows(self):
        found = []
        for moment in self.changes:
            if found and moment - found[-1][1] < self.TOGETHER_SECONDS:
                found[-1][1] = moment
            else:
                found.append([moment, moment])
        return found


def split_by(operations, windows, margin=0.05):
    """Latencies of the operations that were under way in one of the windows, and of the others."""
    inside, outside = [], []
    for start, latency, outcome in operations:
        if outcome == "ok":
            end = start + latency / 1e6
            meets = any(start <= last + margin and end >= first - margin for first, last in windows)
            (inside if meets else outside).append(latency)
    return inside, outside


def beside_windows(figures, operations, windows):
    inside, outside = split_by(operations, windows)
    with_it, without = percentile(inside, 0.99), percentile(outside, 0.99)
    ratio = {"p99_ratio": with_it / max(1, without)} if inside and outside else {}
    return ratio | {"p99_us": with_it, "p99_without_us": without, "operations_within": len(inside), "snapshots": len(windows),
                    "max_us": max(inside, default=0),
                    "said": ["lasted " + ", ".join(f"{(last - first) * 1000:.0f}" for first, last in windows) + " ms"] if windows else [],
                    "ops": figures["ops"], "errors": figures["errors"], "errors_by_kind": figures["errors_by_kind"]}


def snapshot_cut(cluster, keys, seconds):
    """p99 of puts of 4 KiB, 2,000 a second, while any member cuts a snapshot, and at all other times."""
    fill(cluster, keys, 256)
    cluster.settled()
    cluster.quiet()
    with SnapshotWatch(cluster) as watch:
        figures, operations = Background(cluster, [*STEADY_LOAD, "--value-bytes", "4096", "--keys", "5000"], seconds).ended()
    return beside_windows(figures, operations, watch.windows())


def snapshot_sent(cluster, keys, seconds, value_bytes=256):
    """p99 of puts while a member that lacks all data is given it, and at all other times."""
    victim = next(i for i in range(3) if i != cluster.leader())
    cluster.kill(victim)
    fill(cluster, keys, value_bytes)
    cluster.quiet()
    running = Background(cluster, [*STEADY_LOAD, "--keys", "5000"], seconds)
    time.sleep(seconds / 3)
    first = time.time()
    cluster.restart(victim)
    cluster.seconds_until_served(victim, keys - 1)

    def close_behind():
        found = cluster.statuses()
        return len(found) == 3 and found[victim]["header"]["revision"] > max(
            status["header"]["revision"] for status in found.values()) - 1000
    try:
        wait_until(close_behind, "the member has caught up", 120, 0.05)
        last = time.time()
    finally:
        figures, operations = running.ended()
    return beside_windows(figures, operations, [[first, last]]) | {"caught_up_s": last - first}


# ---- size ----

def cost_by_keys(cluster, steps, seconds):
    """CPU of a put among ever more keys, on one member."""
    found = {"ops": 0, "errors": 0, "keys": [], "cpu_us": []}
    for keys in steps:
        fill(cluster, keys, 256)
        cluster.compact()
        cluster.quiet()
        run = load(cluster, ["put", "--keys", str(keys), "--connections", "10", "--streams", "100"], seconds)
        found["keys"].append(keys)
        found["cpu_us"].append(run["cpu_us_per_op"])
        found["ops"] += run["ops"]
        found["errors"] += run["errors"]
    found["cpu_ratio"] = found["cpu_us"][-1] / max(1e-9, found["cpu_us"][0])
    found["rss_mb"] = max(resident_mb(pid) for pid in cluster.pids)
    found["said"] = [f"{keys:,} keys: {cpu:.1f} us" for keys, cpu in zip(found["keys"], found["cpu_us"])]
    return found


# ---- etcd's own check ----

def check_perf(cluster, size):
    """etcdctl's own verdict over a minute of load; it prints whether it passed, and what it saw."""
    out, err, status = cluster.etcdctl("check", "perf", f"--load={size}", seconds=180)
    lines = [line for line in (out + err).replace("\r", "\n").splitlines() if line.startswith(("PASS", "FAIL"))]
    return {"passed": status == 0 and not any(line.startswith("FAIL") for line in lines), "said": lines, "ops": 1, "errors": 0}

"""The two sides of the comparison behind one face: members that are started, watched, killed and started again."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test" / "e2e"))
os.environ.setdefault("CAIRN_BIN", str(ROOT / "build/release/cairn"))

import grpc_wire  # noqa: E402
from cluster import Cluster, program, wait_until  # noqa: E402
from etcd import Etcd  # noqa: E402

__all__ = ["SIDES", "Clusters", "program", "resident_mb", "wait_until"]
SIDES = ("cairn", "etcd")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    """User and kernel time so far of those of these processes that live."""
    total = 0
    for pid in pids:
        try:
            said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        # The name in parentheses may hold anything; the fields after it are plain numbers.
        fields = said.rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def resident_mb(pid):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def serves(url, key):
    """Whether the member has this key right now, asked by a serializable read."""
    request = grpc_wire.message(grpc_wire.field(1, key) + b"\x38\x01")
    try:
        frames, _ = grpc_wire.call(url, b"/etcdserverpb.KV/Range", request, seconds=1.0)
    except OSError:
        return False
    return any(kind == grpc_wire.DATA and stream == 1 and key in payload for kind, _, stream, payload in frames)


# Ten million keys are past the default quota of both, 2 GiB.
QUOTA_BYTES = 8 << 30


class Running:
    """One cluster of either side. Members are numbers; `urls`, `processes` and `pids` have one of each."""

    def __init__(self, inner):
        self.inner = inner
        self.entered = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.inner)
            wait_until(lambda: self.leader() is not None, "there is a leader", 30)
            self.entered = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self.entered.__exit__(*error)

    def endpoints(self):
        """Of the members that run: neither side's client is to wait for one that is known to be down."""
        return ",".join(url for url, process in zip(self.urls, self.processes) if process.poll() is None)

    @property
    def pids(self):
        return [process.pid for process in self.processes]

    def etcdctl(self, *arguments, seconds=120):
        done = subprocess.run(["etcdctl", "--endpoints", self.endpoints(), *arguments], text=True, capture_output=True,
                              timeout=seconds, check=False, env=os.environ | {"ETCDCTL_API": "3"})
        return done.stdout, done.stderr, done.returncode

    def statuses(self):
        """What each member that answers says of itself, by its number."""
        said = json.loads(self.etcdctl("endpoint", "status", "-w", "json", "--command-timeout", "2s")[0] or "[]")
        urls = self.urls
        return {urls.index(each["Endpoint"]): each["Status"] for each in said or [] if each["Endpoint"] in urls}

    def leader(self):
        """The member that all who answer name, or None."""
        found = self.statuses()
        named = {status.get("leader", 0) for status in found.values()}
        if len(named) != 1:
            return None
        leader = named.pop()
        return next((i for i, status in found.items() if status["header"]["member_id"] == leader), None)

    def revision(self):
        return max((status["header"]["revision"] for status in self.statuses().values()), default=0)

    def settled(self):
        """Waits until all members have applied the same."""
        def equal():
            found = [status["header"]["revision"] for status in self.statuses().values()]
            return len(found) == len(self.urls) and len(set(found)) == 1
        wait_until(equal, "all members are at the same revision", 120, 0.1)

    def compact(self):
        """So that no measurement pays for the history that the one before has left."""
        self.settled()
        self.etcdctl("compact", "--physical", str(self.revision()))

    def quiet(self):
        """Waits until no snapshot, compaction or collection of garbage is left over from before."""
        def idle():
            before = self.cpu_seconds()
            time.sleep(0.5)
            return self.cpu_seconds() - before < 0.1
        wait_until(idle, "the members have nothing left to do", 120)

    def seconds_until_served(self, i, number):
        """Until it answers a serializable read of that key of `cairn bench`, which another member has."""
        start, key = time.monotonic(), b"bench/%012d" % number
        wait_until(lambda: serves(self.urls[i], key), f"member {i + 1} serves a read", 120, 0.005)
        return time.monotonic() - start

    def cpu_seconds(self):
        return cpu_seconds(self.pids)


class RunningCairn(Running):
    def __init__(self, size, snapshot_log_bytes=None):
        flags = {} if snapshot_log_bytes is None else {"snapshot_log_bytes": str(snapshot_log_bytes)}
        super().__init__(Cluster(size, quota_backend_bytes=str(QUOTA_BYTES), **flags))

    @property
    def urls(self):
        return [member.client_url for member in self.inner.members]

    @property
    def processes(self):
        return [member.process for member in self.inner.members]

    def snapshot_folder(self, i):
        return Path(self.inner.members[i].data_dir) / "snap"

    def kill(self, i):
        self.inner.members[i].kill()

    def restart(self, i):
        self.inner.members[i].start()


class RunningEtcd(Running):
    def __init__(self, size, program="etcd", snapshot_count=None):
        flags = ["--quota-backend-bytes", str(QUOTA_BYTES)]
        flags += [] if snapshot_count is None else ["--snapshot-count", str(snapshot_count)]
        super().__init__(Etcd(size, program, flags))

    @property
    def urls(self):
        return self.inner.clients

    @property
    def processes(self):
        return self.inner.processes

    def snapshot_folder(self, i):
        return Path(self.inner.folder) / self.inner.names[i] / "member" / "snap"

    def kill(self, i):
        self.inner.kill(i)

    def restart(self, i):
        self.inner.restart(i)


class Clusters:
    """Starts what the rows need. A shared cluster lives until another one is asked for under the same side."""

    def __init__(self, etcd_program="etcd"):
        self.etcd_program = etcd_program
        self.kept = {}  # side -> (name, cluster, what stops it)

    def fresh(self, side, size=3, snapshot_log_bytes=None, snapshot_count=None):
        if side == "cairn":
            return RunningCairn(size, snapshot_log_bytes)
        return RunningEtcd(size, self.etcd_program, snapshot_count)

    def shared(self, side, name, prepare):
        """The cluster of that name, made and prepared when it is not there yet."""
        if side in self.kept and self.kept[side][0] == name:
            return self.kept[side][1]
        self.drop(side)
        running = contextlib.ExitStack()
        cluster = running.enter_context(self.fresh(side))
        self.kept[side] = (name, cluster, running)
        prepare(cluster)
        return cluster

    def drop(self, side):
        if side in self.kept:
            self.kept.pop(side)[2].close()

    def close(self):
        for side in SIDES:
            self.drop(side)

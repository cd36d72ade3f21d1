"""`cairn bench`, the one client of both sides: run, timed, and laid beside the CPU that the members have spent."""

import csv
import json
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from clusters import program


class LoadFailed(Exception):
    """The client could not measure; what it said is the text."""


def command(endpoints, work, seconds=None, record=None):
    line = [program(), "bench", *work, "--endpoints", endpoints, "--json", "--no-progress"]
    line += ["--seconds", str(seconds)] if seconds else []
    return line + (["--record", record] if record else [])


def load(cluster, work, seconds=None):
    """One run: the client's figures, the members' CPU per operation, and how much they used at once."""
    before, start = cluster.cpu_seconds(), time.monotonic()
    done = subprocess.run(command(cluster.endpoints(), work, seconds), capture_output=True, text=True, check=False,
                          timeout=(seconds or 0) * 5 + 900)
    if done.returncode != 0:
        raise LoadFailed(f"cairn bench {' '.join(work)}: status {done.returncode}: {done.stderr.strip()} {done.stdout.strip()}")
    spent, elapsed = cluster.cpu_seconds() - before, time.monotonic() - start
    figures = json.loads(done.stdout)
    figures["cpu_us_per_op"] = spent * 1e6 / max(1, figures["ops"])
    figures["cores_used"] = spent / elapsed
    return figures


def fill(cluster, keys, value_bytes):
    return load(cluster, ["fill", "--keys", str(keys), "--value-bytes", str(value_bytes), "--connections", "6"])


class Background:
    """A load that goes on while something happens to the cluster; ended() gives its figures and every operation."""

    def __init__(self, cluster, work, seconds):
        self.folder = tempfile.TemporaryDirectory(prefix="cairn-bench-")
        self.record = Path(self.folder.name) / "operations.csv"
        self.process = subprocess.Popen(command(cluster.endpoints(), work, seconds, str(self.record)), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ended(self):
        out, err = self.process.communicate()
        try:
            if self.process.returncode != 0:
                raise LoadFailed(f"cairn bench: status {self.process.returncode}: {err.strip()} {out.strip()}")
            with open(self.record, encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file))[1:]
        finally:
            self.folder.cleanup()
        return json.loads(out), [(int(start) / 1e6, int(latency), outcome) for start, latency, outcome in rows]


class Standing:
    """Watches or leases that stand while something else is measured; ended() gives what came of them."""

    def __init__(self, cluster, work, seconds):
        self.process = subprocess.Popen(command(cluster.endpoints(), work, seconds), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said = self.process.stderr.readline()  # once they stand
        if not re.fullmatch(r"\d+ (watches stand|leases are granted)\n", said):
            raise LoadFailed(f"cairn bench {' '.join(work)}: {said.strip()} {self.process.communicate()[1].strip()}")

    def ended(self):
        out, err = self.process.communicate()
        if self.process.returncode != 0:
            raise LoadFailed(f"cairn bench: status {self.process.returncode}: {err.strip()} {out.strip()}")
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def percentile(values, share):
    """The smallest value that this share of all does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))] if ordered else 0


def middle(runs):
    """Of several runs of the same work: the median of each number, the sum of the errors, all details."""
    if len(runs) == 1:
        return runs[0]
    merged = dict(runs[0])
    for name, value in runs[0].items():
        values = [run[name] for run in runs if name in run]
        if name in ("errors", "ops", "unsent", "failed", "kills"):
            merged[name] = sum(values)
        elif isinstance(value, bool) or not isinstance(value, (int, float, dict, list)):
            continue
        elif isinstance(value, dict):
            merged[name] = {key: sum(each.get(key, 0) for each in values) for key in set().union(*values)}
        elif isinstance(value, list):
            merged[name] = [item for each in values for item in each]
        else:
            merged[name] = statistics.median(values)
    return merged

"""Every row of the comparison: what is done, what is looked at, and what we are after."""

import math
from dataclasses import dataclass, field
from typing import Callable, Optional

import events
import standing
from load import fill, load
from machine import available_gb


@dataclass(frozen=True)
class Settings:
    rounds: int = 2
    seconds: float = 5
    kills: int = 20
    kill_seconds: float = 4    # of load around each kill
    keys: int = 100_000        # that loads choose among, and that lists list
    million: int = 1_000_000   # keys of the rows about memory and restart
    steps: tuple = (100_000, 1_000_000, 10_000_000)
    quick: bool = False


@dataclass(frozen=True)
class Figure:
    """One number of a row; `factor` and `limit` are goals: so many times better than etcd, or not beyond this."""

    name: str
    label: str
    more: bool = False           # more of it is better
    factor: Optional[float] = None
    limit: Optional[float] = None
    scale: float = 1             # what is printed is the figure times this
    digits: int = 0

    def shown(self, figures):
        value = figures.get(self.name)
        return "-" if value is None else f"{value * self.scale:,.{self.digits}f}"

    def goal(self):
        if self.factor is not None:
            return f">= {self.factor:g}x better"
        return "" if self.limit is None else f"{'>=' if self.more else '<='} {self.limit * self.scale:g}"

    def ratio(self, ours, theirs):
        """How many times better ours is, or None when there is nothing to compare."""
        ours, theirs = (side.get(self.name) if side else None for side in (ours, theirs))
        if not ours or not theirs:
            return None
        return ours / theirs if self.more else theirs / ours

    def reached(self, ours, theirs):
        if self.factor is not None:
            ratio = self.ratio(ours, theirs)
            return None if ratio is None else ratio >= self.factor
        if self.limit is None or ours.get(self.name) is None:
            return None
        return ours[self.name] >= self.limit if self.more else ours[self.name] <= self.limit


@dataclass(frozen=True)
class Row:
    name: str
    group: str
    title: str
    figures: tuple
    measure: Callable            # (settings, clusters, side) -> figures
    rounds_max: int = 1000
    sides: tuple = ("cairn", "etcd")
    slow: bool = False           # too long for --quick unless named
    missing: Callable = field(default=lambda settings: None)  # why it cannot be run here


def throughput(factor=None, cpu_limit=None):
    return (Figure("ops_per_second", "ops/s", more=True, factor=factor),
            Figure("cpu_us_per_op", "CPU us/op, all members", digits=1, limit=cpu_limit),
            Figure("p50_us", "p50 ms", scale=1e-3, digits=2), Figure("p99_us", "p99 ms", scale=1e-3, digits=2),
            Figure("errors", "errors"))


def latency(name="mean_us", factor=None):
    label = {"mean_us": "mean ms", "p99_us": "p99 ms"}[name]
    return (Figure(name, label, factor=factor, scale=1e-3, digits=3), Figure("p50_us", "p50 ms", scale=1e-3, digits=3),
            *(() if name == "p99_us" else (Figure("p99_us", "p99 ms", scale=1e-3, digits=3),)),
            Figure("cpu_us_per_op", "CPU us/op, all members", digits=1), Figure("errors", "errors"))


def streams(connections, each):
    return ["--connections", str(connections), "--streams", str(each)]


def load_row(name, group, title, work, figures, cluster="plain", share=1, value_bytes=256):
    """A row that is one run of `cairn bench` on a cluster that already has this share of the keys."""
    def measure(settings, clusters, side):
        keys = int(settings.keys * share)
        running = clusters.shared(side, cluster, lambda made: fill(made, keys, value_bytes))
        running.compact()
        return load(running, [*work, "--keys", str(keys), "--value-bytes", str(value_bytes)], settings.seconds)
    return Row(name, group, title, figures, measure)


def closed_loops():
    def put(name, title, sizes, figures):
        return load_row(name, "put", title, ["put", *sizes], figures)

    def get(name, title, sizes, figures, *more):
        return load_row(name, "get", title, ["get", *more, *sizes], figures)
    return [
        put("put-1x1", "put, 1 connection x 1", streams(1, 1), latency(factor=2)),
        put("put-10x10", "put, 10 x 10", streams(10, 10), throughput()),
        put("put-100x1", "put, 100 x 1", streams(100, 1), throughput(5)),
        put("put-10x100", "put, 10 x 100", streams(10, 100), throughput(10, 15)),
        get("get-1x1", "linearizable get, 1 x 1", streams(1, 1), latency(factor=2)),
        get("get-10x10", "linearizable get, 10 x 10", streams(10, 10), throughput()),
        get("get-10x100", "linearizable get, 10 x 100", streams(10, 100), throughput(8, 5)),
        get("local-get-1x1", "serializable get, 1 x 1", streams(1, 1), latency(), "--serializable"),
        get("local-get-10x10", "serializable get, 10 x 10", streams(10, 10), throughput(), "--serializable"),
        get("local-get-10x100", "serializable get, 10 x 100", streams(10, 100), throughput(6), "--serializable"),
        load_row("range-100", "range", "range of 100 keys, 10 x 10", ["range", *streams(10, 10)], throughput()),
        load_row("txn", "mixed", "compare and put, 10 x 100", ["txn", *streams(10, 100)], throughput()),
        load_row("mixed-90", "mixed", "90 % gets, 10 % puts, 10 x 100", ["mixed", "--reads", "90", *streams(10, 100)], throughput()),
        load_row("mixed-50", "mixed", "50 % gets, 50 % puts, 10 x 100", ["mixed", *streams(10, 100)], throughput()),
        load_row("open-3k", "open", "put, open loop, 3,000 a second", ["put", "--rate", "3000", *streams(20, 50)],
                 (*latency("p99_us", 10), Figure("max_us", "max ms", scale=1e-3, digits=1), Figure("unsent", "never sent"))),
    ]


def own_data():
    """Rows that would leave the cluster of the others without some of its keys, or with larger ones."""
    return [
        load_row("delete", "mixed", "deletes, each key put again, 10 x 10", ["delete", *streams(10, 10)], throughput(), "deletes"),
        load_row("put-4k", "put", "put of 4 KiB, 10 x 10", ["put", *streams(10, 10)], throughput(), "values", 0.1, 4096),
    ]


# ---- rows that do more to a cluster than load it ----

def filled(clusters, side, keys):
    return clusters.shared(side, f"filled-{keys}", lambda made: fill(made, keys, 256))


def on_fresh(work, size=3, **limits):
    def measure(settings, clusters, side):
        clusters.drop(side)
        with clusters.fresh(side, size, **limits) as running:
            return work(settings, running)
    return measure


def list_rows():
    everything = ["range", "--range-keys", str(10 ** 9), *streams(1, 1)]  # cut to what there is

    def writers(settings, clusters, side):
        running = clusters.shared(side, "plain", lambda made: fill(made, settings.keys, 256))
        running.compact()
        return events.writers_beside_lists(running, settings.keys, settings.seconds)
    return [
        load_row("list-100k", "range", "list of {keys:,} keys, 1 x 1", everything,
                 (*latency(factor=5), Figure("client_cpu_us_per_op", "CPU ms of the client", scale=1e-3, digits=1))),
        Row("list-writers", "range", "2,000 puts a second while all {keys:,} keys are listed again and again",
            (Figure("p99_ratio", "put p99: with lists / without", limit=2, digits=2),
             Figure("p99_ratio_spinning", "put p99: lists / a spinning process", digits=2),
             Figure("p99_alone_us", "p99 ms without", scale=1e-3, digits=2),
             Figure("p99_spinning_us", "p99 ms beside a spinning process", scale=1e-3, digits=2),
             Figure("p99_us", "p99 ms with", scale=1e-3, digits=2), Figure("errors", "errors")), writers),
    ]


def size_rows():
    return [
        Row("memory", "size", "memory with {million:,} keys x 256 B", (Figure("rss_mb", "RSS MB, largest member", limit=400),),
            lambda settings, clusters, side: events.memory(filled(clusters, side, settings.million)), rounds_max=1),
        Row("restart", "size", "restart of a member with {million:,} keys x 256 B",
            (Figure("restart_s", "seconds until a read is served", limit=1, digits=2),),
            lambda settings, clusters, side: events.restart(filled(clusters, side, settings.million), settings.million)),
        Row("cost", "size", "a put among 10^5, 10^6, 10^7 keys of 256 B, one member, 10 x 100",
            (Figure("cpu_ratio", "CPU/op: most keys / fewest", limit=1.3, digits=2),
             Figure("rss_mb", "RSS MB in the end"), Figure("errors", "errors")),
            on_fresh(lambda settings, running: events.cost_by_keys(running, settings.steps, settings.seconds), size=1),
            rounds_max=1, sides=("cairn",), slow=True,
            missing=lambda settings: not_enough_memory(max(settings.steps) * 900 / 1e9)),
    ]


def not_enough_memory(needed_gb):
    found = available_gb()
    return f"needs {needed_gb:.0f} GB of memory, {found:.0f} GB are free" if found < needed_gb else None


def event_rows():
    ratio = (Figure("p99_ratio", "put p99: during / otherwise", limit=2, digits=2),
             Figure("p99_us", "p99 ms during", scale=1e-3, digits=2), Figure("p99_without_us", "p99 ms otherwise", scale=1e-3, digits=2),
             Figure("operations_within", "puts that met one"), Figure("snapshots", "snapshots"), Figure("errors", "errors"))
    return [
        Row("failover", "failover", "the leader is killed (SIGKILL) under 500 puts a second",
            (Figure("silence_p99_ms", "silence ms, p99", limit=100), Figure("silence_p50_ms", "silence ms, p50"),
             Figure("p99_us", "put p99 ms", scale=1e-3, digits=1),
             Figure("refused_per_kill", "refused by the living, a kill", limit=0, digits=1),
             Figure("failed_per_kill", "failed in all, a kill", digits=1)),
            on_fresh(lambda settings, running: events.failover(running, settings.kills, settings.kill_seconds)), rounds_max=1),
        Row("overload", "overload", "puts of 1 MiB, 3 times as many as can be done",
            (Figure("goodput_ratio", "done / done at most", more=True, limit=0.8, digits=2),
             Figure("p99_us", "p99 ms of the done", limit=1e6, scale=1e-3), Figure("p50_us", "p50 ms", scale=1e-3),
             Figure("refused", "refused as too many"), Figure("errors", "other errors"),
             Figure("terms", "terms begun", limit=0)),
            on_fresh(lambda settings, running: events.overload(running, 3, settings.seconds))),
        Row("snapshot-cut", "snapshot", "2,000 puts of 4 KiB a second while snapshots are cut", ratio,
            on_fresh(lambda settings, running: events.snapshot_cut(running, settings.keys, settings.seconds * 4), snapshot_count=10_000),
            slow=True),
        Row("snapshot-sent", "snapshot", "2,000 puts a second while a member is sent all data",
            (Figure("caught_up_s", "seconds to catch up", digits=1), *ratio),
            on_fresh(lambda settings, running: events.snapshot_sent(running, settings.million // 2, math.ceil(settings.seconds * 2)),
                     snapshot_log_bytes=1 << 20, snapshot_count=1000), slow=True),
        # Ours only: two gigabytes are more than etcd's quota.
        Row("snapshot-sent-2g", "snapshot", "2,000 puts a second while a member is sent 500,000 keys of 4 KiB",
            (Figure("caught_up_s", "seconds to catch up", digits=1), *ratio),
            on_fresh(lambda settings, running: events.snapshot_sent(running, settings.million // 2, math.ceil(settings.seconds * 12),
                                                                    value_bytes=4096)),
            rounds_max=1, sides=("cairn",), slow=True),
        load_row("connections-10k", "connections", "put, 10,000 connections x 1", ["put", *streams(10_000, 1)], throughput()),
    ]


def watch_rows():
    def seen(watches, rate, limits):
        per = f"{watches:,} watches on all keys under {rate:,} puts a second"
        return Row(f"watch-{watches}x{rate}", "watch", per,
                   (Figure("event_p99_us", "event p99 ms", factor=limits["event"], scale=1e-3, digits=1),
                    Figure("cpu_us_per_event", "CPU us/event, all members", factor=5, digits=2),
                    Figure("put_p99_us", "put p99 ms", factor=limits.get("put"), scale=1e-3, digits=1),
                    Figure("events_per_second", "events/s", more=True),
                    Figure("missed", "events that did not come", limit=0), Figure("unsent", "puts never sent"), Figure("errors", "errors")),
                   on_fresh(lambda settings, running: standing.seen(running, watches, rate, settings.seconds)))

    def idle(watches):
        return Row(f"watch-idle-{watches}", "watch", f"1,000 puts a second beside {watches:,} watches of other keys",
                   (Figure("p99_ratio", "put p99: with / without", limit=1.1, digits=2),
                    Figure("bytes_per_watch", "bytes a watch", limit=500), Figure("p99_us", "put p99 ms", scale=1e-3, digits=2),
                    Figure("errors", "errors")),
                   on_fresh(lambda settings, running: standing.idle(running, watches, 1000, settings.seconds)))
    return [
        seen(1000, 500, {"event": 10}), seen(100, 5000, {"event": 10}),
        seen(1000, 2000, {"event": 5, "put": 5}), seen(100, 10_000, {"event": 5, "put": 5}),
        idle(10_000), idle(100_000),
        Row("watch-stalled", "watch", "10 of 1,000 watches read nothing, under 500 puts a second",
            (Figure("event_p99_ratio", "event p99: with / without them", limit=1.2, digits=2),
             Figure("put_p99_ratio", "put p99: with / without them", limit=1.2, digits=2),
             Figure("grown_mb", "MB that the members grew by"), Figure("missed", "events that did not come", limit=0),
             Figure("errors", "errors")),
            on_fresh(lambda settings, running: standing.stalled(running, 990, 10, 500, settings.seconds))),
    ]


def lease_rows():
    return [
        load_row("keep-alive", "lease", "keep-alives of 1,000 leases, 10 x 100", ["keep-alive", *streams(10, 100)], throughput(5)),
        Row("leases", "lease", "{million:,} leases are granted, stand and expire beside 1,000 puts a second",
            (Figure("expiring_ratio", "put p99: while they expire / without", limit=2, digits=2),
             Figure("held_ratio", "put p99: while they stand / without", limit=2, digits=2),
             Figure("bytes_per_lease", "bytes a lease, a member", limit=200), Figure("ops_per_second", "grants/s", more=True),
             Figure("cpu_us_per_op", "CPU us/grant, all members", digits=1), Figure("errors", "errors")),
            on_fresh(lambda settings, running: standing.leases(running, settings.million, 1000, settings.seconds)), rounds_max=1, slow=True),
    ]


def check_rows():
    def check(size):
        return Row(f"check-perf-{size}", "check-perf", f"etcdctl check perf --load={size} (a minute)",
                   (Figure("passed", "passed", more=True, limit=1),),
                   on_fresh(lambda settings, running: events.check_perf(running, size)), rounds_max=1, slow=True)
    return [check("m"), check("l")]


def all_rows():
    return [*closed_loops(), *list_rows(), *own_data(), *size_rows(), *event_rows(), *watch_rows(), *lease_rows(), *check_rows()]


def chosen(words, quick):
    """The rows that are named, or whose group is; all without words. ValueError names an unknown word."""
    rows = all_rows()
    known = {row.name for row in rows} | {row.group for row in rows}
    for word in words:
        if word not in known:
            raise ValueError(f"no row or group is called '{word}'; --list shows them")
    if not words:
        return [row for row in rows if not (quick and row.slow)]
    return [row for row in rows if row.name in words or row.group in words]

"""What stands beside the puts: watches that see them, watches that nobody writes to or reads, leases."""

import math
import time

from clusters import resident_mb
from load import Standing, load

AFTERWARDS_SECONDS = 3  # for the last events


def put(rate):
    return ["put", "--rate", str(rate), "--connections", "10", "--streams", "50", "--value-bytes", "256"]


def watch(count, *more):
    return ["watch", "--watches", str(count), "--connections", "10", *more]


def memory_mb(cluster):
    return sum(resident_mb(pid) for pid in cluster.pids)


def seen(cluster, watches, rate, seconds):
    """Every watch sees every put: how late, and at what cost."""
    with Standing(cluster, watch(watches), seconds + AFTERWARDS_SECONDS) as standing:
        before = cluster.cpu_seconds()
        puts = load(cluster, put(rate), seconds)
        events = standing.ended()
        spent = cluster.cpu_seconds() - before
    return {"ops": events["ops"], "events_per_second": events["ops"] / seconds, "event_p99_us": events["p99_us"],
            "event_p50_us": events["p50_us"], "put_p99_us": puts["p99_us"], "puts": puts["ops"], "unsent": puts["unsent"],
            "cpu_us_per_event": spent * 1e6 / max(1, events["ops"]),
            "missed": max(0, puts["ops"] * watches - events["ops"]),
            "errors": puts["errors"] + events["errors"],
            "errors_by_kind": {**puts["errors_by_kind"], **events["errors_by_kind"]}}


def idle(cluster, watches, rate, seconds):
    """Watches on keys that nobody writes: what each takes, and whether puts notice them."""
    without = load(cluster, put(rate), seconds)
    before_mb = memory_mb(cluster)
    streams = ["--watch-streams", "1000", "--idle"]
    with Standing(cluster, watch(watches, *streams), seconds + AFTERWARDS_SECONDS) as standing:
        taken_mb = memory_mb(cluster) - before_mb
        puts = load(cluster, put(rate), seconds)
        errors = standing.ended()["errors"]
    return {**puts, "p99_without_us": without["p99_us"], "p99_ratio": puts["p99_us"] / max(1, without["p99_us"]),
            "bytes_per_watch": taken_mb * 1e6 / watches,
            "errors": puts["errors"] + without["errors"] + errors}


def stalled(cluster, watches, stalled_watches, rate, seconds):
    """A few watchers read nothing: neither the others nor the puts may notice, and memory has to stay flat."""
    without = seen(cluster, watches, rate, seconds)
    before_mb = memory_mb(cluster)
    with Standing(cluster, watch(stalled_watches, "--stalled"), seconds + 2 * AFTERWARDS_SECONDS) as standing:
        figures = seen(cluster, watches, rate, seconds)
        grown_mb = memory_mb(cluster) - before_mb
        errors = standing.ended()["errors"]  # who reads nothing is not cut off, either
    return {**figures, "event_p99_ratio": figures["event_p99_us"] / max(1, without["event_p99_us"]),
            "put_p99_ratio": figures["put_p99_us"] / max(1, without["put_p99_us"]), "grown_mb": grown_mb,
            "errors": figures["errors"] + without["errors"] + errors}


def grants(cluster, ttl_seconds, seconds):
    return load(cluster, ["grant", "--ttl", str(ttl_seconds), "--connections", "10", "--streams", "100"], seconds)


def leases(cluster, count, rate, seconds):
    """About so many leases are granted, stand, and expire as fast as they came, beside puts."""
    without = load(cluster, put(rate), seconds)
    pace = grants(cluster, 1, 1)["ops_per_second"]
    granting_seconds = count / pace
    ttl_seconds = math.ceil(granting_seconds + seconds) + 10
    before_mb, begin = memory_mb(cluster), time.monotonic()
    granted = grants(cluster, ttl_seconds, granting_seconds)
    taken_mb = memory_mb(cluster) - before_mb
    held = load(cluster, put(rate), seconds)
    time.sleep(max(0, begin + ttl_seconds - time.monotonic()))
    expiring = load(cluster, put(rate), granting_seconds + AFTERWARDS_SECONDS)
    return {"ops": granted["ops"], "ops_per_second": granted["ops_per_second"], "cpu_us_per_op": granted["cpu_us_per_op"],
            "bytes_per_lease": taken_mb * 1e6 / max(1, granted["ops"]) / len(cluster.pids),
            "held_ratio": held["p99_us"] / max(1, without["p99_us"]),
            "expiring_ratio": expiring["p99_us"] / max(1, without["p99_us"]), "p99_us": expiring["p99_us"],
            "errors": sum(each["errors"] for each in (without, granted, held, expiring))}

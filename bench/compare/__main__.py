"""Us and etcd side by side: three members each on this machine, the same client, the same work.

Both clusters are loaded in turn (ours, etcd's, ours, etcd's), so that neither gets the better minute. CPU per operation
counts all members, user and kernel, and not the client. The ratios are what counts: they hold on other machines; the
absolute figures do not.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import machine
import report as text
from clusters import SIDES, Clusters
from load import LoadFailed, middle
from page import page
from rows import Settings, all_rows, chosen


def measure_row(row, settings, clusters, sides, progress):
    """A B A B, then the medians."""
    runs = {side: [] for side in sides if side in row.sides}
    for _ in range(min(settings.rounds, row.rounds_max)):
        for side, found in runs.items():
            progress(f"{row.name}: {side}")
            found.append(row.measure(settings, clusters, side))
    return {side: middle(found) for side, found in runs.items()}


def result_of(row, settings, clusters, sides, progress):
    result = {"name": row.name, "group": row.group, "title": row.title.format(keys=settings.keys, million=settings.million)}
    if why := row.missing(settings):
        return result | {"state": "skipped", "why": why}
    try:
        measured = measure_row(row, settings, clusters, sides, progress)
    except (LoadFailed, AssertionError, OSError, subprocess.TimeoutExpired) as error:
        for side in SIDES:  # whatever state they are in, the next row starts anew
            clusters.drop(side)
        return result | {"state": "failed", "why": str(error)}
    return result | measured | {"verdicts": text.verdicts(row, measured.get("cairn"), measured.get("etcd"))}


def run(rows, settings, etcd_program, show):
    version = machine.etcd_version(etcd_program)
    sides = SIDES if version else SIDES[:1]
    report = {"commit": machine.commit(), "etcd_version": version, "cores": os.cpu_count(), "rounds": settings.rounds,
              "seconds": settings.seconds, "quick": settings.quick, "rows": []}
    for line in text.head_lines(report):
        show(line)
    progress = text.Progress(sum(len(sides) * min(settings.rounds, row.rounds_max) for row in rows))
    clusters, floor = Clusters(etcd_program), machine.Floor()
    try:
        for row in rows:
            floor.sample()
            result = result_of(row, settings, clusters, sides, progress)
            report["rows"].append(result)
            progress.clear()
            for line in text.row_lines(result):
                show(line)
    finally:
        clusters.close()
    report["floor"] = floor.figures()
    for line in text.foot_lines(report):
        show(line)
    return report


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names of rows or groups (all)")
    parser.add_argument("--list", action="store_true", help="the rows, and nothing else")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each work on each side (default 2)")
    parser.add_argument("--seconds", type=float, default=5, help="of one run (default 5)")
    parser.add_argument("--kills", type=int, default=20, help="of the leader, in the row failover (default 20)")
    parser.add_argument("--quick", action="store_true", help="one short round, fewer keys, no long rows: to try it, not to measure")
    parser.add_argument("--etcd", default="etcd", metavar="PATH", help="another etcd (default: Debian's, from the PATH)")
    parser.add_argument("--json", metavar="FILE", help="write the whole report there; - is standard output, without the table")
    parser.add_argument("--html", metavar="FILE", help="write it as one page with plots")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    if options.list:
        for row in all_rows():
            print(f"{row.group:<12} {row.name:<18} {row.title.format(keys=Settings.keys, million=Settings.million)}")
        return 0
    settings = Settings(rounds=options.rounds, seconds=options.seconds, kills=options.kills)
    if options.quick:
        settings = dataclasses.replace(settings, rounds=1, seconds=min(options.seconds, 1.0), kills=min(options.kills, 3),
                                       kill_seconds=2.5, keys=10_000, million=20_000, steps=(10_000, 100_000), quick=True)
    try:
        rows = chosen(options.rows, options.quick)
    except ValueError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    quiet = options.json == "-"
    report = run(rows, settings, options.etcd, (lambda line: None) if quiet else (lambda line: print(line, flush=True)))
    if options.json:
        whole = json.dumps(report, indent=2)
        print(whole) if quiet else Path(options.json).write_text(whole + "\n", encoding="utf-8")
    if options.html:
        Path(options.html).write_text(page(report), encoding="utf-8")
    return 1 if any(result.get("state") == "failed" for result in report["rows"]) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

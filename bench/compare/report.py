"""The report as it is printed, one row after the other as they end."""

import sys


def verdicts(row, ours, theirs):
    """Every figure of a row with what it is on both sides, and whether its goal is reached."""
    found = []
    for figure in row.figures:
        ratio, reached = figure.ratio(ours, theirs), figure.reached(ours, theirs) if ours else None
        found.append({"figure": figure.name, "label": figure.label, "cairn": figure.shown(ours or {}),
                      "etcd": figure.shown(theirs or {}), "ratio": ratio, "more_is_better": figure.more,
                      "goal": figure.goal(), "reached": reached})
    return found


WORD = {True: "reached", False: "not yet", None: ""}
HEAD = f"{'':<18} {'':<36} {'cairn':>10} {'etcd':>10} {'better':>8}   goal"


def row_lines(result):
    yield f"{result['name']:<18} {result['title']}"
    if "why" in result:
        yield f"{'':<18} {result['state']}: {result['why']}"
        return
    for each in result["verdicts"]:
        ratio = "" if each["ratio"] is None else f"{each['ratio']:.1f}x"
        yield (f"{'':<18} {each['label']:<36} {each['cairn']:>10} {each['etcd']:>10} {ratio:>8}   "
               f"{each['goal']:<16}{WORD[each['reached']]}").rstrip()
    for side in ("cairn", "etcd"):
        figures = result.get(side) or {}
        for kind, count in sorted(figures.get("errors_by_kind", {}).items(), key=lambda item: -item[1])[:5]:
            yield f"{'':<18} {side}: {count} x {kind}"
        for line in figures.get("said", []):
            yield f"{'':<18} {side}: {line}"


def head_lines(report):
    yield (f"commit {report['commit']}, beside etcd {report['etcd_version'] or '(absent)'}; {report['cores']} cores, three members each, "
           f"up to {report['rounds']} x {report['seconds']:g} s of each work on each side in turn, medians")
    yield ""
    yield HEAD


def foot_lines(report):
    goals = [each for result in report["rows"] for each in result.get("verdicts", []) if each["reached"] is not None]
    yield ""
    floor = report["floor"]
    yield (f"the floor of one put: fdatasync {floor['sync_us']:.0f} us + two loopback round trips of "
           f"{floor['round_trip_us']:.0f} us = {floor['put_us']:.0f} us")
    yield f"{sum(each['reached'] for each in goals)} of {len(goals)} goals reached"


class Progress:
    """One line that rewrites itself on a terminal, and nothing anywhere else."""

    def __init__(self, steps):
        self.steps, self.done = max(1, steps), 0

    def __call__(self, text):
        if sys.stderr.isatty():
            bar = "#" * (20 * self.done // self.steps)
            print(f"\r\033[K[{bar:<20}] {self.done}/{self.steps} {text}", end="", file=sys.stderr, flush=True)
        self.done += 1

    def clear(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)

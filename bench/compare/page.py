"""The report as one HTML page that needs nothing else: tables, and a plot for each group of rows."""

from html import escape

from plot import SIDES, bars, dots, lines
from rows import all_rows

PERCENTILES = (("p50", "p50_us"), ("p90", "p90_us"), ("p99", "p99_us"), ("p99.9", "p999_us"), ("max", "max_us"))
GROUPS = {"put": "Puts", "get": "Gets", "range": "Ranges and lists", "mixed": "Transactions, mixes, deletes", "open": "Open loop",
          "size": "Memory, restart, size", "failover": "The leader is killed", "snapshot": "Snapshots",
          "connections": "Many connections", "check-perf": "etcd's own check"}
STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --front: #1c2024; --soft: #60656c; --line: #e2e5e9; --cairn: #2f6fde; --etcd: #d1802b;
  --good: #1a7f4b; --bad: #b3372f; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --front: #e6e8eb; --soft: #9aa1a9; --line: #2c3238; --cairn: #6ea3ff;
  --etcd: #f0a552; --good: #55c58a; --bad: #f07f76; } }
body { background: var(--back); color: var(--front); font: 15px/1.5 system-ui, sans-serif; max-width: 58rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p, .soft { color: var(--soft); } figure { margin: 0 0 1rem; } figcaption { font-weight: 600; margin-bottom: .2rem; }
svg { width: 100%; max-width: 40rem; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--front); } svg text.axis, svg text.value { fill: var(--soft); }
rect.cairn, circle.cairn { fill: var(--cairn); } rect.etcd, circle.etcd { fill: var(--etcd); }
polyline { fill: none; stroke-width: 2; } polyline.cairn { stroke: var(--cairn); } polyline.etcd { stroke: var(--etcd); }
line.grid { stroke: var(--line); } line.goal { stroke: var(--good); stroke-width: 2; stroke-dasharray: 4 3; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { padding: .15rem .6rem .15rem 0; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
td:first-child, th:first-child, td:last-child { text-align: left; } tr.row td { border: 0; padding-top: .7rem; font-weight: 600; }
.reached { color: var(--good); } .not-yet { color: var(--bad); }
.key::before { content: ""; display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .35em 0 1em; background: var(--c); }
"""


def figure(caption, drawing):
    return f"<figure><figcaption>{escape(caption)}</figcaption>{drawing}</figure>"


def main_bars(group, results):
    """The first figure of each row, with its goal as a line."""
    rows, items = {row.name: row for row in all_rows()}, []
    for result in results:
        first = rows[result["name"]].figures[0]
        values = {side: result[side][first.name] * first.scale for side in SIDES if first.name in (result.get(side) or {})}
        if not values:
            continue
        goal = first.limit * first.scale if first.limit else None
        if first.factor and "etcd" in values:
            goal = values["etcd"] * first.factor if first.more else values["etcd"] / first.factor
        items.append((result["title"], first.label, values, goal))
    return figure("The goal is the dashed line", bars(f"{GROUPS.get(group, group)}: cairn and etcd", items)) if items else ""


def cpu_bars(results):
    items = [(result["title"], "us", {side: result[side]["cpu_us_per_op"] for side in SIDES if result.get(side)}, None)
             for result in results if "cpu_us_per_op" in (result.get("cairn") or {})]
    return figure("CPU per operation, all members", bars("CPU per operation", items)) if items else ""


def latency_lines(result):
    series = {side: [result[side][name] / 1000 for _, name in PERCENTILES] for side in SIDES if "p999_us" in (result.get(side) or {})}
    if not series:
        return ""
    return figure(f"{result['title']}: latency", lines(f"latency of {result['title']}", [name for name, _ in PERCENTILES], series, "ms"))


def special_plots(result):
    """What a row has beyond single numbers."""
    found = []
    silences = {side: result[side]["silences_ms"] for side in SIDES if "silences_ms" in (result.get(side) or {})}
    if silences:
        found.append(figure("Silence after each kill", dots("silence after each kill", silences, "ms", 100)))
    steps = {side: result[side] for side in SIDES if "cpu_us" in (result.get(side) or {})}
    if steps:
        names = [f"{keys:,} keys" for keys in next(iter(steps.values()))["keys"]]
        found.append(figure("CPU of a put among more and more keys",
                            lines("CPU of a put by keys", names, {side: each["cpu_us"] for side, each in steps.items()}, "us")))
    return "".join(found)


def table_rows(result):
    yield f'<tr class="row"><td colspan="5">{escape(result["title"])} <span class="soft">{escape(result["name"])}</span></td></tr>'
    if "why" in result:
        yield f'<tr><td colspan="5">{result["state"]}: {escape(result["why"])}</td></tr>'
    for each in result.get("verdicts", []):
        word = {True: ' <span class="reached">reached</span>', False: ' <span class="not-yet">not yet</span>', None: ""}[each["reached"]]
        ratio = "" if each["ratio"] is None else f"{each['ratio']:.1f}x"
        yield (f'<tr><td>{escape(each["label"])}</td><td>{each["cairn"]}</td><td>{each["etcd"]}</td><td>{ratio}</td>'
               f'<td>{escape(each["goal"])}{word}</td></tr>')
    for side in SIDES:
        figures = result.get(side) or {}
        for kind, count in figures.get("errors_by_kind", {}).items():
            yield f'<tr><td colspan="5" class="soft">{side}: {count} x {escape(kind)}</td></tr>'
        for line in figures.get("said", []):
            yield f'<tr><td colspan="5" class="soft">{side}: {escape(line)}</td></tr>'


def section(group, results):
    plots = main_bars(group, results) + "".join(special_plots(result) for result in results)
    if group in ("put", "get", "mixed"):
        plots += cpu_bars(results)
    if group in ("open", "connections"):
        plots += "".join(latency_lines(result) for result in results)
    body = "".join(line for result in results for line in table_rows(result))
    return (f'<section id="{group}"><h2>{escape(GROUPS.get(group, group))}</h2>{plots}<div class="wide"><table><thead><tr><th></th><th>cairn</th>'
            f'<th>etcd</th><th>better</th><th style="text-align:left">goal</th></tr></thead><tbody>{body}</tbody></table></div></section>')


def page(report):
    groups = {}
    for result in report["rows"]:
        groups.setdefault(result["group"], []).append(result)
    goals = [each["reached"] for result in report["rows"] for each in result.get("verdicts", []) if each["reached"] is not None]
    floor = report["floor"]
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f'<title>Cairn beside etcd</title><style>{STYLE}</style></head><body><h1>Cairn beside etcd {escape(report["etcd_version"] or "(absent)")}</h1>'
            f'<p>Commit {escape(report["commit"])}. {report["cores"]} cores, three members each, up to {report["rounds"]} x {report["seconds"]:g} s of each work '
            f'on each side in turn, medians. The floor of one put in this run: fdatasync {floor["sync_us"]:.0f} us + two loopback round trips of '
            f'{floor["round_trip_us"]:.0f} us = {floor["put_us"]:.0f} us. {sum(goals)} of {len(goals)} goals reached.</p>'
            f'<p><span class="key" style="--c: var(--cairn)">cairn</span><span class="key" style="--c: var(--etcd)">etcd</span></p>'
            f'{"".join(section(group, results) for group, results in groups.items())}</body></html>\n')

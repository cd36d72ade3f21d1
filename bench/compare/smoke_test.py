#!/usr/bin/env python3
"""The comparison itself, run short: every cheap row is there with figures that can be, and both outputs are whole.

No figure has a bound here: what is measured on a loaded machine for a third of a second says nothing.
"""

import html.parser
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BENCH = Path(__file__).resolve().parent
CHEAP = ["put-1x1", "put-10x100", "get-1x1", "get-10x100", "local-get-10x10", "range-100", "list-100k", "list-writers",
         "txn", "mixed-90", "open-3k", "memory", "restart", "keep-alive", "watch-100x5000"]
PERCENTILES = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"]


class Page(html.parser.HTMLParser):
    """The plots of each section, and whether every tag is closed in its place."""

    VOID = {"meta", "rect", "line", "circle", "polyline", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.plots, self.section, self.outside = [], {}, None, []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "section":
            self.section = attributes["id"]
            self.plots[self.section] = 0
        if tag == "svg":
            self.plots[self.section] += 1
        self.outside += [value for name, value in attributes.items() if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            raise AssertionError(f"</{tag}> closes something else")


def bench(*arguments):
    return subprocess.run([sys.executable, "-B", str(BENCH), *arguments], capture_output=True, text=True, timeout=120, check=False)


class Smoke(unittest.TestCase):
    def setUp(self):
        if not shutil.which("etcd"):
            self.skipTest("etcd is not installed: there is nothing to compare with (apt-get install etcd-server)")

    def check_load(self, name, figures):
        self.assertGreater(figures["ops"], 0, name)
        self.assertGreater(figures["cpu_us_per_op"], 0, name)
        latencies = [figures[percentile] for percentile in PERCENTILES]
        self.assertGreater(latencies[0], 0, name)
        self.assertEqual(latencies, sorted(latencies), name)
        self.assertEqual(figures["errors"], sum(figures["errors_by_kind"].values()), name)
        self.assertEqual({}, figures["errors_by_kind"], name)

    def check_row(self, row):
        self.assertNotIn("why", row)
        for side in ("cairn", "etcd"):
            figures = row[side]
            if row["name"] == "memory":
                self.assertTrue(5 < figures["rss_mb"] < 4000, figures)
            elif row["name"] == "list-writers":
                self.assertGreater(min(figures[name] for name in ("p99_alone_us", "p99_spinning_us", "p99_us")), 0, figures)
                self.assertGreater(figures["lists"], 0)
                self.assertEqual({}, figures["errors_by_kind"])
            elif row["name"] == "watch-100x5000":
                self.assertGreater(figures["ops"], 0)
                self.assertGreater(figures["event_p99_us"], 0)
                self.assertIn("missed", figures)
            elif row["name"] == "restart":
                self.assertTrue(0 < figures["restart_s"] < 60, figures)
            else:
                self.check_load(row["name"], figures)
        for verdict in row["verdicts"]:
            self.assertNotEqual("-", verdict["cairn"], verdict)
            self.assertNotEqual("-", verdict["etcd"], verdict)

    def test_every_cheap_row_is_in_both_outputs(self):
        with tempfile.TemporaryDirectory() as folder:
            page_path, json_path = f"{folder}/page.html", f"{folder}/report.json"
            done = bench("--quick", "--seconds", "0.3", "--kills", "1", "--json", json_path, "--html", page_path, *CHEAP)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            report = json.loads(Path(json_path).read_text(encoding="utf-8"))
            written = Path(page_path).read_text(encoding="utf-8")
        self.assertEqual(set(CHEAP), {row["name"] for row in report["rows"]})
        for row in report["rows"]:
            with self.subTest(row["name"]):
                self.check_row(row)
                self.assertIn(row["name"], done.stdout)
                self.assertIn(row["title"], written)
        page = Page()
        page.feed(written)
        self.assertEqual([], page.open)
        self.assertEqual([], page.outside, "the page needs nothing from anywhere")
        self.assertEqual({row["group"] for row in report["rows"]}, set(page.plots))
        self.assertNotIn(0, page.plots.values(), page.plots)


class WithoutEtcd(unittest.TestCase):
    def test_ours_is_measured_alone(self):
        done = bench("--quick", "--kills", "1", "--etcd", "/nowhere/etcd", "--json", "-", "failover")
        self.assertEqual(0, done.returncode, done.stderr)
        report = json.loads(done.stdout)
        self.assertIsNone(report["etcd_version"])
        row = report["rows"][0]
        self.assertNotIn("etcd", row)
        self.assertEqual(1, len(row["cairn"]["silences_ms"]))
        self.assertTrue(0 < row["cairn"]["silences_ms"][0] < 2500, "it was silent, and served again within the load")


class Usage(unittest.TestCase):
    def test_unknown_rows_are_refused(self):
        done = bench("put-9x9")
        self.assertEqual(2, done.returncode)
        self.assertIn("no row or group is called 'put-9x9'", done.stderr)

    def test_the_list_names_every_row_of_the_smoke(self):
        listed = {line.split()[1] for line in bench("--list").stdout.splitlines()}
        self.assertLessEqual(set(CHEAP), listed)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""beyond_simulation.txt: every point it names is in the product, and so is the unit test that comes by it."""

import re
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = {path: path.read_text(encoding="utf-8") for path in (HERE.parent.parent / "src").rglob("*.cc")}


def exceptions():
    for line in (HERE / "beyond_simulation.txt").read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words


class BeyondSimulation(unittest.TestCase):
    def test_every_line_names_a_point_and_a_test(self):
        for point, program, test in exceptions():
            folder = program.removesuffix("_test")
            suite, name = test.split(".")
            with self.subTest(point):
                self.assertTrue(any(f'REACHED("{point}")' in text for text in SOURCES.values()), "no such point")
                pattern = re.compile(rf"TEST(?:_F|_P)?\(\s*{suite},\s*{name}\)")
                tests = [p for p, text in SOURCES.items() if p.parent.name == folder and pattern.search(text)]
                self.assertTrue(tests, f"no {test} in src/{folder}")


if __name__ == "__main__":
    sys.exit(unittest.main())

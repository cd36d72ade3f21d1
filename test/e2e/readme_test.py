#!/usr/bin/env python3
"""Runs the shell blocks that a `<!-- run -->` comment precedes, as a reader would, a page in one live cluster.

The answer to a line that ends in `#=> text` has to contain the text.
"""

import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import ROOT, program

BLOCK = re.compile(r"<!-- run -->\n+```sh\n(.*?)```", re.S)
ANSWER = re.compile(r"^(.*\S)\s+#=> (.*)$", re.M)
EXPECT = """set -eu
expect() {
  answer=$(cat)
  case $answer in *"$1"*) ;; *) echo "no '$1' in: $answer" >&2; exit 1 ;; esac
}
"""


def script_of(page):
    """The blocks of a page one after the other, each answer looked at."""
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    text = "\n".join(blocks)
    return EXPECT + ANSWER.sub(lambda m: f"({m[1]}) > .answer\nexpect {shlex.quote(m[2].strip())} < .answer", text)


class Readme(unittest.TestCase):
    def test_readme(self):
        self.run_page("README.md")

    def test_cli(self):
        self.run_page("docs/cli.md")

    def test_rest_api(self):
        self.run_page("docs/rest-api.md")

    def run_page(self, page):
        with tempfile.TemporaryDirectory(prefix="cairn-readme-") as folder:
            script = Path(folder, "page.sh")
            script.write_text(script_of(page), encoding="utf-8")
            self.assertIn("expect '", script.read_text(encoding="utf-8"), f"{page} promises no answer")
            # The default address belongs to whoever is first; in the demo's shell it is the demo's.
            done = subprocess.run([program(), "demo", "--exec", f"bash {shlex.quote(str(script))}"],
                                  capture_output=True, text=True, timeout=60, env=os.environ | {"TMPDIR": folder},
                                  cwd=folder, check=False)
            self.assertEqual(0, done.returncode, f"{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    unittest.main()

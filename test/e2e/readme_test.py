#!/usr/bin/env python3
"""Runs the shell blocks of README.md that a `<!-- run -->` comment precedes, as a reader would, in a live cluster."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import ROOT, program

BLOCK = re.compile(r"<!-- run -->\n+```sh\n(.*?)```", re.S)


class Readme(unittest.TestCase):
    def test_blocks_run(self):
        blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
        self.assertTrue(blocks, "README.md shows nothing that can be run")
        with tempfile.TemporaryDirectory(prefix="cairn-readme-") as folder:
            Path(folder, "cairn").symlink_to(program())
            for block in blocks:
                with self.subTest(block=block):
                    self.run_block(folder, block)

    def run_block(self, folder, block):
        script = Path(folder, "block.sh")
        script.write_text("set -eu\n" + block, encoding="utf-8")
        environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": folder, "ETCDCTL_API": "3"}
        # The default address belongs to whoever is first; in the demo's shell it is the demo's.
        done = subprocess.run([program(), "demo", "--exec", f"bash {shlex.quote(str(script))}"], capture_output=True,
                              text=True, timeout=60, env=environment, cwd=folder, check=False)
        self.assertEqual(0, done.returncode, f"{block}\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    unittest.main()

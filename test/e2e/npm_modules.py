"""What tests use of npm, in the versions of npm/package.json: installed into CAIRN_NPM (the build folder), once."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

from cluster import ROOT

HERE = Path(__file__).parent / "npm"
FOLDER = Path(os.environ.get("CAIRN_NPM", ROOT / "build/dev/test/e2e/npm"))


def need(node_major_min):
    """Skips the test where they cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest(f"node and npm are not installed: this test needs node {node_major_min} or later")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < node_major_min:
        raise unittest.SkipTest(f"node {version} is older than {node_major_min}")
    wanted, stamp = (HERE / "package.json").read_text(), FOLDER / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text(wanted)
    done = subprocess.run(["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund",
                           "--fetch-retries=1", "--fetch-timeout=20000"],
                          cwd=FOLDER, capture_output=True, text=True, timeout=200)
    if done.returncode:
        raise unittest.SkipTest(f"npm's packages cannot be installed: {' '.join(done.stderr.split())[:300]}")
    stamp.write_text(wanted)


def node(script, *arguments):
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "node", str(HERE / script), *arguments], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=os.environ | {"NODE_PATH": str(FOLDER / "node_modules")})

#!/usr/bin/env python3
"""The same random operations on Debian's etcd and on one member of ours: docs/etcd-differences.md is all they differ in.

    test/e2e/differential_test.py [--operations N] [--seed N]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster, program
from etcd import Etcd


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", default="20000")
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    if not shutil.which("etcd"):
        print("skipped: no etcd on this machine; Debian's package etcd-server has it")
        return 0
    # Thousands of small synced writes, and no power cut: memory does.
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"
    compare = os.environ.get("CAIRN_DIFFERENTIAL") or Path(program()).parent / "test/e2e/differential"
    with Etcd(size=1) as etcd, Cluster(size=1) as cluster:
        cluster.leader()
        done = subprocess.run([str(compare), "--left", urlsplit(etcd.clients[0]).netloc,
                               "--right", urlsplit(cluster.members[0].client_url).netloc,
                               "--operations", arguments.operations, "--seed", arguments.seed], check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What a member no longer needs leaves its memory, even when nothing else happens.

    test/e2e/memory_test.py
"""

import re
import subprocess
import unittest
from pathlib import Path

from cluster import ClusterCase, program, wait_until
from grpc_wire import call, message

KEYS = 100_000
VALUE_BYTES = 512


def resident_mib(member):
    return int(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{member.process.pid}/status").read_text(), re.M)[1]) / 1024


def varint(number):
    return bytes([number & 127 | 128]) + varint(number >> 7) if number > 127 else bytes([number])


class Memory(ClusterCase):
    cluster_size = 1

    def test_what_was_deleted_and_compacted_leaves_it(self):
        member = self.cluster.members[0]
        data_mib = KEYS * VALUE_BYTES / 2**20
        empty = resident_mib(member)
        subprocess.run([program(), "bench", "fill", "--keys", str(KEYS), "--value-bytes", str(VALUE_BYTES),
                        "--endpoints", member.client_url], check=True, capture_output=True)
        self.assertGreater(resident_mib(member) - empty, data_mib)
        deleted = member.request("DELETE", "/v1/kv?prefix=bench/").json()
        self.assertEqual(deleted["deleted"], KEYS)
        member.put("later", b"")
        # Compaction forgets what is older than its revision, some of it with each write that follows.
        call(member.client_url, b"/etcdserverpb.KV/Compact", message(b"\x08" + varint(deleted["revision"] + 1)))
        for _ in range(KEYS // 100):
            member.put("later", b"")
        wait_until(lambda: resident_mib(member) - empty < data_mib / 2, "the data has left memory", 30)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Configuration: a file of etcd's starts both, what is shown starts a member again, and SIGHUP reloads what it can."""

import json
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import Cluster, cairn, free_port, program, wait_until

# As the documentation of etcd has them, with values of our own.
ETCD_FILE = """\
# This is the configuration file for the etcd server.
name: 'machine-1'
data-dir: {folder}/data
wal-dir:
snapshot-count: 10000
heartbeat-interval: 100
election-timeout: 1000
quota-backend-bytes: 0
listen-peer-urls: http://127.0.0.1:{peer}
listen-client-urls: http://127.0.0.1:{client}
max-snapshots: 5
max-wals: 5
cors:
initial-advertise-peer-urls: http://127.0.0.1:{peer}
advertise-client-urls: http://127.0.0.1:{client}
discovery:
discovery-fallback: 'proxy'
initial-cluster: machine-1=http://127.0.0.1:{peer}
initial-cluster-token: 'etcd-cluster'
initial-cluster-state: 'new'
strict-reconfig-check: true
enable-pprof: false
proxy: 'off'
client-transport-security:
  cert-file:
  key-file:
  client-cert-auth: false
  trusted-ca-file:
  auto-tls: false
peer-transport-security:
  cert-file:
  client-cert-auth: false
  auto-tls: false
log-level: info
logger: zap
log-outputs: [stderr]
force-new-cluster: false
auto-compaction-mode: periodic
auto-compaction-retention: "1"
"""


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))

    def file_of(self, name):
        ports = {"peer": free_port(), "client": free_port(), "folder": self.folder / name}
        ports["folder"].mkdir()
        path = self.folder / f"{name}.conf.yml"
        path.write_text(ETCD_FILE.format(**ports))
        return path, f"http://127.0.0.1:{ports['client']}"

    def start(self, line):
        log = self.enterContext(open(self.folder / "log", "ab"))
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def end():
            process.kill()
            process.wait()
        self.addCleanup(end)
        return process

    def etcdctl(self, url, *arguments):
        return subprocess.run(["etcdctl", "--endpoints", url] + list(arguments), env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"},
                              capture_output=True, text=True, timeout=20, check=False)

    def test_a_file_of_etcds_starts_both(self):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            self.skipTest("etcd is not installed")
        for name, line in (("etcd", ["etcd"]), ("cairn", [program(), "server"])):
            path, url = self.file_of(name)
            self.start(line + ["--config-file", str(path)])
            wait_until(lambda: self.etcdctl(url, "put", "k", name).returncode == 0, f"{name} serves", 20)
            listed = self.etcdctl(url, "member", "list").stdout
            self.assertIn("started, machine-1, http://127.0.0.1:", listed)
            self.assertTrue((self.folder / name / "data").is_dir())

    def test_what_is_shown_starts_a_member(self):
        path, url = self.file_of("cairn")
        status, shown, said = cairn("config", "show", "--config-file", str(path), "--log-level", "warn")
        self.assertEqual(0, status, said)
        written = self.folder / "cairn.toml"
        written.write_bytes(shown)
        self.start([program(), "server", "--config-file", str(written)])
        wait_until(lambda: cairn("put", "k", "v", "--endpoints", url)[0] == 0, "it serves", 20)
        again = json.loads(cairn("config", "show", "-w", "json", "--config-file", str(written))[1])
        self.assertEqual({"value": "warn", "origin": str(written)}, again["log-level"])
        self.assertEqual({"value": "1", "origin": str(written)}, again["auto-compaction-retention"])

    def test_a_check_says_what_a_start_would(self):
        path, _ = self.file_of("cairn")
        status, out, said = cairn("config", "check", "--config-file", str(path))
        self.assertEqual((0, f"ok: machine-1 would start from {self.folder}/cairn/data\n"), (status, out.decode()))
        self.assertIn("snapshot-count", said)
        path.write_text(path.read_text().replace("log-level: info", "log-level: loud"))
        status, out, said = cairn("config", "check", "--config-file", str(path))
        started = subprocess.run([program(), "server", "--config-file", str(path)], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((2, b""), (status, out))
        self.assertIn("must be debug, info, warn or error", said)
        self.assertEqual((2, said), (started.returncode, started.stderr))


class Reload(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-e2e-")))
        self.log = self.folder / "log"
        self.file = self.folder / "cairn.toml"
        self.write()
        self.cluster = self.enterContext(Cluster(size=1, config_file=str(self.file), quota_backend_bytes=None))
        self.member = self.cluster.leader()

    def write(self, level="info", quota="64MiB", request="1MiB"):
        self.file.write_text(f'log-level = "{level}"\nlog-outputs = ["{self.log}", "stderr"]\n'
                             f'quota-backend-bytes = "{quota}"\nmax-request-bytes = "{request}"\n')

    def hang_up(self):
        self.member.process.send_signal(signal.SIGHUP)

    def said(self, text, log=None):
        return [line for line in (log or self.log).read_text().splitlines() if text in line]

    def test_a_log_that_was_moved_away_is_begun_anew(self):
        self.assertTrue(self.said("listening"))
        moved = self.folder / "log.1"
        self.log.rename(moved)
        self.hang_up()
        wait_until(self.log.exists, "the log is opened anew")
        wait_until(lambda: self.said("reloaded"), "what is said now stands there")
        self.assertFalse(self.said("reloaded", moved))
        self.assertIn("reloaded", self.member.log_path.read_text(), "and on standard error")
        self.assertEqual(201, self.member.put("k", b"v").status)

    def test_what_can_be_taken_is_and_the_rest_is_named(self):
        self.write(level="debug", quota="128MiB", request="2MiB")
        self.hang_up()
        taken = wait_until(lambda: self.said("reloaded"), "it is said")[0]
        self.assertEqual("quota-backend-bytes,log-level", json.loads(taken)["changed"])
        waiting = wait_until(lambda: self.said("only a start takes"), "the other, too")[0]
        self.assertEqual("max-request-bytes", json.loads(waiting)["settings"])
        wait_until(lambda: json.loads(self.cluster.cairn("status", "-w", "json")[1])["members"][0]["quota_bytes"] == 128 << 20,
                   "the quota is the new one")
        self.member.put("k", b"v")
        wait_until(lambda: self.said('"level":"debug"'), "the level is the new one")
        self.write(quota="128MiB", request="2MiB")
        self.hang_up()
        wait_until(lambda: len(self.said("reloaded")) == 2, "again")
        self.assertEqual(1, len(self.said("only a start takes")), "which has been said")

    def test_a_file_that_cannot_be_used_changes_nothing(self):
        self.file.write_text("log-level = loud\n")
        self.hang_up()
        line = json.loads(wait_until(lambda: self.said("cannot be used"), "it is said")[0])
        self.assertRegex(line["why"], re.escape(str(self.file)) + ":1: not TOML")
        self.assertEqual(201, self.member.put("k", b"v").status)
        self.assertEqual(64 << 20, json.loads(self.cluster.cairn("status", "-w", "json")[1])["members"][0]["quota_bytes"])

    def test_a_log_that_cannot_be_written(self):
        status, said = self.member.run(log_outputs=str(self.folder))
        self.assertEqual(5, status, said)
        self.assertIn("cannot write the log", said)


if __name__ == "__main__":
    unittest.main()

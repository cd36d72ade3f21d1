#!/usr/bin/env python3
"""Debian's Patroni, unchanged, keeps a PostgreSQL primary elected over Cairn, by its driver for etcd 3 (the gateway).

Cairn's members are killed one after another, then the primary itself. There is one primary at a time, it changes only
when it was killed, and every commit that was acknowledged is there.
"""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from cluster import Cluster, free_port, http_request, wait_until

SCOPE = "kept"
SETTINGS = {"ttl": 8, "loop_wait": 1, "retry_timeout": 3, "synchronous_mode": True,
            "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 30, "shared_buffers": "16MB", "wal_log_hints": "on"}}}
ACCESS = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]


def programs():
    """The folder of PostgreSQL's programs, or none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def alone():
    """What runs a command such that all it starts dies with it, and as a user that PostgreSQL accepts."""
    line = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid():
        return [*line, "--user", "--map-current-user"]
    return [*line, "setpriv", "--pdeathsig", "KILL", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]


def why_not():
    if not shutil.which("patroni") or not shutil.which("psql") or not programs():
        return "patroni and postgresql are not installed (apt-get install --no-install-recommends patroni postgresql)"
    done = subprocess.run([*alone(), "true"], capture_output=True, text=True)
    return f"processes cannot be kept together: {done.stderr.strip()}" if done.returncode else None


class Database:
    """One PostgreSQL under its Patroni, killed as a whole."""

    def __init__(self, folder, name, cluster):
        self.folder, self.name, self.process = folder / name, name, None
        self.port, self.api = free_port(), f"http://127.0.0.1:{free_port()}"
        self.folder.mkdir()
        users = {each: {"username": each, "password": each} for each in ("superuser", "replication", "rewind")}
        users["superuser"]["username"] = "postgres"
        config = {
            "scope": SCOPE, "name": name, "restapi": {"listen": self.api.removeprefix("http://")},
            "etcd3": {"hosts": [member.client_url.removeprefix("http://") for member in cluster.members]},
            "bootstrap": {"dcs": SETTINGS, "initdb": [{"encoding": "UTF8"}, "no-sync"]},
            "postgresql": {"listen": f"127.0.0.1:{self.port}", "bin_dir": str(programs()), "data_dir": str(self.folder / "data"),
                           "pgpass": str(self.folder / "pgpass"), "pg_hba": ACCESS, "authentication": users,
                           "parameters": {"unix_socket_directories": str(self.folder)}},
        }
        (self.folder / "patroni.json").write_text(json.dumps(config))
        if not os.geteuid():
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*alone(), "patroni", str(self.folder / "patroni.json")], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd="/", env=os.environ | {"LC_ALL": "C.UTF-8"})

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def is_primary(self):
        """Asked of PostgreSQL itself, not of its Patroni."""
        return psql([self], "select not pg_is_in_recovery()") == "t"

    def log_tail(self):
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-40:])


def psql(databases, command):
    """What the one that takes writes answers (of one: whatever it is), or none."""
    ports = ",".join(str(each.port) for each in databases)
    attributes = "read-write" if len(databases) > 1 else "any"
    done = subprocess.run(["psql", "-XAtq", "-c", command,
                           f"host={','.join(['127.0.0.1'] * len(databases))} port={ports} user=postgres dbname=postgres "
                           f"connect_timeout=3 target_session_attrs={attributes}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else None


class Commits(threading.Thread):
    """Inserts one row after another; knows those that were acknowledged, and by whom."""

    def __init__(self, databases):
        super().__init__(daemon=True)
        self.databases, self.stop, self.acknowledged = databases, threading.Event(), []

    def run(self):
        row = 0
        while not self.stop.is_set():
            row += 1
            port = psql(self.databases, f"insert into kept values ({row}) returning inet_server_port()")
            if port:
                self.acknowledged.append((row, int(port)))

    def primaries(self):
        """Who acknowledged, in order, each named once as long as it goes on."""
        ports = [port for _, port in self.acknowledged]
        return [port for i, port in enumerate(ports) if i == 0 or ports[i - 1] != port]

    def go_on(self, by=None):
        begun = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) > begun + 5 and by in (None, self.acknowledged[-1][1]), "commits go on", 60)


class Patroni(unittest.TestCase):
    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cairn-patroni-")))
        self.folder.chmod(0o755)
        self.databases = []
        self.addCleanup(lambda: [each.kill() for each in self.databases])

    def test_one_primary_and_no_commit_lost(self):
        with Cluster() as cluster:
            try:
                self.keep_one_primary(cluster)
            except BaseException:
                for each in self.databases:
                    print(f"---- the end of {each.name}'s log\n{each.log_tail()}")
                raise

    def keep_one_primary(self, cluster):
        self.databases += [Database(self.folder, f"pg{i}", cluster) for i in (1, 2)]
        for each in self.databases:
            each.start()
        first = wait_until(self.primary, "PostgreSQL has a primary", 90, 0.2)
        self.in_step()
        self.assertIsNotNone(psql(self.databases, "create table kept (row bigint primary key)"))
        commits = Commits(self.databases)
        commits.start()
        self.kill_members(cluster, commits)
        self.assertEqual([first.port], commits.primaries(), "no member of Cairn is missed")

        first.kill()
        second = next(each for each in self.databases if each is not first)
        commits.go_on(by=second.port)
        first.start()
        self.in_step()
        commits.go_on(by=second.port)
        commits.stop.set()
        commits.join()
        self.assertEqual([first.port, second.port], commits.primaries(), "once it was killed, and never back")
        self.assertEqual([second], [each for each in self.databases if each.is_primary()])
        there = {int(row) for row in psql(self.databases, "select row from kept").split()}
        self.assertEqual(set(), {row for row, _ in commits.acknowledged} - there, "acknowledged, and lost")
        print(f"{len(commits.acknowledged)} commits")

    def kill_members(self, cluster, commits):
        """Each is away for several of Patroni's rounds: it writes its status into Cairn in each."""
        for member in cluster.members:
            member.kill()
            asked = cluster.leader(other_than=member)
            for _ in range(3):
                before = self.status(asked)
                wait_until(lambda: self.status(asked) != before, "Patroni writes its status", 60)
            commits.go_on()
            member.start().wait()
            cluster.leader()

    @staticmethod
    def status(member):
        return member.get(f"/service/{SCOPE}/status", "?consistency=linearizable").headers.get("etag")

    def primary(self):
        found = [each for each in self.databases if each.is_primary()]
        self.assertLessEqual(len(found), 1, "two primaries")
        return found[0] if found else None

    def in_step(self):
        """The other one has all that is committed."""
        wait_until(lambda: psql(self.databases, "select count(*) from pg_stat_replication where sync_state = 'sync'") == "1",
                   "the other one is in step", 90, 0.2)


if __name__ == "__main__":
    unittest.main()

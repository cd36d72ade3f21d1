#!/usr/bin/env python3
"""Clients of etcd as Debian ships them, unchanged: python3-etcd3, python3-etcd3gw with the tests of its own, and
etcd's grpc-proxy and make-mirror in front."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from cluster import Cluster, free_port, wait_until

HERE = pathlib.Path(__file__).parent
PYTHON = "/usr/bin/python3"  # which Debian's packages are for


def run(test, *command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200, **options)
    test.assertEqual(0, done.returncode, done.stdout)
    return done.stdout


def etcdctl(test, port, *arguments):
    return run(test, "etcdctl", f"--endpoints=127.0.0.1:{port}", *arguments, env={**os.environ, "ETCDCTL_API": "3"})


class ForeignClients(unittest.TestCase):
    def test_python_etcd3_at_every_member(self):
        with Cluster(3) as cluster:
            cluster.leader()
            for member in cluster.members:
                host, port = member.client_url.removeprefix("http://").split(":")
                said = run(self, PYTHON, "-B", str(HERE / "foreign/with_etcd3.py"), host, port)
                self.assertIn("Ran 7 tests", said)
                self.assertNotIn("skipped", said)

    def test_python_etcd3gw_passes_its_own_tests(self):
        """They are for an etcd at the default port."""
        with tempfile.TemporaryDirectory() as folder, Cluster(1, start=False) as cluster:
            cluster.members[0].client_url = "http://127.0.0.1:2379"
            cluster.start()
            said = run(self, PYTHON, "-B", "-m", "unittest", "etcd3gw.tests.test_etcd3gw", cwd=folder)
            self.assertRegex(said, "Ran [1-9][0-9] tests")
            self.assertNotIn("skipped", said)

    def test_behind_etcds_proxy_and_in_its_mirror(self):
        with Cluster(3) as cluster, tempfile.TemporaryFile("w+") as watched:
            endpoints = ",".join(member.client_url for member in cluster.members)
            proxy_port, address = free_port(), "127.0.0.1"
            started = []

            def start(*command, **options):
                process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], **options)
                started.append(process)
                return process

            try:
                start("etcd", "grpc-proxy", "start", f"--endpoints={endpoints}", f"--listen-addr={address}:{proxy_port}",
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait_until(lambda: subprocess.run(
                    ["etcdctl", f"--endpoints={address}:{proxy_port}", "--dial-timeout=1s", "--command-timeout=1s", "get", "x"],
                    env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True).returncode == 0, "the proxy answers", 20)
                self.assertEqual("OK\n", etcdctl(self, proxy_port, "put", "a/1", "one"))
                self.assertEqual("a/1\none\n", etcdctl(self, proxy_port, "get", "a/1"))
                # From a revision of the past, so that it does not matter when they begin.
                start("etcdctl", f"--endpoints={address}:{proxy_port}", "watch", "a/", "--prefix", "--rev=1", stdout=watched,
                      env={**os.environ, "ETCDCTL_API": "3"})
                with Cluster(1) as copy:
                    copy_port = copy.members[0].client_url.rsplit(":", 1)[1]
                    start("etcdctl", f"--endpoints={address}:{proxy_port}", "make-mirror", f"{address}:{copy_port}",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "ETCDCTL_API": "3"})
                    mirrored = lambda: etcdctl(self, copy_port, "get", "a/", "--prefix")
                    wait_until(lambda: mirrored() == "a/1\none\n", "what there was is mirrored", 30)
                    etcdctl(self, proxy_port, "put", "a/2", "two")
                    etcdctl(self, proxy_port, "del", "a/1")
                    wait_until(lambda: mirrored() == "a/2\ntwo\n", "what comes is mirrored", 30)

                def seen():
                    watched.seek(0)
                    return watched.read()

                wait_until(lambda: seen() == "PUT\na/1\none\nPUT\na/2\ntwo\nDELETE\na/1\n\n", "the watch told all of it", 30)
            finally:
                for process in started:
                    process.kill()
                    process.wait()


if __name__ == "__main__":
    unittest.main()

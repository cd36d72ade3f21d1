#!/usr/bin/env python3
"""Debian's etcdctl, unchanged, against us and against Debian's etcd beside: same output, same errors, same exit status.

The calls stand in etcdctl_cases.txt, one a line.
"""

import re
import shutil
import subprocess
import unittest

from cluster import Cluster, ClusterCase
from etcd import Etcd
from etcdctl_cases import Side, environment, table


def etcdctl(endpoints, *arguments):
    done = subprocess.run(["etcdctl", "--endpoints", endpoints, *arguments], text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=30, check=False, env=environment())
    return done.returncode, done.stdout, done.stderr


def help_of(*command):
    return subprocess.run(["etcdctl", *command, "--help"], capture_output=True, text=True, check=True, timeout=30,
                          env=environment()).stdout


class EtcdctlCompat(ClusterCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            raise unittest.SkipTest("etcd-server and etcd-client are not installed; ./dev test installs them")
        super().setUpClass()

    def test_same_answers_as_etcd(self):
        with Etcd() as etcd, Cluster() as cluster:
            theirs, ours = Side(etcd.endpoints()), Side(cluster.endpoints())
            self.addCleanup(theirs.close)
            self.addCleanup(ours.close)
            for case in table():
                if case.kind == "skip":
                    print(f"not run: {' '.join(case.arguments)}: {case.text}")
                    continue
                for form in case.formats:
                    with self.subTest(line=case.number, command=" ".join(case.written(form))[:80]):
                        self.compare(case, theirs.run(case, form), ours.run(case, form))

    def compare(self, case, theirs, ours):
        if case.kind in ("differs", "lacks"):
            self.assertNotEqual(theirs, ours, "they are equal: take the line out of the exceptions")
            if case.kind == "lacks":
                self.assertRegex(str(ours[2]), "unknown (service|method)")
            print(f"differs: {' '.join(case.arguments)}: {case.text}")
        else:
            self.maxDiff = None
            self.assertEqual(theirs, ours)

    def test_the_table_has_every_command_and_option(self):
        commands = re.findall(r"^\t(\S+(?: \S+)?)\t", help_of().split("COMMANDS:")[1].split("OPTIONS:")[0], re.M)
        self.assertGreater(len(commands), 40)
        cases, absent = table(), []
        for command in commands:
            lines = " ".join(case.line for case in cases if case.is_about(command))
            own = re.search(r"\nOPTIONS:\n(.*?)(?:\nGLOBAL|\Z)", help_of(*command.split()), re.S)
            options = re.findall(r"^\s+(?:-\w, )?(--[\w-]+)", own[1] if own else "", re.M)
            absent += [f"{command} {option}" for option in options if option != "--help" and option not in lines]
            absent += [] if lines else [command]
        self.assertEqual([], absent)

    def test_every_member_takes_writes_and_reads(self):
        for member in self.cluster.members:
            status, out, err = etcdctl(member.client_url, "put", f"via/{member.name}", member.name)
            self.assertEqual((0, "OK\n"), (status, out), err)
            for reader in self.cluster.members:
                status, out, err = etcdctl(reader.client_url, "get", f"via/{member.name}", "--print-value-only")
                self.assertEqual((0, member.name + "\n"), (status, out), err)

    def test_goes_on_when_a_member_dies(self):
        with Cluster() as cluster:
            victim = cluster.followers()[0]
            victim.kill()
            status, out, err = etcdctl(cluster.endpoints(), "put", "a", "1")
            self.assertEqual((0, "OK\n"), (status, out), err)
            status, _, err = etcdctl(cluster.endpoints(), "endpoint", "health")
            self.assertNotEqual(0, status)
            self.assertIn("unhealthy", err)


if __name__ == "__main__":
    unittest.main()

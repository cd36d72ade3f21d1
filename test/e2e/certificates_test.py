#!/usr/bin/env python3
"""The name in a client's certificate is its user: Debian's etcdctl says the same of us and of Debian's etcd beside."""

import shutil
import subprocess
import unittest

from auth_test import ANN, BAD, ROOT, etcdctl, masked
from cluster import Cluster, program
from etcd import Etcd
from tls_test import Pki


class SecureEtcd(Etcd):
    """One member whose clients have to show a certificate."""

    def __init__(self, pki):
        super().__init__(size=1, flags=["--cert-file", pki.path("member.crt"), "--key-file", pki.path("member.key"),
                                        "--client-cert-auth", "--trusted-ca-file", pki.path("ca.crt")])
        self.clients = [url.replace("http:", "https:") for url in self.clients]
        self.environment = certificate(pki, "root")

    def healthy(self):
        return etcdctl(self.endpoints(), "endpoint", "health", environment=self.environment)[0] == 0


def certificate(pki, name):
    return {"ETCDCTL_CACERT": pki.path("ca.crt"), "ETCDCTL_CERT": pki.path(f"{name}.crt"),
            "ETCDCTL_KEY": pki.path(f"{name}.key")}


class Certificates(unittest.TestCase):
    """The name in a client's certificate is its user's."""

    STEPS = [  # whose certificate, and what etcdctl is told
        ("eve", ["put", "a", "1"]), ("root", ["user", "add", "root:rootpw"]), ("root", ["user", "grant-role", "root", "root"]),
        ("root", ["user", "add", "ann:annpw"]), ("root", ["user", "add", "bob", "--no-password"]), ("root", ["role", "add", "r"]),
        ("root", ["role", "grant-permission", "r", "readwrite", "a"]), ("root", ["user", "grant-role", "ann", "r"]),
        ("root", ["user", "grant-role", "bob", "r"]), ("eve", ["auth", "enable"]), ("bob", ["put", "a", "1"]), ("bob", ["get", "b"]),
        ("ann", ["put", "a", "2"]), ("ann", ["get", "a"]), ("ann", ["put", "b", "2"]), ("ann", ["get", "b"]),
        ("ann", ["user", "list"]), ("ann", ["user", "get", "ann"]), ("ann", ["auth", "disable"]),
        ("eve", ["get", "a"]), ("eve", ["put", "a", "3"]), ("eve", ["user", "list"]),
        ("root", ["put", "b", "3"]), ("root", ["user", "list"]),
        ("ann", [*ROOT, "get", "b"]), ("root", [*ANN, "get", "b"]), ("root", [*BAD, "get", "b"]),
        ("root", ["user", "delete", "ann"]), ("ann", ["get", "a"]),
        ("root", ["auth", "disable"]), ("eve", ["get", "b"]),
    ]

    def test_are_users_as_with_etcd(self):
        if not shutil.which("etcd") or not shutil.which("etcdctl"):
            self.skipTest("etcd-server and etcd-client are not installed; ./dev test installs them")
        with Pki() as pki:
            for name in ("root", "ann", "bob", "eve"):
                pki.make("client", name)
            with SecureEtcd(pki) as theirs, Cluster(3, tls=pki.context(certificate=True), **pki.client_flags(demand=True),
                                                    **pki.peer_flags()) as ours:
                for whose, step in self.STEPS:
                    said = []
                    for each in (theirs, ours):
                        status, out, err = etcdctl(each.endpoints(), *step, environment=certificate(pki, whose))
                        said.append((status, masked(out, err)))
                    with self.subTest(whose=whose, step=" ".join(step)):
                        self.assertEqual(said[0], said[1])
                self.over_http(pki, ours)

    def over_http(self, pki, ours):
        def curl(name, method, path, *more):
            done = subprocess.run(
                ["curl", "-s", "-L", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", pki.path("ca.crt"), "--cert",
                 pki.path(f"{name}.crt"), "--key", pki.path(f"{name}.key"), "-X", method,
                 ours.members[0].client_url + path, *more], text=True, capture_output=True, timeout=60, check=False)
            return int(done.stdout)

        for step in (["user", "add", "ann", "--no-password"], ["user", "grant-role", "ann", "r"], ["auth", "enable"]):
            status, out, err = etcdctl(ours.endpoints(), *step, environment=certificate(pki, "root"))
            self.assertEqual(0, status, out + err)
        self.assertEqual(200, curl("ann", "PUT", "/v1/kv/a", "--data", "4"))
        self.assertEqual(403, curl("ann", "PUT", "/v1/kv/b", "--data", "4"))
        self.assertEqual(403, curl("eve", "GET", "/v1/kv/a"))
        self.assertEqual(200, curl("root", "GET", "/v1/kv/b"))
        self.assertEqual(401, curl("root", "GET", "/v1/kv/b", "-H", "Origin: https://elsewhere.example"))
        member = [program(), "get", "a", "--endpoints", ours.endpoints(), "--cacert", pki.path("ca.crt"), "--cert",
                  pki.path("ann.crt"), "--key", pki.path("ann.key")]
        done = subprocess.run(member, text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual((0, "4"), (done.returncode, done.stdout), done.stderr)


if __name__ == "__main__":
    unittest.main()

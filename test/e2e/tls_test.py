"""TLS on both ports, with real processes: ours, curl, openssl and etcdctl."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster, Member, Running, cairn, free_port, program, wait_until

ETCDCTL = shutil.which("etcdctl")
STALL_SECONDS = 30.0  # a handshake that stalls is left after 5; nobody waits for it in vain


class Pki:
    """A CA and what it has signed, as `cairn cert` makes them, in a folder that goes away."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cairn-e2e-pki-"))
        self.make("ca")
        self.make("member", "member")
        self.make("client", "client")

    def make(self, *what):
        status, out, err = cairn("cert", *what, "--dir", str(self.folder))
        if status != 0:
            raise AssertionError(err)
        return out

    def path(self, name):
        return str(self.folder / name)

    def renew(self, name):
        """As tools do it: the certificate first, its key a moment later, each another file in its place."""
        with tempfile.TemporaryDirectory(dir=self.folder) as fresh:
            for file in ("ca.crt", "ca.key"):
                shutil.copy(self.path(file), fresh)
            status, _, err = cairn("cert", "member", name, "--dir", fresh)
            if status != 0:
                raise AssertionError(err)
            for file in (f"{name}.crt", f"{name}.key"):
                os.replace(Path(fresh) / file, self.folder / file)

    def client_flags(self, demand=False):
        flags = {"cert_file": self.path("member.crt"), "key_file": self.path("member.key")}
        return flags | ({"trusted_ca_file": self.path("ca.crt")} if demand else {})

    def peer_flags(self):
        return {"peer_cert_file": self.path("member.crt"), "peer_key_file": self.path("member.key"),
                "peer_trusted_ca_file": self.path("ca.crt"), "peer_client_cert_auth": "true"}

    def context(self, certificate=False):
        context = ssl.create_default_context(cafile=self.path("ca.crt"))
        if certificate:
            context.load_cert_chain(self.path("client.crt"), self.path("client.key"))
        return context

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def run(*command, timeout=30.0, stdin=b"", **environment):
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, check=False,
                          env=os.environ | environment)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def log_of(member):
    return member.log_path.read_text(errors="replace")


def metric(member, name):
    """The sum of a metric's lines that begin so."""
    lines = [line for line in member.request("GET", "/metrics").body.decode().splitlines() if line.startswith(name)]
    if not lines:
        raise AssertionError(f"{member.name} has no metric {name}")
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


class ClientPort(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pki = cls.enterClassContext(Pki())
        cls.elsewhere = f"https://127.0.0.2:{free_port()}"  # which the certificate is not for
        cls.cluster = Cluster(1, start=False, tls=cls.pki.context(), **cls.pki.client_flags())
        cls.member = cls.cluster.members[0]
        cls.cluster.flags["listen_client_urls"] = f"{cls.member.client_url},{cls.elsewhere}"
        cls.enterClassContext(cls.cluster)
        cls.cluster.start()
        cls.url = cls.member.client_url
        cls.ca = cls.pki.path("ca.crt")

    def cairn(self, *arguments, endpoints=None, ca=True):
        return cairn(*arguments, "--endpoints", endpoints or self.url, *(["--cacert", self.ca] if ca else []))

    def test_curl_speaks_http(self):
        for version, said in (("--http1.1", "1.1"), ("--http2", "1.1")):  # REST is HTTP/1.1, and it takes that
            put = run("curl", "-sS", version, "--cacert", self.ca, "-X", "PUT", "--data-binary", f"v{said}",
                      "-w", "%{http_version}", f"{self.url}/v1/kv/curl")
            self.assertEqual(put[0], 0, put)
            self.assertTrue(put[1].endswith(said), put)
            got = run("curl", "-sS", version, "--cacert", self.ca, f"{self.url}/v1/kv/curl")
            self.assertEqual(got[:2], (0, f"v{said}"), got)

    def test_curl_does_not_believe_another_ca(self):
        self.assertEqual(run("curl", "-sS", f"{self.url}/v1/status")[0], 60)

    def test_openssl_agrees_on_the_newest_version_and_on_http2(self):
        address = urlsplit(self.url).netloc
        for flags, version in (((), "TLSv1.3"), (("-tls1_2",), "TLSv1.2")):
            status, out, err = run("openssl", "s_client", "-connect", address, "-CAfile", self.ca, "-alpn", "h2",
                                   "-verify_return_error", *flags)
            self.assertEqual(status, 0, err)
            self.assertIn(f"New, {version}", out)
            self.assertIn("ALPN protocol: h2", out)
        self.assertNotEqual(run("openssl", "s_client", "-connect", address, "-tls1_1")[0], 0)

    def test_the_command_line(self):
        self.assertEqual(self.cairn("put", "a", "1")[0], 0)
        self.assertEqual(self.cairn("get", "a")[1], b"1")
        named = f"https://localhost:{urlsplit(self.url).port}"
        self.assertEqual(self.cairn("get", "a", endpoints=named)[1], b"1")
        bare = urlsplit(self.url).netloc
        self.assertEqual(self.cairn("get", "a", endpoints=bare)[1], b"1")
        status, out, err = run(os.environ["CAIRN_BIN"], "get", "a", CAIRN_ENDPOINTS=self.url, CAIRN_CACERT=self.ca)
        self.assertEqual((status, out), (0, "1"), err)

    def test_the_command_line_over_grpc(self):
        with tempfile.TemporaryDirectory() as folder:
            status, _, err = self.cairn("snapshot", "save", f"{folder}/backup.db")
            self.assertEqual(status, 0, err)
            with Running([program(), "backup", "follow", f"{folder}/backups", "--endpoints", self.url, "--cacert", self.ca],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
                wait_until(lambda: list(Path(folder).glob("backups/*.changes")), "it follows", 20)
        status, out, err = self.cairn("bench", "put", "--seconds", "0.5", "--connections", "2")
        self.assertEqual(status, 0, err)
        self.assertIn(b"errors: 0", out)

    def test_the_command_line_says_what_is_wrong(self):
        for arguments, endpoints, ca, code, words in (
                (["get", "a"], None, False, 3, "is signed by no CA that is trusted here"),
                (["get", "a"], self.elsewhere, True, 3, "its certificate is for localhost, 127.0.0.1, and not for"),
                (["get", "a"], self.url.replace("https", "http"), False, 4, "HTTP status 400"),
                (["get", "a"], self.url.replace("https", "http"), True, 2, "would be spoken to in plaintext"),
                (["bench", "put", "--seconds", "1"], None, False, 3, "is signed by no CA that is trusted here")):
            status, _, err = self.cairn(*arguments, endpoints=endpoints, ca=ca)
            self.assertIn(words, err)
            self.assertEqual(status, code, err)
        status, _, err = cairn("get", "a", "--endpoints", self.url, "--cacert", self.pki.path("none.crt"))
        self.assertEqual(status, 2, err)
        self.assertIn("cannot use the CA in", err)

    def test_plaintext_at_a_tls_port_is_told_and_logged(self):
        status, out, _ = run("curl", "-sS", self.url.replace("https", "http"))
        self.assertEqual(status, 0)
        self.assertIn("Client sent an HTTP request to an HTTPS server", out)
        wait_until(lambda: "it speaks plaintext" in log_of(self.member), "the log says so")

    def test_https_at_a_plaintext_port_is_told(self):
        with Cluster(1) as plain:
            url = plain.members[0].client_url.replace("http", "https")
            status, _, err = self.cairn("get", "a", endpoints=url)
            self.assertEqual(status, 3, err)
            self.assertIn("it speaks plaintext: it is to be asked by http", err)

    @unittest.skipUnless(ETCDCTL, "etcdctl is not installed")
    def test_etcdctl(self):
        flags = (ETCDCTL, "--endpoints", self.url, "--cacert", self.ca)
        self.assertEqual(run(*flags, "put", "etcdctl", "1", ETCDCTL_API="3")[:2], (0, "OK\n"))
        self.assertEqual(run(*flags, "get", "etcdctl", ETCDCTL_API="3")[:2], (0, "etcdctl\n1\n"))
        self.assertNotEqual(run(ETCDCTL, "--endpoints", self.url, "--command-timeout=1s", "get", "a",
                                ETCDCTL_API="3")[0], 0)

    def test_garbage_and_silence_keep_nobody_out(self):
        host, port = urlsplit(self.url).hostname, urlsplit(self.url).port
        refused = metric(self.member, 'cairn_tls_handshakes_total{port="client",outcome="refused"}')
        with socket.create_connection((host, port)) as silent, socket.create_connection((host, port)) as halfway:
            halfway.sendall(b"\x16\x03\x01\x02")
            for sent in (b"\x00" * 4096, bytes(range(256)) * 64, b"\x16\x03\x01\xff\xff" + b"A" * 70000):
                with socket.create_connection((host, port)) as garbage:
                    garbage.settimeout(STALL_SECONDS)
                    try:
                        garbage.sendall(sent)
                        while garbage.recv(4096):
                            pass
                    except ConnectionError:
                        pass  # ended, as it has to
            self.assertEqual(self.cairn("put", "alive", "1")[0], 0)
            for stalled in (silent, halfway):
                stalled.settimeout(STALL_SECONDS)
                while stalled.recv(4096):  # an alert may come before the end
                    pass
        wait_until(lambda: metric(self.member, 'cairn_tls_handshakes_total{port="client",outcome="refused"}') >= refused + 5,
                   "each is counted")


class Mutual(unittest.TestCase):
    def test_only_who_shows_a_certificate_is_let_in(self):
        with Pki() as pki, Cluster(1, tls=pki.context(certificate=True), **pki.client_flags(demand=True)) as cluster:
            member = cluster.members[0]
            flags = ["--endpoints", member.client_url, "--cacert", pki.path("ca.crt")]
            status, _, err = cairn("put", "a", "1", *flags)
            self.assertEqual(status, 3, err)
            self.assertIn("it demands a certificate, and was shown none", err)
            status, _, err = cairn("put", "a", "1", *flags, "--cert", pki.path("client.crt"), "--key",
                                   pki.path("client.key"))
            self.assertEqual(status, 0, err)
            status, _, err = cairn("put", "a", "1", *flags, "--cert", pki.path("client.crt"))
            self.assertEqual(status, 2, err)
            wait_until(lambda: "it shows no certificate, which is demanded here" in log_of(member), "it is logged")
            if not ETCDCTL:
                return
            done = run(ETCDCTL, *flags, "--cert", pki.path("client.crt"), "--key", pki.path("client.key"), "get", "a",
                       ETCDCTL_API="3")
            self.assertEqual(done[:2], (0, "a\n1\n"), done)

    def test_a_certificate_is_made_where_none_is_given(self):
        with Pki() as pki:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with Cluster(1, tls=context, auto_tls="true") as cluster:
                made = cluster.members[0].data_dir / "auto-tls/client.crt"
                status, _, err = cairn("put", "a", "1", "--endpoints", cluster.endpoints(), "--cacert", str(made))
                self.assertEqual(status, 0, err)
                self.assertEqual(oct((made.parent / "client.key").stat().st_mode & 0o777), "0o600")
                status, _, err = cairn("put", "a", "1", "--endpoints", cluster.endpoints(), "--cacert",
                                       pki.path("ca.crt"))
                self.assertEqual(status, 3, err)


class Writers:
    """Puts without pause at every member, from threads of their own; how many, and what went wrong."""

    def __init__(self, cluster):
        self.cluster, self.done, self.failed, self.over = cluster, 0, [], False
        self.threads = [threading.Thread(target=self.write, args=(i,)) for i in range(3)]

    def write(self, number):
        while not self.over:
            status, _, err = self.cluster.cairn("put", f"writer/{number}", str(self.done))
            if status == 0:
                self.done += 1
            else:
                self.failed.append(err)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join()


class Members(unittest.TestCase):
    def test_prove_who_they_are_and_certificates_are_renewed_under_load(self):
        with Pki() as pki, Cluster(3, tls=pki.context(), **pki.client_flags(), **pki.peer_flags()) as cluster:
            os.environ["CAIRN_CACERT"] = pki.path("ca.crt")
            self.addCleanup(os.environ.pop, "CAIRN_CACERT")
            with Writers(cluster) as writers:
                for _ in range(3):
                    before = writers.done
                    pki.renew("member")
                    for member in cluster.members:
                        wait_until(lambda m=member: "certificates have changed: connections that begin now" in log_of(m),
                                   f"{member.name} has read them again")
                    wait_until(lambda b=before: writers.done > b + 10 or writers.failed, "writes go on", 30.0)
                follower = cluster.followers()[0]
                follower.kill()
                follower.start().wait()
                cluster.leader()
                wait_until(lambda: metric(follower, "etcd_network_active_peers") == 2, "it has met the others again")
            self.assertEqual(writers.failed, [])
            for member in cluster.members:
                self.assertGreaterEqual(metric(member, 'cairn_tls_handshakes_total{port="peer",outcome="done"}'), 2)
                self.assertNotIn("the peer port is open", log_of(member))
                expiry = metric(member, 'cairn_tls_certificate_expiry_seconds{port="peer"}')
                self.assertGreater(expiry, time.time() + 300 * 24 * 3600)
            self.refuses_strangers(cluster.members[0], pki)

    def refuses_strangers(self, member, pki):
        address = urlsplit(member.peer_url)
        with socket.create_connection((address.hostname, address.port)) as plain:
            plain.settimeout(STALL_SECONDS)
            plain.sendall(b"CAIRNPEER")
            try:
                while plain.recv(4096):
                    pass
            except ConnectionError:
                pass
        wait_until(lambda: "no TLS with it" in log_of(member), "plaintext is refused")
        nobody = run("openssl", "s_client", "-connect", address.netloc, "-CAfile", pki.path("ca.crt"), "-ign_eof")
        self.assertIn("certificate required", nobody[1] + nobody[2])
        wait_until(lambda: re.search(r"shows no certificate", log_of(member)) or
                   metric(member, 'cairn_tls_handshakes_total{port="peer",outcome="refused"}') >= 2, "so is a stranger")

    def test_encrypted_alone_is_said_to_be_open(self):
        with Cluster(3, peer_auto_tls="true") as cluster:
            status, _, err = cluster.cairn("put", "a", "1")
            self.assertEqual(status, 0, err)
            for member in cluster.members:
                self.assertGreaterEqual(metric(member, 'cairn_tls_handshakes_total{port="peer",outcome="done"}'), 2)
        with Cluster(1, start=False, peer_auto_tls="true") as cluster:
            member = cluster.members[0]
            everywhere = member.peer_url.replace("127.0.0.1", "0.0.0.0")
            member.start(listen_peer_urls=everywhere).wait()
            self.assertIn("the peer port is open to anybody who reaches it", log_of(member))
            wait_until(lambda: "hears whoever reaches its peer port" in "".join(
                part if isinstance(part, str) else part.decode() for part in cluster.cairn("status")[1:]), "status says so")

    def joins(self, cluster):
        """A fourth, which knows nobody before it is called: through TLS as well."""
        self.assertEqual(cluster.cairn("put", "before", "1")[0], 0)
        fourth = Member(cluster, "n4")
        self.assertTrue(fourth.peer_url.startswith("https://"))
        plain = fourth.peer_url.replace("https://", "http://")
        status, _, err = cluster.cairn("member", "add", f"n4={plain}", "--yes")
        self.assertNotEqual(status, 0, "the others would call it as they call each other")
        self.assertIn("given member URLs are invalid", err)
        status, _, err = cluster.cairn("member", "add", f"n4={fourth.peer_url}", "--yes")
        self.assertEqual(status, 0, err)
        cluster.members.append(fourth)
        fourth.start(initial_cluster_state="existing").wait()
        wait_until(lambda: metric(fourth, "etcd_server_is_learner") == 0, "it votes", 30.0)
        self.assertEqual(fourth.get("before", "?consistency=linearizable").body, b"1")

    def test_one_that_joins_is_called_through_tls(self):
        with Pki() as pki, Cluster(3, **pki.peer_flags()) as cluster:
            self.joins(cluster)

    def test_one_that_joins_makes_its_own_certificate(self):
        with Cluster(3, peer_auto_tls="true") as cluster:
            self.joins(cluster)

    def test_certificates_of_another_ca_meet_nobody(self):
        with Pki() as pki, Pki() as other:
            with Cluster(3, start=False, **pki.peer_flags()) as cluster:
                first, second, stranger = cluster.members
                first.start()
                second.start()
                stranger.start(**other.peer_flags())
                wait_until(lambda: "signed by no CA that is trusted here" in log_of(stranger), "it says why", 30.0)
                wait_until(lambda: "it does not trust the CA" in log_of(first) + log_of(second) or
                           "signed by no CA" in log_of(first) + log_of(second), "so do the others", 30.0)


class Starts(unittest.TestCase):
    def test_what_does_not_fit_together_is_refused(self):
        with Pki() as pki:
            cluster = Cluster(1, start=False, tls=pki.context())
            self.addCleanup(cluster.close)
            member = cluster.members[0]
            for flags, words in (
                    ({}, "which needs --cert-file and --key-file"),
                    ({"cert_file": pki.path("member.crt")}, "--cert-file needs --key-file"),
                    ({"cert_file": pki.path("none.crt"), "key_file": pki.path("member.key")}, "cannot use the certificate in"),
                    ({"cert_file": pki.path("member.crt"), "key_file": pki.path("client.key")}, "is not that of the certificate"),
                    ({"cert_file": pki.path("member.crt"), "key_file": pki.path("member.key"), "client_cert_auth": "true"},
                     "needs --trusted-ca-file"),
                    ({"cert_file": pki.path("member.crt"), "key_file": pki.path("member.key"),
                      "listen_client_urls": "http://127.0.0.1:1", "advertise_client_urls": "http://127.0.0.1:1"},
                     "would travel in the clear")):
                status, said = member.run(**flags)
                self.assertEqual(status, 2, said)
                self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()

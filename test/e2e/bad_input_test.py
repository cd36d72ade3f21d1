#!/usr/bin/env python3
"""Whatever comes in from outside: a clear error, and everything as it was before."""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import grpc_wire
from cluster import Cluster, ClusterCase, Member, cairn, free_port, key_path, port_of

VALUE_TOO_LARGE = b"x" * (1536 * 1024 + 1)


class Requests(ClusterCase):
    """Clients that say the wrong thing to a running cluster."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leader = cls.cluster.leader()
        for value in (b"first", b"second", b"value"):
            cls.leader.put("kept", value)

    def setUp(self):
        self.before = self.state()

    def tearDown(self):
        self.assertEqual(self.before, self.state(), "bad input has changed something")

    def state(self):
        status = self.leader.status()
        return (status["revision"], status["keys"], status["term"], status["name"], self.leader.get("kept").body,
                len(self.cluster.running()))

    def refused(self, status, reply, *words):
        self.assertEqual(status, reply.status, reply)
        problem = reply.json()
        self.assertTrue(problem["code"] and problem["title"], problem)
        for word in words:
            self.assertIn(word, json.dumps(problem))

    def test_keys(self):
        ask = self.leader.request
        self.refused(400, ask("PUT", "/v1/kv/", b"v"), "key is not provided")
        self.refused(400, ask("PUT", "/v1/kv/?enc=base64url", b"v"))
        self.refused(400, ask("PUT", "/v1/kv/a%2", b"v"), "percent-encoding")
        self.refused(400, ask("PUT", "/v1/kv/a%zz", b"v"), "percent-encoding")
        self.refused(400, ask("PUT", "/v1/kv/$$$?enc=base64url", b"v"), "base64url")
        self.refused(400, ask("PUT", "/v1/kv/a?enc=rot13", b"v"), "rot13")
        oversized = ask("PUT", "/v1/kv/" + "k" * (1 << 20), b"v")
        self.assertIn(oversized.status, (413, 414, 431), oversized)

    def test_values(self):
        self.refused(413, self.leader.put("big", VALUE_TOO_LARGE), "too large")
        # A length that is announced, but far beyond every limit, is refused before the body is read.
        connection = socket.create_connection(("127.0.0.1", port_of(self.leader.client_url)), timeout=5)
        connection.sendall(b"PUT /v1/kv/big HTTP/1.1\r\nHost: e2e\r\nContent-Length: 99999999999\r\n\r\n")
        answer = connection.recv(4096)
        connection.close()
        self.assertTrue(answer == b"" or b" 413 " in answer.split(b"\r\n")[0], answer)

    def test_query_parameters(self):
        ask = self.leader.request
        self.refused(400, ask("GET", "/v1/kv/kept?rev=x"), "rev")
        self.refused(400, ask("GET", "/v1/kv/kept?rev=-1"), "rev")
        self.refused(400, ask("GET", "/v1/kv/kept?consistensy=local"), "consistensy")
        self.refused(400, ask("GET", "/v1/kv/kept?consistency=maybe"), "maybe")
        self.refused(400, ask("GET", "/v1/kv?limit=0"), "limit")
        self.refused(400, ask("GET", "/v1/kv?cursor=nonsense"), "cursor")
        self.refused(400, ask("DELETE", "/v1/kv"), "all")

    def test_binary_keys(self):
        key = bytes(range(256))
        for method in ("PUT", "DELETE"):  # a condition that does not hold: looked up, and nothing is written
            reply = self.leader.request(method, key_path(key), b"v", {"If-Match": '"1"'})
            self.assertEqual(412, reply.status, reply)
        self.refused(404, self.leader.get(key), "key_not_found")

    def test_conditions(self):
        for method in ("PUT", "DELETE"):
            for header in ("If-Match", "If-None-Match"):
                for tag in ("", " ", "no-quotes", '"x"', '"-1"', '"99999999999999999999999"', '"1",', '*, "2"'):
                    reply = self.leader.request(method, key_path("kept"), b"v", {header: tag})
                    self.refused(400, reply, header)
        self.refused(400, self.leader.put("kept", b"v", Idempotency_Key="k" * 257))

    def test_revisions(self):
        self.refused(400, self.leader.get("kept", "?rev=999999"), "future")
        status, _, err = self.etcdctl("get", "kept", "--rev", "999999")
        self.assertEqual(1, status)
        self.assertIn("etcdserver: mvcc: required revision is a future revision", err)

    def test_compacted_revisions(self):
        revision = self.leader.status()["revision"]
        status, _, err = self.etcdctl("compaction", str(revision))
        self.assertEqual(0, status, err)
        self.refused(410, self.leader.get("kept", f"?rev={revision - 1}"), "compacted")
        status, _, err = self.etcdctl("get", "kept", "--rev", str(revision - 1))
        self.assertEqual(1, status)
        self.assertIn("etcdserver: mvcc: required revision has been compacted", err)
        for again in (revision, revision - 1):
            self.assertIn("has been compacted", self.etcdctl("compaction", str(again))[2])
        self.assertIn("is a future revision", self.etcdctl("compaction", "999999")[2])

    def test_values_too_large_over_grpc(self):
        for size, words in ((1536 * 1024, "etcdserver: request is too large"), (2 * 1024 * 1024, "larger than max")):
            done = subprocess.run(["etcdctl", "--endpoints", self.leader.client_url, "put", "big"], input=b"x" * size,
                                  capture_output=True, timeout=30, check=False) if shutil.which("etcdctl") else None
            if done is None:
                self.skipTest("etcd-client is not installed")
            self.assertEqual(1, done.returncode)
            self.assertIn(words, done.stderr.decode())

    def etcdctl(self, *arguments):
        if not shutil.which("etcdctl"):
            self.skipTest("etcd-client is not installed")
        done = subprocess.run(["etcdctl", "--endpoints", self.leader.client_url, *arguments], capture_output=True,
                              text=True, timeout=30, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_json(self):
        for body in (b"", b"{", b"[]", b"null", b'"x"', b'{"then": 1}', b'{"iff": []}', b"\xff\xfe", b"[" * 100000,
                     b'{"then": [{"put": {"key": "a"}}]}', b'{"then": [{"put": {"key": 1, "value": "b"}}]}',
                     b'{"then": [{"put": {"key": "", "value": "b"}}]}',
                     b'{"then": [{"put": {"key": "a", "value": {"base64": "***"}}}]}',
                     b'{"then": [{"put": {"key": "a", "value": "1"}}, {"put": {"key": "a", "value": "2"}}]}',
                     b'{"if": [{"key": "a", "target": "weather", "value": "1"}]}',
                     json.dumps({"then": [{"put": {"key": str(i), "value": ""}} for i in range(129)]}).encode()):
            with self.subTest(body=body[:60]):
                self.refused(400, self.leader.request("POST", "/v1/txn", body))

    def test_paths_and_methods(self):
        self.refused(404, self.leader.request("GET", "/v1/nothing"), "/v1/kv")
        self.refused(404, self.leader.request("GET", "/"))
        wrong = self.leader.request("PATCH", "/v1/kv/kept", b"v")
        self.refused(405, wrong)
        self.assertIn("PUT", wrong.headers["allow"])

    def test_http1_nonsense(self):
        for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 64, b"\x16\x03\x01\x02\x00\x01",
                     b"GET /v1/kv/kept HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n",
                     b"PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
                     b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n"):
            with self.subTest(data=data[:40]):
                wire = grpc_wire.Wire(self.leader.client_url, 1.0)
                answer = wire.tell(data)
                wire.close()
                self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.0 4")
                                or answer.startswith(b"HTTP/1.1 5"), answer[:200])

    def test_http2_nonsense(self):
        start = grpc_wire.PREFACE + grpc_wire.frame(grpc_wire.SETTINGS, 0, 0)
        for name, data in {
                "preface": grpc_wire.PREFACE[:-2] + b"XX",
                "settings length": grpc_wire.PREFACE + grpc_wire.frame(grpc_wire.SETTINGS, 0, 0, b"abc"),
                "frame too long": start + grpc_wire.frame(grpc_wire.DATA, 0, 1, b"", length=(1 << 24) - 1) + b"x" * 100,
                "data on no stream": start + grpc_wire.frame(grpc_wire.DATA, 0, 1, b"abc"),
                "continuation of nothing": start + grpc_wire.frame(grpc_wire.CONTINUATION, 4, 1, b"abc"),
                "headers that do not decompress": start + grpc_wire.frame(grpc_wire.HEADERS, 4, 1, b"\xff" * 40),
                "even stream": start + grpc_wire.frame(grpc_wire.HEADERS, 4, 2, grpc_wire.request_headers(b"/a"))}.items():
            with self.subTest(name):
                wire = grpc_wire.Wire(self.leader.client_url, 2.0)
                answer = wire.tell(data)
                wire.close()
                kinds = [kind for kind, *_ in grpc_wire.frames(answer)]
                self.assertTrue(wire.closed or grpc_wire.GOAWAY in kinds, f"{name}: {answer[:100]!r}")

    def test_grpc_nonsense(self):
        put = b"/etcdserverpb.KV/Put"
        good = grpc_wire.field(1, b"a") + grpc_wire.field(2, b"b")
        for name, path, body in [
                ("unknown method", b"/etcdserverpb.KV/Nothing", grpc_wire.message(good)),
                ("unknown service", b"/nobody/Knows", grpc_wire.message(good)),
                ("no message", put, b""),
                ("half a message", put, grpc_wire.message(good, length=len(good) + 10)),
                ("a length of 4 GiB", put, grpc_wire.message(good, length=0xFFFFFFFF)),
                ("compressed without saying how", put, grpc_wire.message(good, compressed=1)),
                ("not protobuf", put, grpc_wire.message(b"\xff\xff\xff")),
                ("empty key", put, grpc_wire.message(b"")),
                ("a field that is longer than the message", put, grpc_wire.message(b"\x0a\x7fabc"))]:
            with self.subTest(name):
                answer, closed = grpc_wire.call(self.leader.client_url, path, body)
                # Status 0 would travel as "grpc-status" "0"; anything else is an error, as is a reset stream.
                ended = closed or any(kind in (grpc_wire.HEADERS, 3, grpc_wire.GOAWAY) for kind, _, stream, _ in answer
                                      if stream == 1 or kind == grpc_wire.GOAWAY)
                self.assertTrue(ended, f"{name}: {answer}")

    def test_malformed_http2_requests(self):
        put = b"/etcdserverpb.KV/Put"
        body = grpc_wire.message(grpc_wire.field(1, b"a") + grpc_wire.field(2, b"b"))
        for name, header in {"pseudo header at the end": (b":authority", b"x"), "unknown pseudo header": (b":x", b"y"),
                             "connection": (b"connection", b"close"), "te": (b"te", b"gzip"), "upper case": (b"Key", b"x"),
                             "a line break": (b"key", b"a\r\nb: c"), "too short": (b"content-length", b"1"),
                             "too long": (b"content-length", b"1000")}.items():
            with self.subTest(name):
                answer, closed = grpc_wire.call(self.leader.client_url, put, body, headers=[header])
                kinds = [kind for kind, _, stream, _ in answer if stream == 1]
                self.assertTrue(closed or kinds == [grpc_wire.RESET], f"{name}: {answer}")

    def test_peer_port_serves_no_client(self):
        for data in (b"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n", grpc_wire.PREFACE, b"\x00" * 4096, b"\xff" * 4096):
            wire = grpc_wire.Wire(self.leader.peer_url, 1.0)
            answer = wire.tell(data)
            wire.close()
            self.assertNotIn(b"HTTP", answer)


class CommandLine(unittest.TestCase):
    """Start lines and commands that cannot work: status 2 for usage, 5 for this machine, and a hint."""

    def usage(self, *arguments):
        status, out, err = cairn(*arguments, timeout=5)
        self.assertEqual((2, b""), (status, out), f"{arguments}: {err}")
        self.assertIn("error:", err)
        return err

    def test_unknown_words(self):
        self.assertIn("get", self.usage("gte", "k"))
        self.usage("get", "k", "--nonsense")
        self.usage("put", "k")
        self.usage("server", "--nonsense")
        self.assertIn("name", self.usage("server", "--nmae", "a"))
        self.usage("server", "stray-argument")

    def test_values_of_flags(self):
        for flag, value in [("--listen-client-urls", "nonsense"), ("--listen-client-urls", "http://127.0.0.1:99999"),
                            ("--listen-client-urls", "ftp://127.0.0.1:1"), ("--listen-peer-urls", "http://127.0.0.1"),
                            ("--heartbeat-interval", "-1"), ("--heartbeat-interval", "soon"), ("--election-timeout", "0"),
                            ("--initial-cluster", "a=b=c"), ("--initial-cluster", "a=http://127.0.0.1:1,b=http://127.0.0.1:1"),
                            ("--initial-cluster-state", "maybe"), ("--log-level", "loud")]:
            with self.subTest(flag=flag, value=value):
                # Should it start all the same, then where nobody minds.
                with tempfile.TemporaryDirectory() as folder:
                    said = self.usage("server", "--name", "a", "--data-dir", f"{folder}/a", flag, value)
                self.assertIn(flag.lstrip("-"), said)

    def test_bad_endpoints(self):
        for endpoint in ("nonsense", "ftp://a:1", "http://127.0.0.1:99999", "http://"):
            self.usage("get", "k", "--endpoints", endpoint)

    def test_unreachable_is_said_at_once(self):
        status, _, err = cairn("get", "k", "--endpoints", f"http://127.0.0.1:{free_port()}", timeout=5)
        self.assertEqual(3, status)
        self.assertIn("127.0.0.1", err)


class StartLines(unittest.TestCase):
    """A member that must not start says why, which way out there is, and leaves the directory as it was."""

    def setUp(self):
        self.cluster = self.enterContext(Cluster(1, start=False))
        self.member = self.cluster.members[0]

    def refuses(self, *words, **changed):
        status, said = self.member.run(**changed)
        self.assertNotIn(status, (0, 70, -6, -11), said)
        self.assertIn('"level":"error"', said)
        for word in words:
            self.assertIn(word, said)
        return status

    def started_once(self):
        self.member.start().wait()
        self.cluster.leader()
        self.member.put("kept", b"value")
        self.assertEqual(0, self.member.terminate())

    def still_there(self):
        self.member.start().wait()
        self.cluster.leader()
        self.assertEqual(b"value", self.member.get("kept").body)

    def test_cluster_without_this_member(self):
        self.assertEqual(2, self.refuses(self.member.name, initial_cluster=f"other={self.member.peer_url}"))

    def test_port_in_use(self):
        for url, flag in ((self.member.client_url, "--listen-client-urls"), (self.member.peer_url, "--listen-peer-urls")):
            with socket.socket() as holder:
                holder.bind(("127.0.0.1", port_of(url)))
                holder.listen()
                self.assertEqual(5, self.refuses(f"127.0.0.1:{port_of(url)}", "in use", f"(pid {os.getpid()})", flag))

    def test_flags_about_the_initial_cluster_do_not_count_later(self):
        self.started_once()
        peer_url = f"http://127.0.0.1:{free_port()}"
        self.member.start(initial_cluster_token="another", listen_peer_urls=peer_url,
                          initial_advertise_peer_urls=peer_url, initial_cluster=f"n1={peer_url}").wait()
        self.cluster.leader()
        self.assertIn("ignored", self.member.log_path.read_text())
        self.assertEqual(b"value", self.member.get("kept").body)
        self.member.kill()
        self.still_there()

    def test_data_of_another_member(self):
        cluster = f"n1={self.member.peer_url},n2=http://127.0.0.1:{free_port()}"
        self.member.start(initial_cluster=cluster).wait()
        self.member.kill()
        self.assertEqual(5, self.refuses("E_IDENTITY", str(self.member.data_dir), "belongs to member n1", name="n2",
                                         initial_advertise_peer_urls=None, initial_cluster=cluster))

    def test_data_in_use_by_another_process(self):
        self.member.start().wait()
        other = Member(self.cluster, self.member.name)
        status, said = other.run(data_dir=str(self.member.data_dir), initial_cluster=f"n1={other.peer_url}")
        self.assertEqual(5, status, said)
        self.assertIn("lock", said)
        self.assertTrue(self.member.answers())

    def test_data_of_a_newer_format(self):
        self.started_once()
        identity = self.member.data_dir / "IDENTITY"
        kept = identity.read_bytes()
        newer = of_a_newer_format(kept)
        identity.write_bytes(newer)
        self.assertEqual(5, self.refuses("E_FORMAT_NEWER", str(identity), "newer version"))
        self.assertEqual(newer, identity.read_bytes())
        identity.write_bytes(kept)
        self.still_there()


def of_a_newer_format(identity):
    """Both copies in the file as a later version would begin them: magic, version, checksum of the two."""
    xxhash = ctypes.CDLL("libxxhash.so.0")
    xxhash.XXH3_64bits.restype = ctypes.c_uint64
    changed, magic = bytearray(identity), identity[:8]
    start = 0
    while (at := identity.find(magic, start)) >= 0:
        version = int.from_bytes(identity[at + 8:at + 12], "little")
        changed[at + 8:at + 12] = (version + 1).to_bytes(4, "little")
        checksum = xxhash.XXH3_64bits(bytes(changed[at:at + 12]), ctypes.c_size_t(12)) & 0xFFFFFFFF
        changed[at + 12:at + 16] = checksum.to_bytes(4, "little")
        start = at + 8
    assert start > 8, "two copies"
    return bytes(changed)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""REST v1 by a foreign client, curl, and by hand: redirects before the body, heads that could mean two things."""

import socket
import subprocess
import unittest

from cluster import ClusterCase, key_path, port_of


def curl(*arguments, stdin=b""):
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *arguments], input=stdin, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


class RestByCurl(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leader = cls.cluster.leader()
        cls.follower = cls.cluster.followers()[0]

    def said_to(self, member, text):
        """All that the member answers until it closes the connection."""
        with socket.create_connection(("127.0.0.1", port_of(member.client_url)), timeout=15) as wire:
            wire.sendall(text)
            answer = b""
            while piece := wire.recv(65536):
                answer += piece
            return answer

    def test_a_stream_is_sent_on_to_the_leader_before_its_body(self):
        """Standard input can be read once: the redirect has to come first."""
        for size in (1, 3_000, 1_200_000):
            body = b"x" * size
            url = self.follower.client_url + key_path(f"streamed-{size}")
            code, out, err = curl("-L", "-T", "-", "-w", "%{http_code} %{num_redirects}", url, stdin=body)
            self.assertEqual((0, "201 1"), (code, out), err)
            self.assertEqual(body, self.leader.get(f"streamed-{size}").body)

    def test_curl_creates_changes_and_asks(self):
        url = self.leader.client_url + key_path("made")
        self.assertEqual((0, "201"), curl("-X", "PUT", "-d", "1", "-o", "/dev/null", "-w", "%{http_code}", url)[:2])
        self.assertEqual((0, "200"), curl("-X", "PUT", "-d", "2", "-o", "/dev/null", "-w", "%{http_code}", url)[:2])
        head = curl("-I", url)[1].lower()
        for header in ("date: ", "cache-control: no-cache", "etag: "):
            self.assertIn(header, head)
        self.assertIn("allow: get, head, put, delete, options", curl("-i", "-X", "OPTIONS", url)[1].lower())

    def test_one_body_is_one_request(self):
        """What follows a body of unclear length is not taken for a request."""
        smuggled = b"PUT /v1/kv/smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"
        heads = ["Transfer-Encoding: gzip", "Transfer-Encoding: xchunked", "Transfer-Encoding: identity",
                 "Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked\r\nContent-Length: 4", "Host: b",
                 "Content-Length: 4\r\nContent-Length: 5", "X: a\r\n\tContent-Length: 99", "Content-Length: 1, 2"]
        for head in heads:
            answer = self.said_to(self.leader, b"PUT /v1/kv/first HTTP/1.1\r\nHost: a\r\n" + head.encode() + b"\r\n\r\n" + smuggled)
            self.assertIn(answer.split(b" ", 2)[1], (b"400", b"501"), (head, answer))
            self.assertEqual(1, len([line for line in answer.splitlines() if line.startswith(b"HTTP/1.1 ")]), (head, answer))
        for key in ("first", "smuggled"):
            self.assertEqual(404, self.leader.get(key).status)

    def test_a_fragment_writes_nothing(self):
        answer = self.said_to(self.leader, b"PUT /v1/kv/a#b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertEqual(404, self.leader.get("a").status)

    def test_an_absolute_target_is_its_path(self):
        answer = self.said_to(self.leader, b"PUT http://any.name/v1/kv/absolute HTTP/1.1\r\nHost: any.name\r\n"
                                           b"Connection: close\r\nContent-Length: 1\r\n\r\n1")
        self.assertTrue(answer.startswith(b"HTTP/1.1 201 "), answer)
        self.assertEqual(b"1", self.leader.get("absolute").body)


if __name__ == "__main__":
    unittest.main()

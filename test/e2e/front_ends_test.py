#!/usr/bin/env python3
"""Clients on several threads of one member: what one connection was told, every other one sees."""

import http.client
import json
import threading
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster, contents, key_path

FRONT_ENDS = 2
CLIENTS = 6  # on one connection each, so that they meet on every thread
ROUNDS = 60


class Client:
    """One connection that stays, so it stays with one thread of its member."""

    def __init__(self, member):
        address = urlsplit(member.client_url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)

    def ask(self, method, target, body=None, **headers):
        self.connection.request(method, target, body=body,
                                headers={"Cairn-Route": "forward"} | {n.replace("_", "-"): v for n, v in headers.items()})
        answer = self.connection.getresponse()
        answer.data = answer.read()
        return answer


def together(work, count=CLIENTS):
    """Runs work(0), work(1), ... at the same time; fails with the first that failed."""
    failures = []

    def run(number):
        try:
            work(number)
        except BaseException as failure:  # pylint: disable=broad-except
            failures.append(failure)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class FrontEnds(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster(3, front_end_threads=str(FRONT_ENDS)))

    def client(self, member):
        client = Client(member)
        self.addCleanup(client.connection.close)
        return client

    def member(self, number):
        return self.cluster.members[number % len(self.cluster.members)]

    def test_threads_are_there_and_named(self):
        pid = self.cluster.leader().process.pid
        names = sorted((task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir())
        for name in ("front-1", "front-2", "log", "snapshot"):
            self.assertIn(name, names)

    def test_a_read_sees_every_acknowledged_write_of_other_connections(self):
        def work(number):
            key = key_path(f"own/{number}")
            writer, readers = self.client(self.member(number)), [self.client(self.member(number + i)) for i in range(4)]
            for i in range(ROUNDS):
                self.assertIn(writer.ask("PUT", key, str(i)).status, (200, 201))
                read = readers[i % len(readers)].ask("GET", key + "?consistency=linearizable")
                self.assertEqual((200, str(i).encode()), (read.status, read.data))
        together(work)

    def test_grpc_load_of_every_kind_at_once(self):
        def work(number):
            kind = ("mixed", "range", "txn", "delete")[number]
            status, out, err = self.cluster.cairn(
                "bench", kind, "--connections", "4", "--streams", "20", "--keys", "500", "--seconds", "1", "--json")
            self.assertEqual(0, status, err)
            report = json.loads(out)
            self.assertEqual(0, report["errors"], report)
            self.assertGreater(report["ops"], 0)
        together(work, 4)

    def test_compare_and_swap_loses_no_increment(self):
        leader = self.cluster.leader()
        self.assertIn(leader.put("counter", b"0").status, (200, 201))

        def work(number):
            client, done = self.client(self.member(number)), 0
            while done < ROUNDS // 3:
                read = client.ask("GET", key_path("counter") + "?consistency=linearizable")
                wrote = client.ask("PUT", key_path("counter"), str(int(read.data) + 1), If_Match=read.headers["etag"])
                self.assertIn(wrote.status, (200, 412), wrote.data)
                done += wrote.status == 200
        together(work)
        self.assertEqual(CLIENTS * (ROUNDS // 3), int(leader.get("counter", "?consistency=linearizable").body))

    def test_a_range_is_one_state(self):
        fill = "x" * 200

        def work(number):
            client, seen = self.client(self.member(number)), -1
            for i in range(ROUNDS):
                if number < 2:
                    puts = [{"put": {"key": f"pair/{k:03}", "value": f"{i} {fill}"}} for k in range(100)]
                    self.assertEqual(200, client.ask("POST", "/v1/txn", json.dumps({"then": puts})).status)
                    continue
                listed = client.ask("GET", "/v1/kv?prefix=pair/&limit=1000&consistency=linearizable")
                self.assertEqual(200, listed.status)
                values = {item["value"] for item in json.loads(listed.data)["kvs"]}
                self.assertLessEqual(len(values), 1, "half of a transaction")
                revision = int(listed.headers["cairn-revision"])
                self.assertGreaterEqual(revision, seen, "one connection never sees the state go back")
                seen = revision
        together(work)

    def test_status_health_and_metrics_are_those_of_the_member(self):
        leader, follower = self.cluster.leader(), self.cluster.followers()[0]
        self.assertEqual(["leader", "follower"], [m.status()["role"] for m in (leader, follower)])
        for member in (leader, follower):
            for page in ("/health", "/readyz", "/livez"):
                self.assertEqual(200, member.request("GET", page).status, page)
            text = member.request("GET", "/metrics").body.decode()
            self.assertIn(f"etcd_server_is_leader {int(member is leader)}\n", text)
        revision = int(leader.put("k", b"v").headers["cairn-revision"])
        self.assertEqual(revision, leader.status()["revision"], "a status is never older than an answer")
        for member in self.cluster.followers():
            member.kill()
        self.assertEqual(503, leader.request("GET", "/readyz", timeout=30).status)

    def test_sigterm_under_load_loses_nothing_that_was_acknowledged(self):
        leader, acknowledged, stopping = self.cluster.leader(), [], threading.Event()

        def work(number):
            if number == 0:
                while len(acknowledged) < 100:
                    stopping.wait(0.001)
                stopping.set()
                self.assertEqual(0, leader.terminate(), leader.log_tail())
                return
            client = self.client(leader)
            for i in range(100000):
                key = f"load/{number}/{i}"
                try:
                    status = client.ask("PUT", key_path(key), b"v").status
                except (OSError, http.client.HTTPException):
                    self.assertTrue(stopping.is_set(), "cut off before anybody asked it to stop")
                    return
                if status in (200, 201):
                    acknowledged.append(key)
                elif status in (503, 504):
                    return
                else:
                    self.fail(f"answered {status}")
        together(work)
        successor = self.cluster.leader(other_than=leader)
        kept = {key.decode() for key, _ in contents(successor, "load/")}
        self.assertEqual([], [key for key in acknowledged if key not in kept])


if __name__ == "__main__":
    unittest.main()

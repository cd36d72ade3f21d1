#!/usr/bin/env python3
"""REST v1 over three real members: what each call answers, at the leader and at a follower."""

import json
import re
import unittest

from cluster import ClusterCase, bytes_of, cairn, key_path, wait_until


class BasicRest(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leader = cls.cluster.leader()
        cls.follower = cls.cluster.followers()[0]

    def key(self, name="k"):
        return f"{self.id().split('.')[-1]}/{name}"

    def status(self, wanted, reply):
        self.assertEqual(wanted, reply.status, reply)
        return reply

    def problem(self, status, code, reply):
        self.status(status, reply)
        self.assertTrue(reply.headers["content-type"].startswith("application/problem+json"), reply)
        self.assertEqual(code, reply.json()["code"], reply)
        return reply

    # ---- one key ----

    def test_put_get_delete(self):
        key = self.key()
        value = bytes(range(256))
        created = self.leader.put(key, value)
        self.assertIn(created.status, (200, 201), created)
        got = self.status(200, self.leader.get(key))
        self.assertEqual(value, got.body)
        self.assertEqual(created.headers["etag"], got.headers["etag"])
        self.assertEqual("1", got.headers["cairn-version"])
        self.assertEqual(got.headers["cairn-create-revision"], got.headers["cairn-mod-revision"])
        self.assertEqual(f'"{got.headers["cairn-mod-revision"]}"', got.headers["etag"])
        self.status(200, self.leader.request("DELETE", key_path(key)))
        self.problem(404, "key_not_found", self.leader.get(key))

    def test_every_write_has_its_own_revision(self):
        key = self.key()
        first = int(self.leader.put(key, b"1").headers["cairn-revision"])
        second = int(self.leader.put(key, b"2").headers["cairn-revision"])
        self.assertEqual(first + 1, second)
        got = self.leader.get(key)
        self.assertEqual("2", got.headers["cairn-version"])
        self.assertEqual(b"1", self.leader.get(key, f"?rev={first}").body)

    def test_empty_value_is_a_value(self):
        self.leader.put(self.key(), b"")
        got = self.status(200, self.leader.get(self.key()))
        self.assertEqual(b"", got.body)

    def test_keys_of_any_bytes(self):
        for key in ("a b", "ä/ö", "100%", "a?b#c&d=e", "..", "a//b", "+", "\x01"):
            with self.subTest(key=key):
                self.leader.put(self.key(key), key.encode())
                self.assertEqual(key.encode(), self.status(200, self.leader.get(self.key(key))).body)
        self.leader.request("PUT", "/v1/kv/_wAB?enc=base64url", b"binary")  # ff 00 01
        self.assertEqual(b"binary", self.leader.request("GET", "/v1/kv/%FF%00%01").body)

    # ---- conditions ----

    def test_if_match_is_compare_and_swap(self):
        key = self.key()
        old = self.leader.put(key, b"1").headers["etag"]
        new = self.status(200, self.leader.put(key, b"2", If_Match=old)).headers["etag"]
        refused = self.status(412, self.leader.put(key, b"3", If_Match=old))
        self.assertEqual(new, refused.headers["etag"])
        self.assertEqual(b"2", self.leader.get(key).body)
        self.status(412, self.leader.request("DELETE", key_path(key), headers={"If-Match": old}))
        self.status(200, self.leader.request("DELETE", key_path(key), headers={"If-Match": new}))
        self.status(412, self.leader.put(key, b"4", If_Match=new))
        self.status(404, self.leader.get(key))

    def test_if_none_match_creates_only(self):
        key = self.key()
        self.assertIn(self.leader.put(key, b"1", If_None_Match="*").status, (200, 201))
        self.status(412, self.leader.put(key, b"2", If_None_Match="*"))
        self.assertEqual(b"1", self.leader.get(key).body)

    def test_if_none_match_of_a_read_saves_the_body(self):
        etag = self.leader.put(self.key(), b"1").headers["etag"]
        unchanged = self.leader.request("GET", key_path(self.key()), headers={"If-None-Match": etag})
        self.status(304, unchanged)
        self.assertEqual(b"", unchanged.body)

    def test_same_idempotency_key_applies_once(self):
        key = self.key()
        once = [self.leader.put(key, b"1", Idempotency_Key="only-once") for _ in range(3)]
        self.assertEqual({once[0].headers["cairn-revision"]}, {reply.headers["cairn-revision"] for reply in once})
        self.assertEqual("1", self.leader.get(key).headers["cairn-version"])

    # ---- many keys ----

    def test_listing_pages_are_one_snapshot(self):
        names = [self.key(f"{i:03}") for i in range(25)]
        for name in names:
            self.leader.put(name, name.encode())
        found, cursor, pages = [], "", 0
        while True:
            target = f"/v1/kv?prefix={self.key('')}&limit=10" + (f"&cursor={cursor}" if cursor else "")
            body = self.status(200, self.leader.request("GET", target)).json()
            found += [bytes_of(item["key"]).decode() for item in body["kvs"]]
            pages += 1
            self.leader.put(self.key("024x"), b"written while paging")
            cursor = body.get("cursor")
            if not cursor:
                break
        self.assertEqual((names, 3), (found, pages))

    def test_keys_only_and_delete_by_prefix(self):
        for i in range(5):
            self.leader.put(self.key(str(i)), b"v")
        body = self.leader.request("GET", f"/v1/kv?prefix={self.key('')}&keys_only").json()
        self.assertEqual(5, len(body["kvs"]))
        self.assertNotIn("value", body["kvs"][0])
        deleted = self.status(200, self.leader.request("DELETE", f"/v1/kv?prefix={self.key('')}"))
        self.assertEqual(5, deleted.json()["deleted"])
        self.assertEqual([], self.leader.request("GET", f"/v1/kv?prefix={self.key('')}").json()["kvs"])

    def test_txn_takes_one_of_two_branches(self):
        key, other = self.key(), self.key("other")
        self.leader.put(key, b"1")
        txn = {"if": [{"key": key, "target": "value", "value": "1"}],
               "then": [{"put": {"key": key, "value": "2"}}, {"put": {"key": other, "value": "x"}}],
               "else": [{"get": {"key": key}}]}
        for succeeded in (True, False):
            reply = self.leader.request("POST", "/v1/txn", json.dumps(txn), {"Content-Type": "application/json"})
            self.assertEqual(succeeded, self.status(200, reply).json()["succeeded"])
        self.assertEqual("2", reply.json()["results"][0]["get"]["kvs"][0]["value"])
        first = self.leader.get(key)
        self.assertEqual(b"2", first.body)
        self.assertEqual(first.headers["etag"], self.leader.get(other).headers["etag"], "one txn, one revision")

    # ---- leader and follower ----

    def test_write_at_a_follower_is_redirected(self):
        reply = self.status(307, self.follower.put(self.key(), b"1"))
        self.assertEqual(self.leader.client_url + key_path(self.key()), reply.headers["location"])
        self.assertEqual(self.leader.client_url, reply.json()["leader"])
        self.assertTrue(reply.headers["cairn-leader"].startswith(self.leader.name + ";"), reply)
        self.status(404, self.leader.get(self.key()))
        for method, target in (("DELETE", key_path(self.key())), ("POST", "/v1/txn")):
            body = b'{"then": [{"put": {"key": "a", "value": "b"}}]}' if method == "POST" else None
            self.status(307, self.follower.request(method, target, body))

    def test_follower_forwards_when_asked_to(self):
        self.assertIn(self.follower.put(self.key(), b"1", Cairn_Route="forward").status, (200, 201))
        self.assertEqual(b"1", self.leader.get(self.key()).body)

    def test_read_at_a_follower_is_local_and_says_so(self):
        revision = int(self.leader.put(self.key(), b"1").headers["cairn-revision"])

        def caught_up():
            reply = self.follower.get(self.key())
            self.assertEqual("local", reply.headers["cairn-consistency"])
            self.assertGreater(int(reply.headers["cairn-applied-index"]), 0)
            return reply.status == 200 and int(reply.headers["cairn-revision"]) >= revision
        wait_until(caught_up, "the follower has applied the write")

    def test_consistency_can_be_chosen(self):
        for i in range(20):
            self.leader.put(self.key(), str(i).encode())
            got = self.follower.get(self.key(), "?consistency=linearizable")
            self.assertEqual((str(i).encode(), "linearizable"), (got.body, got.headers["cairn-consistency"]))
        self.assertEqual("linearizable", self.leader.get(self.key()).headers["cairn-consistency"])
        self.assertEqual("local", self.leader.get(self.key(), "?consistency=local").headers["cairn-consistency"])

    def test_curl_and_our_client_follow_the_redirect(self):
        status, out, err = self.cluster.cairn("put", self.key(), "value", endpoints=self.follower.client_url)
        self.assertEqual(0, status, err)
        status, out, err = self.cluster.cairn("get", self.key(), endpoints=self.follower.client_url)
        self.assertEqual((0, b"value"), (status, out), err)

    # ---- around the data ----

    def test_operational_pages(self):
        for member in self.cluster.members:
            self.assertEqual("true", str(member.request("GET", "/health").json()["health"]).lower())
            self.assertIn("etcdserver", member.request("GET", "/version").json())
            status = member.status()
            self.assertEqual(self.leader.name, member.leader_name())
            self.assertEqual(member.name, status["name"])
            metrics = member.request("GET", "/metrics")
            self.status(200, metrics)
            self.assertIn(b"# TYPE ", metrics.body)
            self.assertIn(b"etcd_server_has_leader 1", metrics.body)
            self.assertEqual((200, b""), self.status_and_body(member.request("HEAD", "/health")))
            self.assertEqual((200, b"ok\n"), self.status_and_body(member.request("GET", "/readyz")))
            self.assertEqual((200, b"[+]serializable_read ok\nok\n"),
                             self.status_and_body(member.request("GET", "/livez?verbose")))

    def status_and_body(self, reply):
        return reply.status, reply.body

    def test_head_is_get_without_the_body(self):
        self.leader.put("head", b"12345")
        get, head = self.leader.get("head"), self.leader.request("HEAD", key_path("head"))
        self.assertEqual((200, b""), self.status_and_body(head))
        for name in ("etag", "content-length", "content-type", "cairn-mod-revision"):
            self.assertEqual(get.headers[name], head.headers[name])
        self.assertEqual(404, self.leader.request("HEAD", key_path("no such key")).status)

    def test_metrics_that_dashboards_read(self):
        self.leader.put("counted", b"1")
        self.leader.get("counted")
        self.leader.request("DELETE", key_path("counted"))
        text = self.leader.request("GET", "/metrics").body.decode()
        families = re.findall(r"^# TYPE (\S+) ", text, re.M)
        self.assertEqual(len(families), len(set(families)), "no name is there twice")
        for name in (
                "etcd_server_has_leader", "etcd_server_is_leader", "etcd_server_is_learner",
                "etcd_server_leader_changes_seen_total", "etcd_server_proposals_committed_total",
                "etcd_server_proposals_applied_total", "etcd_server_proposals_pending",
                "etcd_server_proposals_failed_total", "etcd_server_health_success", "etcd_server_health_failures",
                "etcd_disk_wal_fsync_duration_seconds", "etcd_disk_backend_commit_duration_seconds",
                "etcd_mvcc_put_total", "etcd_mvcc_delete_total", "etcd_mvcc_range_total", "etcd_mvcc_txn_total",
                "etcd_mvcc_db_total_size_in_bytes", "etcd_network_client_grpc_received_bytes_total",
                "etcd_network_client_grpc_sent_bytes_total", "etcd_network_peer_sent_bytes_total",
                "grpc_server_started_total", "grpc_server_handled_total", "process_resident_memory_bytes"):
            self.assertIn(name, families)
        for name in ("etcd_mvcc_put_total", "etcd_mvcc_delete_total", "etcd_mvcc_range_total",
                     "etcd_server_leader_changes_seen_total"):
            self.assertRegex(text, rf"(?m)^{name} [1-9]")

    def test_command_line_says_by_its_exit_status_what_happened(self):
        self.assertEqual(0, self.cluster.cairn("put", self.key(), "1")[0])
        status, out, err = self.cluster.cairn("get", self.key("missing"))
        self.assertEqual((1, b""), (status, out))
        self.assertIn("not found", err)
        self.assertEqual(1, self.cluster.cairn("cas", self.key(), "2", "--expect", "wrong")[0])
        self.assertEqual(0, self.cluster.cairn("cas", self.key(), "2", "--expect", "1")[0])
        self.assertEqual(2, self.cluster.cairn("get")[0])
        self.assertEqual(2, cairn("nonsense")[0])
        self.assertEqual(3, cairn("get", "k", "--endpoints", "http://127.0.0.1:9")[0])
        self.assertEqual(4, self.cluster.cairn("put", self.key(), "-", stdin=b"x" * (2 << 20))[0])
        status, out, err = self.cluster.cairn("ls", self.key(""))
        self.assertEqual((0, [self.key()]), (status, out.decode().split()), err)
        self.assertEqual(0, self.cluster.cairn("del", self.key())[0])
        self.assertEqual(1, self.cluster.cairn("del", self.key())[0])

    def test_batch_of_nonsense_writes_nothing(self):
        for line in ("nonsense", '{"op": "fly", "key": "a"}', '{"op": "put", "key": "a"}', '{"op": "put", "key": ""}'):
            status, _, err = self.cluster.cairn("batch", stdin=line)
            self.assertEqual(2, status, err)
            self.assertIn("line 1", err)

    def test_batch_with_the_same_id_applies_once(self):
        line = json.dumps({"op": "put", "key": self.key(), "value": "1"})
        for _ in range(2):
            self.assertEqual(0, self.cluster.cairn("batch", "--id", self.key("id"), stdin=line)[0])
        self.assertEqual("1", self.leader.get(self.key()).headers["cairn-version"])

    def test_batch_is_one_transaction(self):
        lines = "\n".join(json.dumps({"op": "put", "key": self.key(name), "value": value})
                          for name, value in (("a", "1"), ("b", "2")))
        status, _, err = self.cluster.cairn("batch", stdin=lines)
        self.assertEqual(0, status, err)
        a, b = self.leader.get(self.key("a")), self.leader.get(self.key("b"))
        self.assertEqual((b"1", b"2"), (a.body, b.body))
        self.assertEqual(a.headers["etag"], b.headers["etag"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""etcd's JSON gateway: the same requests to etcd and to Cairn, and the answers byte for byte, but for names and numbers
that are each cluster's own."""

import base64
import http.client
import json
import random
import re
import unittest
import urllib.parse

from cluster import Cluster, http_request, wait_until
from etcd import Etcd

FOO = base64.b64encode(b"foo").decode()

# As curl -d sends them: path, body, and whether what etcd 3.4 says of it is to be compared too.
REQUESTS = [
    ("kv/put", '{"key":"Zm9v","value":"YmFy"}'),
    ("kv/put", '{"key":"Zm9v","value":"YmF6","prev_kv":true}'),
    ("kv/range", '{"key":"Zm9v"}'),
    ("kv/range", ""),
    ("kv/range", "{}"),
    ("kv/range", '{"key":"Zm9v","revision":99}'),
    ("kv/range", '{"key":"Zm9v","revision":"2"}'),
    ("kv/range", '{"key":"Zm9v","keysOnly":true}'),
    ("kv/range", '{"key":"AA==","range_end":"AA==","count_only":true}'),
    ("kv/range", '{"key":"AA==","range_end":"AA==","limit":"1","sort_order":"DESCEND","sort_target":"MOD"}'),
    ("kv/range", '{"key":null}'),
    ("kv/put", '{"key":"Zm9v","value":"YmFy","lease":"77"}'),
    ("kv/put", '{"key":"Zm9v","value":"YmFy","ignore_value":true}'),
    ("kv/put", '{"value":"PD4mPD4m"}'),
    ("kv/txn", '{"compare":[{"target":"VERSION","key":"Zm9v","version":"2","result":"EQUAL"}],"success":[{"requestPut":'
               '{"key":"Zm9v","value":"YQ=="}},{"request_range":{"key":"Zm9v"}}]}'),
    ("kv/txn", '{"compare":[{"target":"VERSION","key":"Zm9v","version":"2"}],"failure":[{"request_delete_range":'
               '{"key":"Zm9v","prev_kv":true}}]}'),
    ("kv/txn", '{"success":[{"requestPut":{"key":"Zm9v","value":"YQ=="}},{"request_put":{"key":"Zm9v"}}]}'),
    ("kv/txn", "{}"),
    ("kv/deleterange", '{"key":"AA==","range_end":"AA==","prev_kv":true}'),
    ("kv/compaction", '{"revision":3}'),
    ("kv/compaction", '{"revision":3}'),
    ("kv/compaction", '{"revision":300}'),
    ("kv/range", '{"key":"Zm9v","revision":"2"}'),
    ("lease/grant", '{"TTL":100,"ID":5}'),
    ("lease/grant", '{"TTL":100000000000,"ID":6}'),
    ("kv/put", '{"key":"bA==","lease":5}'),
    ("lease/keepalive", '{"ID":5}'),
    ("lease/keepalive", '{"ID":55}'),
    ("lease/keepalive", '{"ID":5}{"ID":5}'),
    ("lease/leases", "{}"),
    ("kv/lease/leases", "{}"),
    ("kv/lease/revoke", '{"ID":5}'),
    ("lease/revoke", '{"ID":5}'),
    ("lease/timetolive", '{"ID":5,"keys":true}'),
    ("lease/grant", '{"TTL":100,"ID":9}'),
    ("lock/lock", '{"name":"bG9jaw==","lease":9}'),
    ("lock/lock", '{"name":"bG9jaw==","lease":9}'),
    ("lock/unlock", '{"key":"bG9jay85"}'),
    ("election/campaign", '{"name":"ZQ==","lease":9,"value":"YQ=="}'),
    ("election/leader", '{"name":"ZQ=="}'),
    ("election/leader", '{"name":"ZWU="}'),
    ("election/proclaim", '{"value":"YQ=="}'),
    ("election/resign", "{}"),
    ("kv/nothing", "{}"),
]


def post(url, path, body, prefix="v3"):
    return http_request(url, "POST", f"/{prefix}/{path}", body.encode())


def masked(body):
    """Without what is each cluster's own."""
    text = re.sub(rb'"(cluster_id|member_id|raft_term|leader)":"[0-9]+"', rb'"\1":"X"', body)
    return text


class Lines:
    """A streaming method's answer."""

    def __init__(self, url, path, body):
        address = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        self.connection.request("POST", f"/v3/{path}", body)
        self.response = self.connection.getresponse()

    def next(self, count=1):
        return [self.response.readline() for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()


class SideBySide(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cairn = cls.enterClassContext(Cluster(1))
        cls.etcd = cls.enterClassContext(Etcd(1))
        cls.urls = [cls.etcd.clients[0], cls.cairn.members[0].client_url]

    def both(self, path, body, prefix="v3"):
        replies = [post(url, path, body, prefix) for url in self.urls]
        theirs, ours = [(reply.status, masked(reply.body)) for reply in replies]
        self.assertEqual(theirs, ours, f"{path} {body}")
        self.assertEqual(*[reply.headers["content-type"] for reply in replies], path)
        return replies[1]

    def test_1_answers_are_equal(self):
        for path, body in REQUESTS:
            self.both(path, body)

    def test_2_so_are_those_to_a_thousand_random_requests(self):
        rng = random.Random(20261130)
        keys = [base64.b64encode(bytes([97 + i])).decode() for i in range(6)]

        def put():
            value = base64.b64encode(rng.randbytes(rng.randrange(20))).decode()
            return {"key": rng.choice(keys), "value": value, **({"prev_kv": True} if rng.random() < 0.5 else {})}

        def range_():
            extra = [{}, {"range_end": rng.choice(keys)}, {"range_end": "AA==", "limit": str(rng.randrange(4))},
                     {"keys_only": True}, {"range_end": "AA==", "sort_order": rng.choice(["ASCEND", "DESCEND"]),
                                           "sort_target": rng.choice(["KEY", "VERSION", "CREATE", "MOD", "VALUE"])}]
            return {"key": rng.choice(keys), **rng.choice(extra)}

        def delete():
            return {"key": rng.choice(keys), **({"range_end": rng.choice(keys)} if rng.random() < 0.3 else {})}

        def operation():
            return rng.choice([lambda: {"requestPut": put()}, lambda: {"request_range": range_()},
                               lambda: {"requestDeleteRange": delete()}])()

        def compare():
            target = rng.choice([{"target": "VALUE", "value": base64.b64encode(rng.randbytes(1)).decode()},
                                 {"target": "VERSION", "version": rng.randrange(5)},
                                 {"target": "CREATE", "create_revision": str(rng.randrange(500))},
                                 {"target": "MOD", "modRevision": rng.randrange(900)}])
            return {"key": rng.choice(keys), "result": rng.choice(["EQUAL", "GREATER", "LESS", "NOT_EQUAL"]), **target}

        def txn():
            return {"compare": [compare() for _ in range(rng.randrange(3))],
                    "success": [operation() for _ in range(rng.randrange(3))],
                    "failure": [operation() for _ in range(rng.randrange(3))]}

        for _ in range(1000):
            path, make = rng.choice([("kv/put", put), ("kv/range", range_), ("kv/deleterange", delete), ("kv/txn", txn)])
            self.both(path, json.dumps(make()))

    def test_3_watches_tell_the_same(self):
        start = json.loads(post(self.urls[1], "kv/put", json.dumps({"key": FOO})).body)["header"]["revision"]
        self.assertEqual(start, json.loads(post(self.urls[0], "kv/put", json.dumps({"key": FOO})).body)["header"]["revision"])
        create = {"create_request": {"key": FOO, "start_revision": start, "prev_kv": True}}
        body = json.dumps(create) + json.dumps({"createRequest": {"key": FOO, "filters": ["NOPUT"]}})
        with Lines(self.urls[0], "watch", body) as theirs, Lines(self.urls[1], "watch", body) as ours:
            told = [sorted(masked(line) for line in lines.next(3)) for lines in (theirs, ours)]
            self.assertEqual(*told)
            self.both("kv/put", json.dumps({"key": FOO, "value": "YQ=="}))
            self.assertEqual(*[masked(lines.next()[0]) for lines in (theirs, ours)])
            self.both("kv/deleterange", json.dumps({"key": FOO}))
            told = [sorted(masked(line) for line in lines.next(2)) for lines in (theirs, ours)]
            self.assertEqual(*told)
            self.assertIn(b'"type":"DELETE"', told[1][0])

    def test_4_older_paths(self):
        self.both("kv/range", json.dumps({"key": FOO}), prefix="v3beta")
        self.assertEqual(200, post(self.urls[1], "kv/range", json.dumps({"key": FOO}), prefix="v3alpha").status)

    def test_5_what_is_no_message_is_refused(self):
        for path, body in [("kv/put", "{"), ("kv/put", '{"key":"!!"}'), ("kv/range", '{"key":"YQ==","sort_order":"UP"}'),
                           ("kv/range", '{"key":"YQ==","revision":"1x"}'), ("kv/range", "[1]"), ("watch", '{"create')]:
            for url in self.urls:
                reply = post(url, path, body)
                self.assertIn(reply.status, (400, 500), body)
            self.assertEqual(400, reply.status)
            self.assertTrue(json.loads(reply.body)["error"].startswith("cairn: the body is"), reply.body)


class Alone(unittest.TestCase):
    def test_at_a_follower_as_at_the_leader(self):
        with Cluster(3) as cluster:
            leader = cluster.leader()
            follower = next(member for member in cluster.members if member is not leader)
            with Lines(follower.client_url, "watch", json.dumps({"create_request": {"key": FOO}})) as watch:
                watch.next()
                put = post(follower.client_url, "kv/put", json.dumps({"key": FOO, "value": "YmFy"}))
                self.assertEqual(200, put.status, put.body)
                event = json.loads(watch.next()[0])["result"]["events"][0]
                self.assertEqual("YmFy", event["kv"]["value"])
            got = post(follower.client_url, "kv/range", json.dumps({"key": FOO}))
            self.assertEqual("YmFy", json.loads(got.body)["kvs"][0]["value"])

    def test_a_list_of_any_size_and_its_neighbours(self):
        with Cluster(1) as cluster:
            url = cluster.members[0].client_url
            value = base64.b64encode(b"v" * 500_000).decode()
            for i in range(100):
                put = post(url, "kv/put", json.dumps({"key": base64.b64encode(b"k%03d" % i).decode(), "value": value}))
                self.assertEqual(200, put.status, put.body)
            got = post(url, "kv/range", json.dumps({"key": "AA==", "range_end": "AA=="}))
            listed = json.loads(got.body)
            self.assertEqual(100, len(listed["kvs"]))
            self.assertEqual("100", listed["count"])
            self.assertTrue(all(kv["value"] == value for kv in listed["kvs"]))
            # One that nobody reads takes nothing but its place.
            with Lines(url, "kv/range", json.dumps({"key": "AA==", "range_end": "AA=="})):
                for _ in range(20):
                    self.assertEqual(200, post(url, "kv/put", json.dumps({"key": FOO})).status)
            wait_until(lambda: post(url, "kv/put", json.dumps({"key": FOO})).status == 200, "it serves on")


if __name__ == "__main__":
    unittest.main()

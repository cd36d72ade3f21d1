"""What programs do with Debian's python3-etcd3 (gRPC of grpcio): with_etcd3.py HOST PORT"""

import sys
import threading
import unittest

import etcd3

HOST, PORT = sys.argv.pop(1), int(sys.argv.pop(1))


class WithEtcd3(unittest.TestCase):
    def setUp(self):
        self.client = etcd3.client(host=HOST, port=PORT, timeout=10)
        self.addCleanup(self.client.close)

    def test_keys(self):
        self.client.put("keys/foo", "bar")
        value, about = self.client.get("keys/foo")
        self.assertEqual((b"bar", b"keys/foo", 1), (value, about.key, about.version))
        self.assertEqual((None, None), self.client.get("keys/none"))
        for key in ("keys/a", "keys/c", "keys/b"):
            self.client.put(key, key.upper())
        listed = self.client.get_prefix("keys/", sort_order="descend", sort_target="key")
        self.assertEqual([b"BAR".lower(), b"KEYS/C", b"KEYS/B", b"KEYS/A"], [value for value, _ in listed])
        self.assertTrue(self.client.delete("keys/a"))
        self.assertFalse(self.client.delete("keys/a"))
        self.assertEqual(3, self.client.delete_prefix("keys/").deleted)

    def test_transactions(self):
        self.client.delete("txn/x")
        self.assertTrue(self.client.put_if_not_exists("txn/x", "1"))
        self.assertFalse(self.client.put_if_not_exists("txn/x", "1"))
        self.assertFalse(self.client.replace("txn/x", "2", "3"))
        compare = [self.client.transactions.value("txn/x") == "1", self.client.transactions.version("txn/x") > 0]
        done, responses = self.client.transaction(
            compare=compare, success=[self.client.transactions.put("txn/x", "s"), self.client.transactions.get("txn/x")],
            failure=[self.client.transactions.delete("txn/x")])
        self.assertTrue(done)
        self.assertEqual(b"s", responses[1][0][0])

    def test_leases(self):
        lease = self.client.lease(30)
        self.client.put("lease/k", "v", lease=lease)
        self.assertEqual([b"lease/k"], lease.keys)
        self.assertEqual(30, lease.granted_ttl)
        self.assertEqual([30], [answer.TTL for answer in lease.refresh()])
        lease.revoke()
        self.assertEqual((None, None), self.client.get("lease/k"))

    def test_watches(self):
        events, cancel = self.client.watch_prefix("watch/")
        seen = []

        def collect():
            for event in events:
                seen.append((type(event).__name__, event.key, event.value))
                if len(seen) == 3:
                    return

        thread = threading.Thread(target=collect)
        thread.start()
        self.client.put("watch/1", "one")
        self.client.put("watch/2", "two")
        self.client.delete("watch/1")
        thread.join(20)
        cancel()
        self.assertEqual([("PutEvent", b"watch/1", b"one"), ("PutEvent", b"watch/2", b"two"),
                          ("DeleteEvent", b"watch/1", b"")], seen)

    def test_a_watch_of_the_past_that_is_gone(self):
        self.client.put("past", "1")
        revision = self.client.put("past", "2").header.revision
        self.client.compact(revision)
        ended = threading.Event()
        self.client.add_watch_callback("past", lambda answer: ended.set() if isinstance(
            answer, etcd3.exceptions.RevisionCompactedError) else None, start_revision=1)
        self.assertTrue(ended.wait(20))

    # Who has to wait meets a tenacity that this client does not know: one that is free has to do.
    def test_locks(self):
        with self.client.lock("resource", ttl=20) as lock:
            self.assertTrue(lock.is_acquired())
            self.assertEqual(20, lock.lease.granted_ttl)
        self.assertFalse(lock.is_acquired())

    def test_maintenance(self):
        status = self.client.status()
        self.assertEqual(status.leader.name, next(member.name for member in self.client.members if member.id == status.leader.id))
        self.assertGreater(self.client.hash(), 0)
        self.client.defragment()
        self.assertEqual([], list(self.client.list_alarms()))
        self.client.create_alarm()
        self.assertEqual(1, len(list(self.client.list_alarms())))
        self.client.disarm_alarm()
        self.assertEqual([], list(self.client.list_alarms()))


if __name__ == "__main__":
    unittest.main()

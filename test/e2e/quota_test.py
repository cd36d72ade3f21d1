#!/usr/bin/env python3
"""A quota on real members: when it is used up, puts are refused everywhere with etcd's words, all else goes on, and what was
deleted and compacted makes room again, in the process too. Debian's etcdctl looks and disarms."""

import json
import os
import shutil
import subprocess
import sys
import unittest

from cluster import Cluster, http_request, memory_kib, wait_until

NO_SPACE = "etcdserver: mvcc: database space exceeded"
QUOTA = 32 << 20


class QuotaCase(unittest.TestCase):
    def etcdctl(self, cluster, *arguments, stdin=""):
        if not shutil.which("etcdctl"):
            self.skipTest("etcd-client is not installed")
        done = subprocess.run(["etcdctl", "--endpoints", cluster.endpoints(), *arguments], input=stdin, text=True,
                              capture_output=True, timeout=30, check=False, env=os.environ | {"ETCDCTL_API": "3"})
        return done.returncode, done.stdout, done.stderr

    def fill(self, member, size=256 << 10, times=400):
        """Writes one key again and again; the number of the puts that were taken."""
        for i in range(times):
            reply = member.put("filler", os.urandom(size))
            if reply.status == 507:
                self.assertEqual((NO_SPACE, "no_space"), (reply.json()["detail"], reply.json()["code"]))
                return i
            self.assertIn(reply.status, (200, 201), reply)
        raise AssertionError("nothing was refused")

    def alarms(self, cluster):
        status, out, err = self.etcdctl(cluster, "alarm", "list")
        self.assertEqual(0, status, err)
        return out.split("\n")[:-1]

    def test_used_up_and_made_room_in(self):
        with Cluster(quota_backend_bytes=str(QUOTA)) as cluster:
            leader, follower = cluster.leader(), cluster.followers()[0]
            leader.put("small", b"v")
            taken = self.fill(leader)
            self.assertGreater(taken, 100, "of 128 that the quota has room for")
            wait_until(lambda: self.alarms(cluster), "the alarm is raised")
            for member in cluster.members:
                self.assertEqual(507, member.put("other", b"v", cairn_route="forward").status, member.name)
                health = member.request("GET", "/health")
                self.assertEqual((503, "ALARM NOSPACE"), (health.status, health.json()["reason"]))
                self.assertEqual(200, member.request("GET", "/health?exclude=NOSPACE").status)
                self.assertEqual(b"v", member.get("small", "?consistency=linearizable").body)
            for command in (["put", "x", "y"], ["txn"]):
                status, _, err = self.etcdctl(cluster, *command, stdin='\n\nput a b\n\n')
                self.assertNotEqual(0, status)
                self.assertIn(NO_SPACE, err)
            self.assertIn("alarm:NOSPACE", self.etcdctl(cluster, "endpoint", "status")[1])
            status, out, _ = cluster.cairn("status")
            out = out.decode()
            self.assertEqual(1, status)
            self.assertIn("a compaction would free that", out)
            self.assertIn("etcdctl alarm disarm", out)
            self.assertIn("quota 32 MiB", out)
            resident = memory_kib(leader.process.pid, "VmRSS")
            # What makes room is taken, and memory goes back without a write.
            self.assertEqual(200, follower.request("DELETE", "/v1/kv/small", headers={"cairn-route": "forward"}).status)
            revision = leader.status()["revision"]
            self.assertEqual(0, self.etcdctl(cluster, "compaction", "--physical", str(revision))[0])
            self.assertLess(leader.status()["memory"]["history_bytes"], 1 << 20)
            wait_until(lambda: memory_kib(leader.process.pid, "VmRSS") < resident - (QUOTA >> 10) // 2,
                       "half of the quota at least is the system's again", 20)
            self.assertEqual(507, leader.put("other", b"v").status, "room alone does not end it")
            self.assertEqual(0, self.etcdctl(cluster, "alarm", "disarm")[0])
            self.assertEqual([], self.alarms(cluster))
            for member in cluster.members:
                self.assertIn(member.put("other", b"v", cairn_route="forward").status, (200, 201))
            self.assertEqual(200, leader.request("GET", "/health").status)

    def test_one_small_member_is_enough_and_its_alarm_outlives_restarts(self):
        with Cluster(start=False, quota_backend_bytes="-1") as cluster:
            for member in cluster.members[1:]:
                member.start()
            cluster.members[0].start(quota_backend_bytes=str(QUOTA))
            for member in cluster.members:
                member.wait()
            other = cluster.members[1]
            cluster.leader()

            def refused():
                reply = other.put("filler", os.urandom(256 << 10), cairn_route="forward")
                return reply.status == 507
            wait_until(refused, "its alarm refuses everybody's", 30, pause=0)
            for member in cluster.members:
                member.kill()
            for member in cluster.members:
                member.start()
            for member in cluster.members:
                member.wait()
            cluster.leader()
            self.assertEqual(1, len(wait_until(lambda: self.alarms(cluster), "it stands")))
            self.assertEqual(507, other.put("other", b"v", cairn_route="forward").status)
            revision = other.status()["revision"]
            self.assertEqual(0, self.etcdctl(cluster, "compaction", str(revision))[0])
            self.assertEqual(0, self.etcdctl(cluster, "alarm", "disarm")[0])
            self.assertIn(other.put("other", b"v", cairn_route="forward").status, (200, 201))

    def test_keys_that_are_too_many_have_to_be_deleted(self):
        with Cluster(size=1, quota_backend_bytes="8MiB") as cluster:
            member = cluster.leader()

            def refused(number):
                return member.put(f"k{number}", os.urandom(256 << 10)).status == 507
            taken = next(number for number in range(100) if refused(number))
            self.assertGreater(taken, 20)
            wait_until(lambda: self.alarms(cluster), "the alarm is raised")
            self.assertIn("hardly any of it history: delete keys and compact", cluster.cairn("status")[1].decode())
            said = json.loads(cluster.cairn("status", "-w", "json")[1])
            self.assertEqual([{"member": "n1", "alarm": "NOSPACE"}], said["alarms"])
            self.assertEqual(8 << 20, said["members"][0]["quota_bytes"])
            # Room alone, without compaction, is none: what was deleted is history.
            self.assertEqual(0, self.etcdctl(cluster, "del", "k", "--prefix")[0])
            self.assertEqual(0, self.etcdctl(cluster, "alarm", "disarm")[0])
            self.assertEqual(507, member.put("more", os.urandom(256 << 10)).status)
            wait_until(lambda: self.alarms(cluster), "it is raised again")
            self.assertIn("a compaction would free that", cluster.cairn("status")[1].decode())
            self.assertEqual(0, self.etcdctl(cluster, "compaction", "--physical", str(member.status()["revision"]))[0])
            self.assertEqual(0, self.etcdctl(cluster, "alarm", "disarm")[0])
            self.assertIn(member.put("more", b"v" * 1000).status, (200, 201))
            self.assertEqual(0, cluster.cairn("status")[0])

    def test_metrics_and_a_warning(self):
        with Cluster(size=1, quota_backend_bytes=str(9 << 30)) as cluster:
            member = cluster.leader()
            page = http_request(member.client_url, "GET", "/metrics").body.decode()
            self.assertIn(f"\netcd_server_quota_backend_bytes {9 << 30}\n", page)
            for name in ("cairn_state_live_bytes", "cairn_state_history_bytes", "cairn_quota_used_bytes", "cairn_alarms"):
                self.assertIn(f"\n{name} ", page)
            self.assertIn("more than the 8589934592", member.log_path.read_text())


if __name__ == "__main__":
    sys.exit(unittest.main())

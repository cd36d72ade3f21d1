#!/usr/bin/env python3
"""Members that have forgotten: wiped, cut, damaged or rolled back, behind everybody's back and under a living leader.

The worst case throughout: three members, n3 down; n1 and n2 acknowledge writes; both are killed; n2's data is changed;
n2 and n3 start, which would elect each other if n2 were believed, then n1. Every acknowledged write has to be there,
no revision may be used twice, and n2 has to be taken in again by itself, in words.
"""

import hashlib
import os
import re
import shutil
import tempfile
import time
import unittest

from cluster import Cluster, cairn, contents, wait_until

WRITES = 50
BLOCK = 4096
# A member that is believed would have led by then: several election timeouts.
TIME_TO_BE_FOOLED_SECONDS = 4.0


def segments(member):
    return sorted((member.data_dir / "wal").glob("*.seg"))


def frames(path):
    """Offsets of the blocks of a segment that hold anything: headers and payloads."""
    data = path.read_bytes()
    return data, [at for at in range(0, len(data), BLOCK) if any(data[at:at + BLOCK])]


def wipe(member, _copy):
    for path in member.data_dir.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def delete_log(member, _copy):
    shutil.rmtree(member.data_dir / "wal")


def delete_log_and_snapshots(member, _copy):
    shutil.rmtree(member.data_dir / "wal")
    shutil.rmtree(member.data_dir / "snap")


def delete_last_segment(member, _copy):
    segments(member)[-1].unlink()


def roll_back(member, copy):
    shutil.rmtree(member.data_dir)
    shutil.copytree(copy, member.data_dir)


def zero_last_frames(member, _copy):
    path = segments(member)[-1]
    data, used = frames(path)
    data = bytearray(data)
    for at in used[-40:]:
        data[at:at + BLOCK] = bytes(BLOCK)
    path.write_bytes(data)


def truncate_segment_in_half(member, _copy):
    path = segments(member)[-1]
    _, used = frames(path)
    os.truncate(path, used[len(used) // 2])


def flip_one_bit_of_the_last_frame(member, _copy):
    path = segments(member)[-1]
    data, used = frames(path)
    data = bytearray(data)
    data[used[-1] + 130] ^= 1
    path.write_bytes(data)


def delete_hard_state(member, _copy):
    (member.data_dir / "hardstate").unlink()


def flip_a_bit_in_the_middle(member, _copy):
    path = segments(member)[0]
    data, used = frames(path)
    data = bytearray(data)
    data[used[len(used) // 2] + 130] ^= 1
    path.write_bytes(data)


CHANGES = (wipe, delete_log, delete_log_and_snapshots, delete_last_segment, zero_last_frames,
           truncate_segment_in_half, flip_one_bit_of_the_last_frame, delete_hard_state, flip_a_bit_in_the_middle)


def fingerprints(member):
    """Of every file, but the one that is locked."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(member.data_dir.rglob("*")) if path.is_file() and path.name != "LOCK"}


def is_full(member):
    try:
        return member.status()["full"]
    except (OSError, KeyError):
        return False


def starts_met_by(member):
    """(member, start) of each that it remembers durably."""
    # It runs, so a copy is looked at; it may be writing: the status says nothing.
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        try:
            shutil.copytree(member.data_dir, copy, ignore=shutil.ignore_patterns("LOCK"))
        except shutil.Error:
            return set()  # a file went while it was copied
        lines = cairn("inspect", "wal", copy)[1].decode()
    return set(re.findall(r"^met copy=\w member=(\d+) .*start=(\d+)", lines, re.M))


class Forget(unittest.TestCase):
    def write_all(self, member, prefix, count=WRITES):
        for i in range(count):
            reply = member.put(f"{prefix}/{i}", f"value {i}".encode())
            self.assertIn(reply.status, (200, 201), reply)
        return int(member.get(f"{prefix}/{count - 1}").headers["cairn-revision"])

    def expect_all(self, member, prefix, count=WRITES):
        found = dict(contents(member, prefix + "/"))
        missing = [i for i in range(count) if found.get(f"{prefix}/{i}".encode()) != f"value {i}".encode()]
        self.assertEqual([], missing, f"acknowledged writes that {member.name} does not have")

    def expect_waiting(self, member, words):
        wait_until(lambda: re.search(words, member.status()["waits_for"]), f"{member.name} says for whom it waits", 10)
        wait_until(lambda: re.search(words, member.log_path.read_text()), f"so does the log of {member.name}", 10)
        lines = [line for line in member.log_path.read_text().splitlines() if re.search(words, line)]
        self.assertEqual(1, len(lines), "once a minute")

    def expect_status(self, cluster, member, words):
        def shown():
            return re.search(words, cluster.cairn("status", endpoints=member.client_url)[1].decode())
        wait_until(shown, f"cairn status says of {member.name}: {words}", 15, pause=0.2)

    def expect_all_full(self, cluster, seconds=15.0):
        for member in cluster.running():
            wait_until(lambda m=member: is_full(m), f"{member.name} counts in full", seconds)

    def expect_all_everywhere(self, cluster):
        self.expect_all_full(cluster)
        for member in cluster.members:
            wait_until(lambda m=member: len(contents(m, "acked/")) == WRITES, f"{member.name} catches up")
            self.expect_all(member, "acked")

    def copy_of_an_earlier_start(self, cluster, member):
        self.write_all(cluster.leader(), "before", 5)
        member.terminate()
        copy = cluster.folder / "copy"
        shutil.copytree(member.data_dir, copy)
        member.start().wait()
        return copy

    def behind_everybodys_back(self, change):
        cluster = self.enterContext(Cluster(3))
        n1, n2, n3 = cluster.members
        self.write_all(cluster.leader(), "before", 5)
        n3.terminate()
        cluster.leader(other_than=n3)
        copy = cluster.folder / "copy"
        shutil.copytree(n2.data_dir, copy)
        leader = cluster.leader()
        revision = self.write_all(leader, "acked")
        n1.kill()
        n2.kill()
        change(n2, copy)
        n2.start().wait()
        n3.start().wait()
        time.sleep(TIME_TO_BE_FOOLED_SECONDS)
        self.assertIsNone(n3.leader_name(), "n2 has forgotten: with n3 alone it must not make a leader")
        self.assertFalse(is_full(n2))
        for member in (n2, n3):
            self.expect_waiting(member, "waits for n1, .*n1 does not answer.*start n1")
        self.assertRegex(n3.status()["waits_for"], "n2 answers, but is new or has forgotten")
        n1.start().wait()
        leader = cluster.leader(seconds=15)
        self.expect_all_full(cluster)
        self.assertIn(leader.put("after", b"1").status, (200, 201))
        self.assertGreater(int(leader.get("after").headers["cairn-revision"]), revision, "no revision is used twice")
        for member in cluster.members:
            wait_until(lambda m=member: m.get("after", "?consistency=local").status == 200, "all catch up")
            self.expect_all(member, "acked")
        self.assertRegex(n2.log_path.read_text(), "has forgotten")
        # It counts again: with the third one gone, writes still succeed.
        n1.kill()
        wait_until(lambda: any(m.put("later", b"2").status in (200, 201) for m in (n2, n3)), "n2 and n3 go on", 15)
        return cluster

    def test_a_copy_older_than_what_somebody_alive_has_met(self):
        cluster = self.enterContext(Cluster(3))
        n1, n2, n3 = cluster.members
        copy = self.copy_of_an_earlier_start(cluster, n2)
        cluster.leader()
        n3.kill()
        cluster.leader(other_than=n3)
        self.write_all(cluster.leader(), "acked")
        n2.kill()
        roll_back(n2, copy)
        n2.start().wait()
        wait_until(lambda: "rolled back" in n2.log_path.read_text() or "has forgotten" in n2.log_path.read_text(),
                   "n2 is told that it is an older copy")
        n3.start().wait()
        cluster.leader()
        self.expect_all_everywhere(cluster)

    def test_a_copy_older_than_what_somebody_met_who_has_been_restarted_since(self):
        cluster = self.enterContext(Cluster(3))
        _, n2, n3 = cluster.members
        copy = self.copy_of_an_earlier_start(cluster, n2)
        met_before = starts_met_by(n3)
        n2.terminate()
        n2.start().wait()
        wait_until(lambda: starts_met_by(n3) != met_before, "n3 has met the new start")
        self.roll_back_while_only_n3_knows(cluster, copy)

    def test_a_copy_older_than_what_somebody_met_who_has_been_wiped_since(self):
        cluster = self.enterContext(Cluster(3))
        n1, n2, n3 = cluster.members
        copy = self.copy_of_an_earlier_start(cluster, n2)
        cluster.leader()
        n3.kill()
        shutil.rmtree(n3.data_dir)
        n3.start().wait()
        self.expect_all_full(cluster)
        known = starts_met_by(n1)  # n2's is among them, and n3 is to know it again
        wait_until(lambda: starts_met_by(n3) & known, "n3 has met n2's start again")
        self.roll_back_while_only_n3_knows(cluster, copy)

    def roll_back_while_only_n3_knows(self, cluster, copy):
        n1, n2, n3 = cluster.members
        n3.terminate()
        self.write_all(cluster.leader(other_than=n3), "acked")
        n1.kill()
        n2.kill()
        roll_back(n2, copy)
        n2.start().wait()
        n3.start().wait()
        time.sleep(TIME_TO_BE_FOOLED_SECONDS)
        self.assertIsNone(n3.leader_name(), "n2 is an older copy: with n3 alone it must not make a leader")
        self.assertRegex(n2.log_path.read_text(), "rolled back")
        n1.start().wait()
        cluster.leader(seconds=15)
        self.expect_all_everywhere(cluster)

    def test_under_a_living_leader_it_is_taken_in_again_and_status_tells_the_truth(self):
        cluster = self.enterContext(Cluster(3))
        leader = cluster.leader()
        self.write_all(leader, "acked")
        follower, other = cluster.followers()
        other.terminate()
        for change in (wipe, flip_a_bit_in_the_middle, zero_last_frames):
            follower.kill()
            change(follower, None)
            follower.start().wait()
            # Nobody else is there: the record of its new incarnation cannot be committed, so nothing is healthy.
            wait_until(lambda: not is_full(follower) and "healthy" not in leader.status()["summary"],
                       f"status does not count {follower.name} after {change.__name__}: "
                       f"full {is_full(follower)}, {leader.name} says {leader.status()['summary']}")
            other.start().wait()
            cluster.leader()
            self.expect_all_full(cluster)
            leader = cluster.leader()
            wait_until(lambda: "healthy, tolerates 1" in cluster.leader().status()["summary"], "healthy again")
            follower, other = cluster.followers()
            other.kill()
            leader = cluster.leader()
            self.assertIn(leader.put("with two", change.__name__.encode()).status, (200, 201))
            self.expect_all(follower, "acked")

    def test_status_is_not_healthy_before_a_wiped_member_counts_again(self):
        cluster = self.enterContext(Cluster(3))
        leader = cluster.leader()
        for number in range(20):
            self.assertIn(leader.put(f"large{number}", b"v" * 200_000).status, (200, 201))
        for round_number in range(6):
            self.expect_all_full(cluster)
            leader = cluster.leader()
            follower = cluster.followers()[round_number % 2]
            follower.kill()
            wipe(follower, None)
            follower.start()
            deadline = time.monotonic() + 20
            while True:
                code, out, _ = cairn("status", "--endpoints", cluster.endpoints())
                if code == 0:
                    self.assertTrue(is_full(follower), f"{follower.name} is not full after:\n{out.decode()}")
                    break
                self.assertNotRegex(out.decode().splitlines()[0], ", healthy")
                self.assertLess(time.monotonic(), deadline, out.decode())

    def test_directories_that_were_away_for_a_while_and_are_put_back(self):
        """Those of both followers, as when disks are not mounted; one is lost for good meanwhile."""
        for leads in (True, False):
            with self.subTest(leads=leads):
                cluster = self.enterContext(Cluster(3))
                self.write_all(cluster.leader(), "acked")
                self.expect_all_full(cluster)
                survivor = cluster.leader() if leads else cluster.followers()[0]
                away, lost = [member for member in cluster.members if member is not survivor]
                aside = away.data_dir.with_name("aside-" + away.name)
                for member in (away, lost):
                    member.kill()
                away.data_dir.rename(aside)
                wipe(lost, None)
                for member in (away, lost):
                    member.start()
                time.sleep(1.2)
                for member in cluster.members:
                    member.kill()
                shutil.rmtree(away.data_dir)
                aside.rename(away.data_dir)
                for member in cluster.members:
                    member.start()
                self.expect_all_full(cluster)
                self.expect_all(away, "acked")
                self.assertNotRegex(away.log_path.read_text(), "rolled back|an older one")

    def test_a_directory_of_an_earlier_cluster_of_the_same_members(self):
        """The earlier one is ahead in term and index; the members of today acknowledged everything without it."""
        cluster = self.enterContext(Cluster(3))
        n1, n2, n3 = cluster.members
        for i in range(2):  # its terms are later than those that come
            leader = cluster.leader()
            leader.kill()
            leader.start().wait()
        self.write_all(cluster.leader(), "earlier", 3 * WRITES)
        for member in cluster.members:
            wait_until(lambda: dict(contents(member, "earlier/")), "it has them", 10)
            member.kill()
        shutil.move(n3.data_dir, cluster.folder / "earlier")
        for member in cluster.members:
            shutil.rmtree(member.data_dir, ignore_errors=True)
            member.start()
        for member in cluster.members:
            member.wait()
        revision = self.write_all(cluster.leader(), "today")
        wait_until(lambda: all(is_full(member) for member in cluster.members), "all are full", 10)
        for member in cluster.members:
            member.kill()
        shutil.rmtree(n3.data_dir)
        shutil.move(cluster.folder / "earlier", n3.data_dir)
        n3.start()
        time.sleep(TIME_TO_BE_FOOLED_SECONDS / 4)  # it stands for election before anybody else is there
        n1.start(), n2.start()
        for member in (n1, n2):
            member.wait()
            wait_until(lambda: len(contents(member, "today/")) == WRITES, f"{member.name} has all it acknowledged", 10)
            self.expect_all(member, "today")
            self.assertEqual({}, dict(contents(member, "earlier/")))
        leader = next(member for member in (n1, n2) if member.status()["role"] == "leader")
        self.assertGreaterEqual(self.write_all(leader, "after"), revision + WRITES)
        words = "is of another founding of this cluster: one of the two directories is from an earlier one"
        for member in cluster.members:
            wait_until(lambda: words in member.log_path.read_text(), f"{member.name} says so", 10)
        self.expect_status(cluster, n3, "waits for a majority of its own founding of this cluster: "
                           "n[12] and n[12] answer, but with data of another founding .*: a data directory, .*empty")
        n3.kill()
        shutil.rmtree(n3.data_dir)
        n3.start().wait()
        wait_until(lambda: is_full(n3), "emptied, it is taken in", 10)
        self.expect_all(n3, "today")
        self.expect_all(n3, "after")

    def test_a_new_cluster_waits_for_all_of_its_members_and_says_for_whom(self):
        cluster = self.enterContext(Cluster(3, start=False))
        n1, n2, n3 = cluster.members
        n1.start().wait()
        n2.start().wait()
        time.sleep(TIME_TO_BE_FOOLED_SECONDS)
        self.assertIsNone(n1.leader_name())
        self.assertRegex(n1.log_path.read_text(), "waits for n3 to form the cluster")
        self.assertIn("n3", n1.status()["waits_for"])
        n3.start().wait()
        cluster.leader()

    def test_one_that_cannot_found_the_cluster_is_named_with_what_to_do(self):
        """It knows that it was a member, and of the others, which are empty, none knows what became of that cluster."""
        cluster = self.enterContext(Cluster(3))
        cluster.leader()
        n1, n2, n3 = cluster.members
        for member in cluster.members:
            member.kill()
        wipe(n1, None), wipe(n2, None), delete_log_and_snapshots(n3, None)
        for member in cluster.members:
            member.start()
        for member, other in ((n1, "n2"), (n2, "n1")):
            self.expect_status(cluster, member, f"waits to form the cluster.*: {other} answers, .*n3 answers, but was a member "
                               "before and has forgotten: if it has not, stop n3, move the data directory away")
        n3.kill()
        shutil.move(n3.data_dir, cluster.folder / "away")
        n3.start()
        cluster.leader()

    def test_a_first_formation_warns_of_no_loss(self):
        cluster = self.enterContext(Cluster(3))
        cluster.leader()
        self.expect_all_full(cluster)
        for member in cluster.members:
            self.assertNotRegex(member.log_path.read_text(), "forgotten|waits for")

    def test_where_a_majority_was_wiped_nobody_names_a_leader_and_all_say_what_is_lost(self):
        cluster = self.enterContext(Cluster(3))
        leader = cluster.leader()
        self.write_all(leader, "acked")
        others = cluster.followers()
        for member in others:
            member.kill()
            wipe(member, None)
        for member in others:
            member.start().wait()
        wait_until(lambda: all(m.leader_name() is None for m in cluster.members), "nobody names a leader", 10)
        for member in cluster.members:
            self.expect_waiting(member, "too many have forgotten")

    def test_a_flag_forms_it_with_a_majority(self):
        cluster = self.enterContext(Cluster(3, start=False, form_with_majority="true"))
        n1, n2, n3 = cluster.members
        n1.start().wait()
        n2.start().wait()
        leader = cluster.leader()
        self.assertIn(leader.put("k", b"v").status, (200, 201))
        n3.start().wait()
        self.expect_all_full(cluster)

    def test_alone_it_refuses_and_names_what_is_lost(self):
        cluster = self.enterContext(Cluster(1))
        member = cluster.members[0]
        self.write_all(member, "acked")
        time.sleep(0.05)
        member.kill()
        zero_last_frames(member, None)
        before = fingerprints(member)
        status, said = member.run()
        self.assertEqual(5, status, said)
        self.assertRegex(said, "E_WAL")
        self.assertRegex(said, r"index(es)? \d+")
        self.assertEqual(before, fingerprints(member), "a refusal changes nothing")

    def test_the_flags_of_the_first_start_count_and_no_later_ones(self):
        cluster = self.enterContext(Cluster(3))
        n1 = cluster.members[0]
        n1.terminate()
        n1.start(initial_cluster=None, initial_advertise_peer_urls=None, initial_cluster_token=None).wait()
        cluster.leader()
        n1.terminate()
        n1.start(initial_cluster="somebody=http://127.0.0.1:1", initial_cluster_token="other").wait()
        self.assertIn(cluster.leader().put("k", b"v").status, (200, 201))
        self.assertRegex(n1.log_path.read_text(), "ignored")


for each in CHANGES:
    def test(self, change=each):
        self.behind_everybodys_back(change)
    setattr(Forget, f"test_behind_everybodys_back_{each.__name__}", test)


if __name__ == "__main__":
    unittest.main()

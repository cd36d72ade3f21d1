#!/usr/bin/env python3
"""Data directories under hands: taken away from a running member, or with something else in them than belongs there.

A running member notices, stops at once and says so. A start says which file, why it cannot be used, and what to do;
it is refused, and started again once that was done.
"""

import os
import shutil
import signal
import subprocess
import unittest

from cluster import Cluster, contents, program, wait_until

LOST_EXIT_STATUS = 7
LOCAL_EXIT_STATUS = 5
NOTICED_SECONDS = 5.0


def delete(member):
    shutil.rmtree(member.data_dir)


def move_away(member):
    member.data_dir.rename(member.data_dir.with_suffix(".moved"))


def replace_by_a_copy(member):
    move_away(member)
    shutil.copytree(member.data_dir.with_suffix(".moved"), member.data_dir)


def delete_lock(member):
    (member.data_dir / "LOCK").unlink()


def delete_all_that_is_in_it(member):
    for path in member.data_dir.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def delete_log(member):
    shutil.rmtree(member.data_dir / "wal")


def replace_hard_state(member):
    path = member.data_dir / "hardstate"
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").rename(path)


def point_link_elsewhere(member):
    """Of a --data-dir that is a symbolic link."""
    other = member.data_dir.with_suffix(".other")
    other.mkdir()
    member.data_dir.unlink()
    member.data_dir.symlink_to(other)


TAKEN_AWAY = [delete, move_away, replace_by_a_copy, delete_lock, delete_all_that_is_in_it, delete_log,
              replace_hard_state]


class TakenAway(unittest.TestCase):
    """Under a running member that has nothing to do: within the interval of its check."""

    def expect_stop(self, member):
        self.assertEqual(LOST_EXIT_STATUS, member.process.wait(NOTICED_SECONDS), member.log_tail())
        said = member.log_tail()
        self.assertIn("E_DATA_DIR_LOST", said)
        self.assertIn(str(member.data_dir), said)
        self.assertIn("start again", said)

    def taken_away(self, change):
        cluster = self.enterContext(Cluster(3))
        leader = cluster.leader()
        for i in range(20):
            self.assertIn(leader.put(f"acked/{i}", str(i).encode()).status, (200, 201))
        change(leader)
        self.expect_stop(leader)
        self.assertIn(cluster.leader(other_than=leader).put("after", b"1").status, (200, 201))
        leader.start().wait()
        for member in cluster.members:
            wait_until(lambda m=member: len(contents(m, "acked/")) == 20, f"{member.name} has all", 20)
        wait_until(lambda: "healthy, tolerates 1" in cluster.leader().status()["summary"], "healthy again", 20)

    def test_a_link_that_leads_elsewhere(self):
        cluster = self.enterContext(Cluster(1, start=False))
        member = cluster.members[0]
        where = member.data_dir.with_suffix(".where")
        where.mkdir()
        member.data_dir.symlink_to(where)
        member.start().wait()
        point_link_elsewhere(member)
        self.expect_stop(member)

    def test_another_disk_mounted_over_it(self):
        if os.geteuid() != 0:
            self.skipTest("only root mounts")
        cluster = self.enterContext(Cluster(1))
        member = cluster.members[0]
        mounted = subprocess.run(["mount", "-t", "tmpfs", "cairn-e2e", str(member.data_dir)], capture_output=True,
                                 text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no file system can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(member.data_dir)], check=False, capture_output=True)
        self.expect_stop(member)
        subprocess.run(["umount", str(member.data_dir)], check=True)
        member.start().wait()

    def test_nobody_else_gets_in_when_lock_is_deleted(self):
        """The first one is stopped meanwhile, so that it is its lock that keeps the second one out."""
        cluster = self.enterContext(Cluster(1))
        member = cluster.members[0]
        wait_until(member.leader_name, "it leads itself")
        self.assertIn(member.put("k", b"v").status, (200, 201))
        member.process.send_signal(signal.SIGSTOP)
        for change in (lambda: None, lambda: delete_lock(member)):
            change()
            status, said = member.run()
            self.assertEqual(LOCAL_EXIT_STATUS, status, said)
            self.assertIn(str(member.data_dir / "LOCK"), said)
            self.assertIn("held by", said)
            self.assertIn("stop it first", said)
        self.assertFalse((member.data_dir / "LOCK").exists(), "who is refused leaves nothing behind")
        member.process.send_signal(signal.SIGCONT)
        self.expect_stop(member)
        member.start().wait()
        wait_until(member.leader_name, "it leads itself")
        self.assertEqual(b"v", member.get("k").body)

    def test_all_in_its_place_is_no_loss(self):
        cluster = self.enterContext(Cluster(1, snapshot_log_bytes="64KiB"))
        member = cluster.members[0]
        wait_until(member.leader_name, "it leads itself")
        for i in range(300):
            self.assertIn(member.put(f"k{i}", b"v" * 1000).status, (200, 201))
        wait_until(lambda: len(list((member.data_dir / "snap").iterdir())) == 2, "two snapshots were taken")
        self.assertTrue(member.running())
        self.assertEqual(0, member.terminate())


for each in TAKEN_AWAY:
    def test(self, change=each):
        self.taken_away(change)
    setattr(TakenAway, f"test_{each.__name__}", test)


# What is put in place of a file or folder of a member, and what the refusal says of it.
NOBODY = 65534
NOWHERE = "/nowhere/at/all"


def take_away(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()


def put_folder(path):
    path.mkdir()
    return "is a folder, where a file belongs; put back"


def put_file(path):
    path.write_bytes(b"x")
    return "is a file, where a folder belongs; put back"


def put_link(path):
    path.symlink_to(NOWHERE)
    return f"is a symbolic link to {NOWHERE}, which is not there; bring that back"


def put_pipe(path):
    os.mkfifo(path, 0o666)
    path.chmod(0o666)
    return "is a named pipe, where a file belongs; put back"


FILES = ["LOCK", "IDENTITY", "hardstate", "watermark", "wal/*1.seg", "wal/*.spare"]
SNAPSHOT_FILES = ["snap/*/MANIFEST", "snap/*/chunks"]
FOLDERS = ["", "wal", "snap"]


class Misplaced(unittest.TestCase):
    """A single member of two snapshots that is stopped; each test gives it back what it had."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(1, snapshot_log_bytes="64KiB"))
        cls.member = member = cls.cluster.members[0]
        wait_until(member.leader_name, "it leads itself")
        for i in range(300):
            member.put(f"k{i}", b"v" * 1000)
        wait_until(lambda: len(list((member.data_dir / "snap").iterdir())) == 2, "two snapshots were taken")
        member.terminate()
        (member.data_dir / "wal" / "9.spare").write_bytes(b"")
        cls.copy = cls.cluster.folder / "copy"
        shutil.copytree(member.data_dir, cls.copy)

    def setUp(self):
        take_away(self.member.data_dir)
        shutil.copytree(self.copy, self.member.data_dir)

    def path(self, pattern):
        return sorted(self.member.data_dir.glob(pattern))[-1] if pattern else self.member.data_dir

    def refused(self, path, *texts):
        status, said = self.member.run()
        self.assertEqual(LOCAL_EXIT_STATUS, status, said)
        for text in (str(path), *texts):
            self.assertIn(text, said)

    def starts(self):
        self.member.start().wait()
        wait_until(lambda: self.member.get("k299").status == 200, "it has all that it had")
        self.assertEqual(0, self.member.terminate())

    def expect_refusal(self, pattern, put):
        path = self.path(pattern)
        with self.subTest(path=path.name, put=put.__name__):
            take_away(path)
            text = put(path)
            self.refused(path, text, "E_MISPLACED", "what is moved away counts as lost".capitalize())
            self.setUp()

    def test_instead_of_a_file(self):
        for pattern in FILES:
            for put in (put_folder, put_link, put_pipe):
                self.expect_refusal(pattern, put)
        self.starts()

    def test_instead_of_a_folder(self):
        for pattern in FOLDERS:
            for put in (put_file, put_link):
                self.expect_refusal(pattern, put)
        self.starts()

    def test_instead_of_a_file_of_the_newest_snapshot(self):
        """That is damage, and the older one is there."""
        for pattern in SNAPSHOT_FILES:
            for put in (put_folder, put_link, put_pipe):
                with self.subTest(pattern=pattern, put=put.__name__):
                    path = self.path(pattern)
                    take_away(path)
                    text = put(path)
                    self.starts()
                    said = self.member.log_path.read_text()
                    self.assertIn(f"E_SNAPSHOT_DAMAGED: {path}", said)
                    self.assertIn(text, said)
                    self.setUp()

    def test_what_may_not_be_read(self):
        if os.geteuid() != 0:
            self.skipTest("only root becomes somebody else")
        os.chmod(self.cluster.folder, 0o755)
        line = self.member.command()
        line[0] = shutil.copy(program(), self.cluster.folder / "cairn")
        line = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"] + line
        for pattern in FOLDERS + FILES + SNAPSHOT_FILES:
            for owner, advice in ((NOBODY, "chmod u+rwX"), (0, "chown -R")):
                with self.subTest(pattern=pattern, owner=owner):
                    self.setUp()
                    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.member.data_dir], check=True)
                    path = self.path(pattern)
                    os.chown(path, owner, owner)
                    path.chmod(0)
                    done = subprocess.run(line, capture_output=True, text=True, timeout=15, check=False)
                    self.assertEqual(LOCAL_EXIT_STATUS, done.returncode, done.stdout + done.stderr)
                    for text in (f"{path}: Permission denied" if pattern else "Permission denied",
                                 f"{path} is of user {owner} with mode 0000", f"runs as user {NOBODY}"
                                 if owner == 0 else "as which this process runs", advice):
                        self.assertIn(text, done.stderr)


class OfAnother(unittest.TestCase):
    """One file of another member's directory: the start is refused, and says which and whose it is."""

    def test_one_file_of_another_member(self):
        cluster = self.enterContext(Cluster(3))
        leader = cluster.leader()
        self.assertIn(leader.put("k", b"v").status, (200, 201))
        member, other = cluster.followers()
        member.terminate()
        for name in ("hardstate", "watermark"):
            path = member.data_dir / name
            kept = path.with_suffix(".kept")
            path.rename(kept)
            shutil.copy(other.data_dir / name, path)
            status, said = member.run()
            self.assertEqual(LOCAL_EXIT_STATUS, status, said)
            self.assertIn(f"E_IDENTITY: {path} is of member {other.name} of this cluster, in the directory of member "
                          f"{member.name}: put back what is of member {member.name}, or move away what is not", said)
            kept.rename(path)
        member.start().wait()
        wait_until(lambda: member.get("k", "?consistency=local").status == 200, "its own files start it")
        # And as it says: what is moved away counts as lost, and it is taken in again.
        member.terminate()
        shutil.copy(other.data_dir / "hardstate", member.data_dir / "hardstate")
        self.assertEqual(LOCAL_EXIT_STATUS, member.run()[0])
        (member.data_dir / "hardstate").rename(member.data_dir / "moved-away")
        member.start().wait()
        wait_until(lambda: "healthy, tolerates 1" in cluster.leader().status()["summary"], "taken in again", 20)

    def test_identity_of_another_member(self):
        cluster = self.enterContext(Cluster(3))
        member, other = cluster.followers()
        member.terminate()
        path = member.data_dir / "IDENTITY"
        shutil.copy(other.data_dir / "IDENTITY", path)
        status, said = member.run()
        self.assertEqual(LOCAL_EXIT_STATUS, status, said)
        self.assertIn(f"E_IDENTITY: {path} is of member {other.name} of this cluster", said)
        path.unlink()
        member.start().wait()
        wait_until(lambda: "healthy, tolerates 1" in cluster.leader().status()["summary"], "healthy again", 20)


if __name__ == "__main__":
    unittest.main()

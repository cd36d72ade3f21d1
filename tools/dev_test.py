#!/usr/bin/env python3
"""./dev, with programs in the PATH that only take notes."""

import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

DEV = Path(__file__).resolve().parent.parent / "dev"

# Installs nothing; notes what a package's script would hear that asks whether it may start its service.
APT_GET = """#!/bin/sh
case "$*" in *install*) ;; *) exit 0;; esac
for service in etcd cron; do
  if [ -x "$CAIRN_POLICY_RC_D" ]; then "$CAIRN_POLICY_RC_D" $service start; echo "$service $?"; else echo "$service 0"; fi
done >"$NOTES"
exit ${APT_STATUS:-0}
"""
DPKG_QUERY = """#!/bin/sh
for package in "$@"; do :; done
[ "$package" = etcd-server ] && echo not-installed || echo installed
"""
# Compiles for seven seconds without a word.
NINJA = """#!/bin/sh
echo '[1/2] Building CXX object a/first.o'
sleep 7
echo '[2/2] Building CXX object a/second.o'
"""


class Dev(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.policy, self.notes = self.folder / "policy-rc.d", self.folder / "notes"
        for name, text in (("apt-get", APT_GET), ("dpkg-query", DPKG_QUERY), ("ninja", NINJA), ("cmake", "#!/bin/sh\n"),
                           ("clang-format-14", "#!/bin/sh\n"), ("sudo", '#!/bin/sh\nexec "$@"\n')):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        self.environment = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}", "NOTES": str(self.notes),
                                         "CAIRN_POLICY_RC_D": str(self.policy)}

    def dev(self, *arguments, **more):
        return subprocess.run([DEV, *arguments], capture_output=True, text=True, check=False, timeout=60,
                              env=self.environment | more)

    @unittest.skipIf(Path("/run/systemd/system").exists(), "systemd starts the services here")
    def test_etcd_stays_off_while_it_is_installed_without_systemd(self):
        for status in ("0", "1"):
            done = self.dev("fmt", "--check", APT_STATUS=status)
            self.assertEqual(status == "0", done.returncode == 0, done.stderr)
            self.assertEqual("etcd 101\ncron 0\n", self.notes.read_text(), "etcd alone")
            self.assertFalse(self.policy.exists(), "only while it is installed")

    @unittest.skipIf(Path("/run/systemd/system").exists(), "systemd starts the services here")
    def test_a_policy_that_is_there_stays(self):
        self.policy.write_text("#!/bin/sh\nexit 101\n")
        self.policy.chmod(0o755)
        self.dev("fmt", "--check")
        self.assertEqual("etcd 101\ncron 101\n", self.notes.read_text())
        self.assertEqual("#!/bin/sh\nexit 101\n", self.policy.read_text())

    def test_a_build_says_within_seconds_what_it_does(self):
        start = time.monotonic()
        with subprocess.Popen([DEV, "build"], stderr=subprocess.PIPE, text=True, env=self.environment) as build:
            heard = [(time.monotonic() - start, line) for line in build.stderr]
        self.assertEqual(0, build.returncode, heard)
        said = "".join(line for _, line in heard)
        self.assertIn("==> build release: cairn", said)
        self.assertIn("1 of 2: first.o", said)
        self.assertRegex(said, r"at it for \d s: 1 of 2\n")
        moments = [at for at, _ in heard]
        self.assertLess(max(later - sooner for sooner, later in zip([0.0, *moments], moments)), 6.5, heard)

    def test_what_was_built_is_installed_where_one_says(self):
        (self.folder / "cmake").write_text('#!/bin/sh\necho "cmake $*" >>"$NOTES"\n')
        (self.folder / "cpack").write_text('#!/bin/sh\necho "cpack $*" >>"$NOTES"\n')
        (self.folder / "ninja").write_text('#!/bin/sh\necho "ninja $*" >>"$NOTES"\n')
        (self.folder / "cpack").chmod(0o755)
        prefix = self.folder / "prefix"
        for arguments in (["--prefix", str(prefix)], [f"--prefix={prefix}"]):
            self.notes.write_text("")
            self.assertEqual(0, (done := self.dev("install", *arguments)).returncode, done.stderr)
            said = self.notes.read_text()
            self.assertRegex(said, r"ninja .* cairn packaging\n")
            self.assertIn(f"cmake --install build/release --prefix {prefix} --strip\n", said)
            self.assertTrue(said.endswith(f"cmake --install build/release --prefix {prefix} --component symbols\n"), said)
        self.assertEqual(0, (done := self.dev("package")).returncode, done.stderr)
        self.assertTrue(self.notes.read_text().endswith("cpack --config build/release/CPackConfig.cmake -B build/release/package\n"))
        wrong = self.dev("install", "/usr/local")
        self.assertIn("install takes --prefix P, and not '/usr/local'", wrong.stderr)
        self.assertEqual(1, wrong.returncode)


if __name__ == "__main__":
    unittest.main()

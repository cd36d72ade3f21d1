#!/usr/bin/env python3
"""The Debian package, made of what is built here, in a Debian that has nothing but what the package says it needs.

There is no systemd in there: the service is started by hand, by the line of its unit. The program is the one that all other
tests have: one more build, with other flags, would say nothing more about the package and take ten minutes. The empty Debian is
kept beside the build, and made again when the package needs something else.
"""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster import ROOT, free_port, http_request, wait_until

BUILD = Path(os.environ.get("CAIRN_BUILD", ROOT / "build/dev"))
UNIT = "usr/lib/systemd/system/cairn.service"
STEPS = re.compile(r"<!-- package -->\n+```sh\n(.*?)```", re.S)
EXPOSURE_MAX = 1.5  # as systemd-analyze rates units, from 0 to 10


def run(*command, timeout=280, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace", timeout=timeout,
                          check=False, **more)


def must(*command, **more):
    done = run(*command, **more)
    if done.returncode:
        raise AssertionError(f"{shlex.join(str(word) for word in command)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def debian_sources():
    """The files by which this machine gets Debian itself, of its own release."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    suite = release.get("VERSION_CODENAME", "")
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    return suite, [path for path in files if path.is_file() and re.search(rf"(?m)^(?:deb|Suites:)\s(?:.*\s)?{suite}(?:\s|$)", path.read_text())]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can install a package, also into a folder")
        for tool in ("cpack", "dpkg-shlibdeps", "mmdebstrap"):
            if not shutil.which(tool):
                raise unittest.SkipTest(f"{tool} is not installed")
        if not (BUILD / "CPackConfig.cmake").exists():
            raise unittest.SkipTest(f"{BUILD} has no CPackConfig.cmake: build it, or name another in CAIRN_BUILD")
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="cairn-package-")))
        must("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", cls.folder)
        cls.package, = cls.folder.glob("cairn_*.deb")
        cls.symbols, = cls.folder.glob("cairn-dbgsym_*.d*eb")
        cls.files = cls.folder / "files"
        must("dpkg-deb", "-x", cls.package, cls.files)

    def empty_debian(self):
        """A folder with a Debian of what the package depends on, and what every Debian has."""
        depends = must("dpkg-deb", "-f", self.package, "Depends").strip().replace("systemd | systemd-standalone-sysusers", "systemd-standalone-sysusers")
        wanted = ",".join(sorted(re.match(r"[^ (|]+", each.strip())[0] for each in depends.split(",")))
        kept, stamp = BUILD / "packaging/debian.tar", BUILD / "packaging/debian.txt"
        if not kept.exists() or not stamp.exists() or stamp.read_text() != wanted:
            suite, sources = debian_sources()
            if not sources:
                self.skipTest("no file of /etc/apt says where this machine gets Debian from")
            made = run("mmdebstrap", "--quiet", "--variant=essential", f"--include={wanted}", suite, kept.with_suffix(".new.tar"), *sources)
            if made.returncode:
                self.skipTest(f"no empty Debian can be made here: {' '.join(made.stderr.split())[-400:]}")
            kept.with_suffix(".new.tar").rename(kept)
            stamp.write_text(wanted)
        root = self.folder / "root"
        root.mkdir()
        must("tar", "-C", root, "-xf", kept)
        return root

    def test_lintian_finds_no_error(self):
        if not shutil.which("lintian"):
            self.skipTest("lintian is not installed")
        must("lintian", "--fail-on", "error", "--allow-root", self.package)

    def test_the_unit_lets_the_service_do_little(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        rated = must("systemd-analyze", "security", "--offline=true", f"--threshold={round(EXPOSURE_MAX * 10)}", self.files / UNIT)
        self.assertIn("Overall exposure level", rated)
        unit = (self.files / UNIT).read_text()
        self.assertNotIn("@", re.sub(r"(?m)^(#|SystemCallFilter).*$", "", unit), "every path is filled in")
        # docs/cli.md says of each status whether a start helps.
        self.assertIn("RestartPreventExitStatus=" + re.search(r"(?m)^RestartPreventExitStatus=(.*)$", (ROOT / "docs/cli.md").read_text())[1] + "\n", unit)

    def test_the_program_is_stripped_and_its_symbols_are_beside(self):
        notes = must("readelf", "-nS", self.files / "usr/bin/cairn")
        self.assertNotIn(".debug_info", notes)
        build = re.search(r"Build ID: (\w+)", notes)[1]
        self.assertIn(f"/usr/lib/debug/.build-id/{build[:2]}/{build[2:]}.debug", must("dpkg-deb", "-c", self.symbols))

    def test_what_is_installed_below_a_prefix_names_it(self):
        prefix = self.folder / "prefix"
        install = ["cmake", "--install", BUILD, "--prefix", prefix]
        must(*install, "--strip")
        must(*install, "--component", "symbols")
        self.assertIn(f"\nExecStart={prefix}/bin/cairn server --config-file {prefix}/etc/cairn/cairn.toml\n",
                      (prefix / "lib/systemd/system/cairn.service").read_text())
        self.assertNotIn(".debug_info", must("readelf", "-S", prefix / "bin/cairn"))
        self.assertIn(".debug_info", must("readelf", "-S", prefix / "bin/.debug/cairn.debug"))
        self.assertIn("cairn.debug", must("readelf", "--string-dump=.gnu_debuglink", prefix / "bin/cairn"))
        for page in ("share/man/man1/cairn-put.1.gz", "share/bash-completion/completions/cairn", "share/zsh/site-functions/_cairn",
                     "share/fish/vendor_completions.d/cairn.fish", "lib/sysusers.d/cairn.conf"):
            self.assertTrue((prefix / page).exists(), page)
        settings = prefix / "etc/cairn/cairn.toml"
        settings.write_text("# mine\n")
        must(*install, "--strip")
        self.assertEqual("# mine\n", settings.read_text(), "what somebody has written stays")

    def test_every_key_of_the_sample_is_a_setting(self):
        sample = (ROOT / "packaging/cairn.toml").read_text()
        everything = re.sub(r"(?m)^#(?=[\w-]+ = )", "", sample)
        self.assertGreater(len(re.findall(r"(?m)^[\w-]+ = ", everything)), 15)
        for text, file in ((sample, "sample.toml"), (re.sub(r"/etc/cairn/pki/", f"{self.folder}/", everything), "everything.toml")):
            (self.folder / file).write_text(text)
        cairn = self.files / "usr/bin/cairn"
        must(cairn, "cert", "ca", "--dir", self.folder)
        must(cairn, "cert", "member", "n1", "--hosts", "10.0.0.1", "--dir", self.folder)
        self.assertIn("would start from /var/lib/cairn", must(cairn, "config", "check", "--config-file", self.folder / "sample.toml"))
        self.assertIn("ok: n1 would start", must(cairn, "config", "check", "--config-file", self.folder / "everything.toml"))

    def test_a_life_in_an_empty_debian(self):
        root = self.empty_debian()
        shutil.copy(self.package, root / "cairn.deb")

        def inside(*command):
            return must("chroot", root, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"})

        inside("dpkg", "-i", "/cairn.deb")
        self.assertEqual("cairn 700\n", inside("stat", "-c", "%U %a", "/var/lib/cairn"))
        self.assertEqual("", inside("dpkg", "--verify", "cairn"))
        url = f"http://127.0.0.1:{free_port()}"
        with self.serving(root, url):
            self.assertEqual(201, http_request(url, "PUT", "/v1/kv/greeting", b"hello").status)
        settings = root / "etc/cairn/cairn.toml"
        settings.write_text(settings.read_text() + '\nlog-level = "warn"\n')

        inside("dpkg", "-i", "/cairn.deb")  # as an upgrade: unpacked over what is there, and configured after another version
        self.assertIn('log-level = "warn"', settings.read_text(), "what was changed stays")
        with self.serving(root, url):
            self.assertEqual(b"hello", http_request(url, "GET", "/v1/kv/greeting").body)

        inside("dpkg", "-r", "cairn")
        self.assertFalse((root / "usr/bin/cairn").exists())
        self.assertIn('log-level = "warn"', settings.read_text())
        inside("dpkg", "-i", "/cairn.deb")
        with self.serving(root, url):
            self.assertEqual(b"hello", http_request(url, "GET", "/v1/kv/greeting").body, "data outlives remove")

        self.documented_steps(root, inside)
        (root / "etc/cairn/pki/of-somebody.key").write_text("precious")
        inside("dpkg", "-P", "cairn")
        for gone in ("var/lib/cairn", "etc/cairn/cairn.toml", UNIT):
            self.assertFalse((root / gone).exists(), gone)
        self.assertTrue((root / "etc/cairn/pki/of-somebody.key").exists(), "what the package has not made stays")

    def documented_steps(self, root, inside):
        """What docs/install.md has one do on a machine, as it stands there."""
        for number, step in enumerate(STEPS.findall((ROOT / "docs/install.md").read_text())):
            (root / "step.sh").write_text("set -eu\ncd /root\n" + step)
            said = inside("bash", "/step.sh")
            if "config check" in step:
                self.assertIn("ok: n1 would start from /var/lib/cairn", said)
        self.assertGreaterEqual(number, 1)

    def serving(self, root, url):
        """The service, while the block runs: as its user, by the line of its unit, at other ports than the machine's."""
        line = re.search(r"(?m)^ExecStart=(.*)$", (root / UNIT).read_text())[1].split()
        peer = f"http://127.0.0.1:{free_port()}"
        environment = {"CAIRN_LISTEN_CLIENT_URLS": url, "CAIRN_ADVERTISE_CLIENT_URLS": url, "CAIRN_LISTEN_PEER_URLS": peer,
                       "CAIRN_INITIAL_CLUSTER_WAIT": "0", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

        class Service:
            def __enter__(service):
                service.log = open(self.folder / "log", "ab")
                service.process = subprocess.Popen(
                    ["chroot", root, "setpriv", "--reuid=cairn", "--regid=cairn", "--clear-groups", "--pdeathsig=KILL", *line],
                    stdin=subprocess.DEVNULL, stdout=service.log, stderr=service.log, env=environment)
                service.log.close()
                wait_until(service.ready, "the service serves", 20)

            def ready(service):
                if service.process.poll() is not None:
                    raise AssertionError((self.folder / "log").read_text()[-3000:])
                try:
                    return http_request(url, "GET", "/readyz", timeout=2.0).status == 200
                except OSError:
                    return False

            def __exit__(service, *_):
                service.process.terminate()
                self.assertEqual(0, service.process.wait(20))
        return Service()


if __name__ == "__main__":
    unittest.main()

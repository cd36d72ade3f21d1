"""Real `cairn server` processes on loopback: started, asked, killed, started again.

    with Cluster() as cluster:
        leader = cluster.leader()
        leader.put("k", b"v")
        leader.kill()
        cluster.leader(other_than=leader)

Everything lives in one temporary folder that goes away at the end. When a test fails, the end of every member's log
is printed. A member dies with the test that started it, whatever happens to the test.
"""

import base64
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import quote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 20
LEADER_SECONDS = 20
SANITIZER_EXIT_STATUS = 66


def program():
    """The program under test: CAIRN_BIN, or what ./dev has built."""
    candidates = [os.environ.get("CAIRN_BIN"), ROOT / "build/dev/cairn", ROOT / "build/release/cairn"]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    sys.exit("the program is not built; run ./dev build, or name one in CAIRN_BIN")


_given_ports = set()


def free_port():
    """A port below the range that the kernel hands out to outgoing connections, so that a restart finds it free."""
    for _ in range(1000):
        port = random.randint(12000, 32000)
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port
    raise RuntimeError("no free port on 127.0.0.1 between 12000 and 32000")


def wait_until(condition, what, seconds=10.0, pause=0.02):
    """The first true result of `condition`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Reply:
    """An HTTP answer, header names in lower case."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


def http_request(url, method, target, body=None, headers=None, timeout=10.0, tls=None):
    """One request on its own connection, the target sent exactly as given. Redirects are not followed. `tls` is the
    ssl.SSLContext of an https URL."""
    address = urlsplit(url)
    if address.scheme == "https":
        connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=timeout, context=tls)
    else:
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def bytes_of(value):
    """What REST's JSON says of a byte string: a string when it is UTF-8, {"base64": ...} otherwise."""
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode()


def key_path(key):
    return "/v1/kv/" + quote(key, safe="/")


class Member:
    """One process and its data directory. The same command line starts it for the first and for every later time."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.data_dir = cluster.folder / name
        self.log_path = cluster.folder / f"{name}.log"
        self.client_url = f"{cluster.client_scheme}://127.0.0.1:{free_port()}"
        self.peer_url = self.first_peer_url = f"{cluster.peer_scheme}://127.0.0.1:{free_port()}"
        self.process = None

    def command(self, **changed):
        """The start line; `changed` replaces flags (underscores for dashes) or, with None, leaves them out."""
        flags = {
            "name": self.name,
            "data_dir": str(self.data_dir),
            "listen_client_urls": self.client_url,
            "advertise_client_urls": self.client_url,
            "listen_peer_urls": self.peer_url,
            "initial_advertise_peer_urls": self.peer_url,
            "initial_cluster": self.cluster.initial_cluster(),
            "initial_cluster_token": self.cluster.token,
        } | self.cluster.flags | changed
        line = [program(), "server"]
        for flag, value in flags.items():
            name = "--" + flag.replace("_", "-")
            if value in ("true", "false"):
                line.append(f"{name}={value}")  # a toggle takes no word behind it
            elif value is not None:
                line += [name, value]
        return line

    def start(self, **changed):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + self.cluster.prefix + self.command(**changed),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=os.environ | self.cluster.environment)
        return self

    def run(self, timeout=15.0, **changed):
        """Starts it expecting that it ends by itself: (status, what it said)."""
        done = subprocess.run(self.command(**changed), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def crashed(self):
        """It ended by a signal that no test sends (a broken CHECK aborts), or because a sanitizer found something."""
        status = self.process.poll() if self.process else None
        return status is not None and (status == SANITIZER_EXIT_STATUS or status < 0 and status != -signal.SIGKILL)

    def answers(self):
        if not self.running():
            raise AssertionError(f"{self.name} ended with {self.process.returncode}; its log ends:\n{self.log_tail()}")
        try:
            return self.request("GET", "/v1/status", timeout=2.0).status == 200
        except OSError:
            return False

    def wait(self, seconds=START_SECONDS):
        wait_until(self.answers, f"{self.name} answers at {self.client_url}", seconds)
        return self

    def kill(self):
        """As a power cut for this process: no chance to say goodbye."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, seconds=20.0):
        """Asks it to stop; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def request(self, method, target, body=None, headers=None, timeout=10.0):
        return http_request(self.client_url, method, target, body, headers, timeout, self.cluster.tls)

    def put(self, key, value, **headers):
        return self.request("PUT", key_path(key), value, {n.replace("_", "-"): v for n, v in headers.items()})

    def get(self, key, query=""):
        return self.request("GET", key_path(key) + query)

    def status(self):
        return self.request("GET", "/v1/status").json()

    def leader_name(self):
        """Whom this member believes to lead, or None."""
        try:
            said = self.request("GET", "/v1/status", timeout=2.0).headers.get("cairn-leader", "none")
        except OSError:
            return None
        return None if said == "none" else said.split(";")[0]

    def term(self):
        return int(self.request("GET", "/v1/status").headers["cairn-term"])

    def log_tail(self, lines=25):
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


def memory_kib(pid, name):
    return int(re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


class PeakMemory:
    """The most that a process had resident while the block ran, over what it had before."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # forgets the peak
        self.before = memory_kib(self.pid, "VmRSS")
        return self

    def __exit__(self, *_):
        self.growth_kib = memory_kib(self.pid, "VmHWM") - self.before


class KeptConnection:
    """One connection for many requests, also when the member takes no other one."""

    def __init__(self, member):
        address = urlsplit(member.client_url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        self.connection.connect()

    def __enter__(self):
        self.put("connected", b"v")
        return self

    def __exit__(self, *_):
        self.connection.close()

    def put(self, key, value):
        self.connection.request("PUT", f"/v1/kv/{key}", value)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


class Cluster:
    def __init__(self, size=3, start=True, environment=None, prefix=(), tls=None, **flags):
        """`flags` (underscores for dashes) go to every member, as text; so does what `environment` adds. `prefix` is
        a command that runs another, such as prlimit. `tls`: an ssl.SSLContext, by which members are asked over https.
        Members call each other over it when there is a peer_cert_file."""
        self.tls = tls
        self.client_scheme = "https" if tls else "http"
        self.peer_scheme = "https" if {"peer_cert_file", "peer_auto_tls"} & flags.keys() else "http"
        self.prefix = list(prefix)
        self.environment = environment or {}
        self.folder = Path(tempfile.mkdtemp(prefix="cairn-e2e-"))
        self.token = f"e2e-{os.getpid()}-{random.randrange(1 << 32)}"
        # Nobody knows these members, and who does calls them at once: the tests of that wait as long as users do.
        self.flags = {"initial_cluster_wait": "100"} | flags
        self.members = []
        self.members = [Member(self, f"n{i + 1}") for i in range(size)]
        self._start = start

    def initial_cluster(self):
        return ",".join(f"{member.name}={member.peer_url}" for member in self.members)

    def endpoints(self):
        return ",".join(member.client_url for member in self.members)

    def __enter__(self):
        try:
            if self._start:
                self.start()
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def __exit__(self, kind, *_):
        # The other two members go on answering when one has crashed: no test may pass over that.
        crashed = [member.name for member in self.members if member.crashed()]
        self.close(failed=bool(crashed) or kind is not None and not issubclass(kind, unittest.SkipTest))
        if crashed and kind is None:
            raise AssertionError(f"crashed: {', '.join(crashed)}; see the end of the log above")

    def close(self, failed=False):
        for member in self.members:
            if member.running():
                member.kill()
            if failed and member.log_path.exists():
                print(f"---- the end of {member.name}'s log\n{member.log_tail()}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        for member in self.members:
            if not member.running():
                member.start()
        for member in self.members:
            member.wait()
        self.leader()
        return self

    def member(self, name):
        return next(member for member in self.members if member.name == name)

    def running(self):
        return [member for member in self.members if member.running()]

    def leader(self, seconds=LEADER_SECONDS, other_than=None):
        """The member that every running one names as leader."""
        def agreed():
            names = {member.leader_name() for member in self.running()}
            if len(names) != 1 or None in names:
                return None
            leader = self.member(names.pop())
            return leader if leader.running() and leader is not other_than else None
        return wait_until(agreed, "all running members name the same running leader", seconds)

    def followers(self):
        leader = self.leader()
        return [member for member in self.running() if member is not leader]

    def cairn(self, *arguments, stdin=None, endpoints=None, timeout=30.0):
        """The command line against this cluster: (status, stdout, stderr)."""
        return cairn(*arguments, "--endpoints", endpoints or self.endpoints(), stdin=stdin, timeout=timeout)


class ClusterCase(unittest.TestCase):
    """Test cases that share one cluster, at cls.cluster; the logs are shown with the first failure."""

    cluster_size = 3
    cluster = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(cls.cluster_size))

    def run(self, result=None):
        was_good = result.wasSuccessful()
        super().run(result)
        if was_good and not result.wasSuccessful():
            for member in self.cluster.members if self.cluster else ():
                print(f"---- the end of {member.name}'s log\n{member.log_tail()}", file=sys.stderr)
        return result


def mount(case, where, *options):
    """A file system of its own in that new folder, until the test ends; without the right to do so it is skipped."""
    where.mkdir()
    if os.geteuid() != 0:
        case.skipTest("a file system can be mounted by root only")
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "cairn-e2e", str(where)], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        case.skipTest(f"no file system can be mounted here: {done.stderr.strip()}")
    case.addCleanup(subprocess.run, ["umount", "--lazy", str(where)], check=False)


class Running(subprocess.Popen):
    """A command that is killed at the end of the block, if it still runs: no failure waits for it."""

    def __exit__(self, *about):
        self.kill()
        super().__exit__(*about)


def cairn(*arguments, stdin=None, timeout=30.0):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([program(), *arguments], input=stdin if stdin is not None else b"", capture_output=True,
                          timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def contents(member, prefix="", page=500):
    """Every key and value under a prefix as this very member has them: [(key, value)], read page by page."""
    found, cursor = [], None
    while True:
        target = f"/v1/kv?prefix={quote(prefix, safe='')}&limit={page}&consistency=local"
        if cursor:
            target += f"&cursor={quote(cursor, safe='')}"
        reply = member.request("GET", target, timeout=30.0)
        if reply.status != 200:
            raise AssertionError(f"{member.name} does not list: {reply}")
        body = reply.json()
        found += [(bytes_of(item["key"]), bytes_of(item["value"])) for item in body["kvs"]]
        cursor = body.get("cursor")
        if not cursor:
            return found


def port_of(url):
    return int(re.search(r":(\d+)$", url).group(1))

"""The table of etcdctl's calls (etcdctl_cases.txt), how one of them runs, and what of its answer cannot be equal.

Only what differs from cluster to cluster by its nature is replaced, each by a name of its own: ids of cluster, members and
leases, addresses, terms and log indexes, sizes and versions, times. Everything else is compared as it stands.
"""

import base64
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from cluster import ROOT, free_port

TABLE = Path(__file__).parent / "etcdctl_cases.txt"
FORMATS = ("simple", "json", "fields", "table", "protobuf")
UNTIL_SECONDS = 10

CASE = re.compile(r"(?:(?P<name>\w+) = )?(?P<each>\* )?(?:(?P<kind>until|start|differs|lacks|skip) (?P<text>'[^']*') )?"
                  r"(?:@(?P<where>\w+) )?(?P<command>.*?)(?: < (?P<stdin>'.*'))?$")

# What a call prints with -w protobuf.
MESSAGES = {
    "put": "PutResponse", "get": "RangeResponse", "del": "DeleteRangeResponse", "txn": "TxnResponse",
    "lease revoke": "LeaseRevokeResponse",
    # Of these it prints nothing but the header.
    "lease grant": "ResponseHeader", "lease list": "ResponseHeader", "lease timetolive": "ResponseHeader",
    "lease keep-alive": "ResponseHeader",
    "member list": "MemberListResponse", "alarm list": "AlarmResponse", "alarm disarm": "AlarmResponse",
}


def unescaped(text):
    return re.sub(r"\\(x[0-9a-f]{2}|n|\\)",
                  lambda m: {"n": "\n", "\\": "\\"}.get(m[1]) or os.fsdecode(bytes([int(m[1][1:], 16)])), text)


class Case:
    """One line of the table."""

    def __init__(self, number, line):
        found = CASE.match(line)
        self.number, self.line = number, line
        self.name, self.kind, self.where = found["name"], found["kind"], found["where"] or "n2"
        self.text = unescaped(found["text"][1:-1]) if found["text"] else ""
        self.stdin = unescaped(found["stdin"][1:-1]) if found["stdin"] else ""
        self.arguments = [unescaped(word) for word in shlex.split(found["command"])]
        self.formats = FORMATS if found["each"] else (None,)

    def written(self, form):
        return self.arguments if form is None else [*self.arguments, "-w", form]

    def is_about(self, command):
        return f" {command} " in f" {' '.join(self.arguments)} "


def table():
    lines = enumerate(TABLE.read_text().splitlines(), 1)
    return [Case(number, line) for number, line in lines if line and not line.startswith("#")]


def environment():
    return os.environ | {"ETCDCTL_API": "3"}


class Side:
    """One of the two clusters, with all that is known of it: who is who, and the ids that it gave."""

    def __init__(self, endpoints):
        self.folder = tempfile.TemporaryDirectory(prefix="cairn-etcdctl-")
        self.endpoints = {"all": endpoints, "none": f"127.0.0.1:{free_port()}"}
        self.known, self.captured, self.running, self.ids = [], {}, None, {}
        listed = json.loads(self.plainly(endpoints, "member", "list", "-w", "json"))
        self.know(listed["header"]["cluster_id"], "<cluster>")
        for member in listed["members"]:
            self.meet(member)
        leader = json.loads(self.plainly(endpoints, "endpoint", "status", "-w", "json"))[0]["Status"]["leader"]
        if leader != self.ids["n1"]:
            by_leader = next(self.endpoints[name] for name, each in self.ids.items() if each == leader)
            self.plainly(by_leader, "move-leader", f"{self.ids['n1']:x}")

    def meet(self, member):
        name, url = member["name"], member["clientURLs"][0]
        self.ids[name], self.endpoints[name] = member["ID"], url
        self.know(member["ID"], f"<{name}>")
        for each, kind in ((url, "client"), (member["peerURLs"][0], "peer")):
            self.known.append((re.escape(each.removeprefix("http://")), f"<{name} {kind}>"))

    def know(self, number, name):
        self.known += [(rf"\b{number}\b", name), (rf"\b0*{number:x}\b", name)]

    def plainly(self, endpoints, *arguments):
        return subprocess.run(["etcdctl", "--endpoints", endpoints, *arguments], stdout=subprocess.PIPE, timeout=30,
                              check=True, env=environment()).stdout.decode()

    def close(self):
        if self.running:
            self.running.kill()
            self.running.wait()
        self.folder.cleanup()

    # ---- running

    def command(self, case, form):
        places = {"dir": self.folder.name, **self.captured, **{f"id:{name}": f"{id_:x}" for name, id_ in self.ids.items()}}
        words = [re.sub(r"\{([\w:]+)\}", lambda m: places[m[1]], word) for word in case.written(form)]
        return ["etcdctl", "--endpoints", self.endpoints[case.where], *words]

    def run(self, case, form):
        """(exit status, standard output, standard error), each made comparable."""
        if case.arguments == ["stop"]:
            process, self.running = self.running, None
            return self.comparable(case, form, self.interrupted(process))
        if case.kind in ("until", "start"):
            process = self.started(case, form)
            if case.kind == "start":
                self.running = process
                return ()
            return self.comparable(case, form, self.interrupted(process))
        done = subprocess.run(self.command(case, form), input=os.fsencode(case.stdin), capture_output=True, timeout=15,
                              check=False, env=environment())
        return self.comparable(case, form, (done.returncode, done.stdout, done.stderr))

    def capture(self, name, said):
        """The id in the answer of a grant: hexadecimal in words, decimal in fields."""
        found = re.search(r'lease ([0-9a-f]+) |"ID"\W+(\d+)', said)
        self.captured[name] = found[1] or f"{int(found[2]):x}"
        self.know(int(self.captured[name], 16), f"<{name}>")

    def started(self, case, form):
        """Runs it until it has said what it has to."""
        out, err = (open(f"{self.folder.name}/{name}", "w+b") for name in ("out", "err"))
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command(case, form)], stdin=subprocess.PIPE,
                                   stdout=out, stderr=err, env=environment())
        process.output = (out, err)
        process.stdin.write(os.fsencode(case.stdin))
        process.stdin.flush()
        end = time.monotonic() + UNTIL_SECONDS
        while not any(os.fsencode(case.text) in Path(each.name).read_bytes() for each in (out, err)):
            if process.poll() is not None or time.monotonic() > end:
                _, *said = self.interrupted(process)
                raise AssertionError(f"never said {case.text!r}, but {said}")
            time.sleep(0.01)
        return process

    @staticmethod
    def interrupted(process):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        status = process.wait(20)
        process.stdin.close()
        said = [Path(each.name).read_bytes() for each in process.output]
        for each in process.output:
            each.close()
        return status, *said

    # ---- comparing

    def comparable(self, case, form, answer):
        status, out, err = answer
        message = next((MESSAGES[command] for command in MESSAGES if case.is_about(command)), None)
        if form == "protobuf" and message and status == 0:
            out = decoded(message, out)
        elif case.is_about("lease grant") and status == 0:
            self.capture(case.name or "lease", out.decode())
        return status, self.masked(case, os.fsdecode(out)), self.masked(case, os.fsdecode(err))

    def masked(self, case, text):
        masks = [*self.known, (re.escape(self.folder.name), "<dir>"), (re.escape(self.endpoints["none"]), "<none>"), *MASKS]
        for command, more in MASKS_OF.items():
            masks += more if case.is_about(command) else []
        for pattern, instead in masks:
            text = re.sub(pattern, instead, text, flags=re.M)
        return in_order(text) if any(case.is_about(command) for command in LISTS) else text


def decoded(message, data):
    done = subprocess.run(["protoc", f"--proto_path={ROOT}/proto", f"--decode=etcdserverpb.{message}", f"{ROOT}/proto/rpc.proto"],
                          input=data, capture_output=True, check=True, timeout=30)
    return done.stdout


def without_session(match):
    """A key in base64; that of a session ends with the id of its lease."""
    return f'"key":"{re.sub(SESSION, "<lease>", base64.b64decode(match[1]).decode(errors="replace"))}"'


SESSION = r"(?<=/)[0-9a-f]{13,16}\b"

MASKS = [
    (r'"(ts|took)":[^,}]+', r'"\1":T'),
    (r"endpoint://client-[-0-9a-f]{36}", "endpoint://client-<uuid>"),
    (r"\b0x[0-9a-f]+\b", "0x<address>"),  # of a call that ends itself
    (r'"(raft_term|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse)":\d+', r'"\1":N'),
    (r'"(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse)" : \d+', r'"\1" : N'),
    (r"^(\s*raft_term): \d+$", r"\1: N"),
    (r"\b3\.\d+\.\d+\b", "<version>"),
    (r"\b[\d.]+ [kM]?B\b", "<size>"),
    (r"\b\d+(?:\.\d+)?(?:ms|µs)|\b\d+\.\d+s\b", "<time>"),
    (r'(remaining\(|"ttl":)(?:59\d|600)\b', r"\1<left>"),
    (r"(true|false), \d+, \d+, \d+, ", r"\1, N, N, N, "),
    (r"((?:true|false) +\|)(?: +\d+ \|){3}", r"\1 N | N | N |"),
    (r" +", " "),  # columns are as wide as what was replaced
    (r"--+", "--"),
]
SESSIONS = [
    (r'"key":"([A-Za-z0-9+/=]+)"', without_session),
    (SESSION, "<lease>"),
    (r'("lease":|"Lease" : )\d{13,}', r"\1<lease>"),
]
MASKS_OF = {
    "lease list": [(r'^[0-9a-f]{13,16}$|(?<="ID" : )\d{13,}|(?<="id":)\d{13,}|<L\d>', "<lease>")],
    "lock": SESSIONS, "elect": SESSIONS, "stop": SESSIONS,
    # The file is another one with the same in it; 3.4 also counts what an etcd notes in it for itself.
    "snapshot status": [
        (r'^[0-9a-f]{7,8}, (\d+), \d+, .*', r"<hash>, \1, <keys>, <size>"),
        (r'^\| [0-9a-f]{7,8} \| (\d+) \| \d+ \| .*', r"| <hash> | \1 | <keys> | <size> |"),
        (r'("hash":|"totalKey":|"totalSize":|"Hash" : |"Keys" : |"Size" : )\d+', r"\1<own>")],
}
# Members and leases are listed by their ids, and those are each one's own.
LISTS = ("member", "endpoint", "lease list", "defrag")


def in_order(text):
    return sorted(re.split(r"\n|(?<=\}),(?=\{)|[\[\]]", text))

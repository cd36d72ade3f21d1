#!/usr/bin/env python3
"""A real data set through the front door, with the leader killed in the middle, and every byte compared afterwards.

The records are the Debian package index of this machine: key = package name, value = its whole stanza. A quarter goes
through REST, the rest through `cairn batch`; whatever is not answered is sent again with the same idempotency key. A key
that exists more than once in the log would have a version above 1, so a doubled write is seen as well as a lost one.
"""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster, bytes_of, cairn, key_path, wait_until

REST_WRITERS = 3
BATCH_WRITERS = 2
BATCH_RECORDS = 1000
KILLS_AT = (0.15, 0.3, 0.45, 0.6, 0.75)
GIVE_UP_SECONDS = 60


def package_index():
    """(where from, the text): what apt knows, or what dpkg has when apt has no lists."""
    try:
        text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=False).stdout
    except FileNotFoundError:
        text = b""
    if text.count(b"\nPackage: ") > 1000:
        return "apt-cache dumpavail", text
    for path in ("/var/lib/dpkg/available", "/var/lib/dpkg/status"):
        if os.path.exists(path) and Path(path).read_bytes().strip():
            return f"{path} (apt has no package lists here; `apt-get update` fetches them)", Path(path).read_bytes()
    return "nothing", b""


def records():
    where, text = package_index()
    found = {}
    for stanza in re.split(rb"\n\n+", text.strip()):
        match = re.search(rb"^Package: (\S+)", stanza, re.M)
        if not match:
            continue
        key = match.group(1).decode()
        if key in found:
            version = re.search(rb"^Version: (\S+)", stanza, re.M)
            key += "=" + (version.group(1).decode() if version else str(len(found)))
        found[key] = stanza
    limit = int(os.environ.get("CAIRN_DATASET_RECORDS", "0"))
    return where, dict(list(found.items())[:limit] if limit else found)


class Writer(threading.Thread):
    """Sends its share until every piece of it is acknowledged, and remembers the longest it waited."""

    def __init__(self, cluster, share):
        super().__init__(daemon=True)
        self.cluster, self.share = cluster, share
        self.done_records = 0
        self.waited = self.sent_again = 0
        self.error = None

    def run(self):
        try:
            for piece in self.share:
                start, tries = time.monotonic(), 1
                while not self.send(piece):
                    tries += 1
                    if time.monotonic() - start > GIVE_UP_SECONDS:
                        raise AssertionError(f"not acknowledged within {GIVE_UP_SECONDS} s: {piece[0][0]}")
                    time.sleep(0.02)
                self.sent_again += tries - 1
                if tries > 1 or len(piece) == 1:
                    self.waited = max(self.waited, time.monotonic() - start)
                self.done_records += len(piece)
        except BaseException as error:
            self.error = error
        finally:
            self.close()

    def close(self):
        pass


class RestWriter(Writer):
    """One connection, kept; follows a redirect to the leader and stays there."""

    def __init__(self, cluster, share):
        super().__init__(cluster, share)
        self.urls = [member.client_url for member in cluster.members]
        self.url, self.connection = self.urls[0], None

    def go_to(self, url):
        self.close()
        self.url = url

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def send(self, piece):
        key, value = piece[0]
        try:
            if not self.connection:
                address = urlsplit(self.url)
                self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
            self.connection.request("PUT", key_path(key), value, {"Idempotency-Key": "rest/" + key})
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.go_to(self.urls[(self.urls.index(self.url) + 1) % len(self.urls)])
            return False
        if answer.status == 307:
            location = urlsplit(answer.headers["Location"])
            self.go_to(f"{location.scheme}://{location.netloc}")
            return False
        if answer.status in (503, 504, 429):
            return False
        if answer.status not in (200, 201):
            raise AssertionError(f"PUT {key}: {answer.status}")
        return True


class BatchWriter(Writer):
    """One `cairn batch` a piece; it makes transactions of it by itself."""

    def send(self, piece):
        lines = "\n".join(json.dumps({"op": "put", "key": key, "value": json_bytes(value)}) for key, value in piece)
        status, out, err = cairn("batch", "-w", "json", "--id", "batch/" + piece[0][0], "--endpoints",
                                 self.cluster.endpoints(), stdin=lines, timeout=120)
        if status not in (0, 3):
            raise AssertionError(f"cairn batch: {status} {err}")
        if status == 0:
            self.waited = max(self.waited, json.loads(out)["longest_silence_seconds"])
        return status == 0


def json_bytes(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def pieces_of(items, size):
    return [items[i:i + size] for i in range(0, len(items), size)]


class Dataset(unittest.TestCase):
    def test_every_record_on_every_member(self):
        where, source = records()
        if not source:
            self.skipTest("this machine has no package index")
        items = list(source.items())
        start = time.monotonic()
        with Cluster() as cluster:
            writers = self.writers(cluster, items)
            kills = self.load(cluster, writers, len(items))
            seconds = time.monotonic() - start
            self.compare(cluster, source, "after loading")
            for member in cluster.members:
                member.kill()
            cluster.start()
            self.compare(cluster, source, "after killing and restarting all three")
        size = sum(len(key) + len(value) for key, value in items)
        print(f"source            {where}\nrecords           {len(items)}\nbytes             {size}\n"
              f"seconds           {seconds:.1f}\nleaders killed    {kills}\n"
              f"requests again    {sum(writer.sent_again for writer in writers)}\n"
              f"longest silence   {max(writer.waited for writer in writers):.3f} s")

    def writers(self, cluster, items):
        part = len(items) // 4  # one request a record is the slower way
        found = [RestWriter(cluster, [[item] for item in items[i:part:REST_WRITERS]]) for i in range(REST_WRITERS)]
        pieces = pieces_of(items[part:], BATCH_RECORDS)
        return found + [BatchWriter(cluster, pieces[i::BATCH_WRITERS]) for i in range(BATCH_WRITERS)]

    def load(self, cluster, writers, total):
        """Kills the leader whenever the next share of the records is in; the victim comes back a little later."""
        kills = 0
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            time.sleep(0.02)
            progress = sum(writer.done_records for writer in writers) / total
            if kills < len(KILLS_AT) and progress >= KILLS_AT[kills]:
                victim = cluster.leader()
                victim.kill()
                kills += 1
                cluster.leader(other_than=victim)
                victim.start()
                victim.wait()
        for writer in writers:
            if writer.error:
                raise writer.error
        self.assertEqual(total, sum(writer.done_records for writer in writers))
        self.assertGreaterEqual(kills, min(len(KILLS_AT), 3))
        return kills

    def compare(self, cluster, source, when):
        revision = cluster.leader().status()["revision"]
        for member in cluster.members:
            wait_until(lambda: member.status()["revision"] >= revision, f"{member.name} has caught up", 60)
            found, doubled = everything(member)
            self.assertEqual([], doubled[:5], f"{when}, {member.name}: written more than once")
            self.assertEqual(sorted(source), sorted(found), f"{when}, {member.name}: the keys")
            wrong = [key for key, value in source.items() if found[key] != value]
            self.assertEqual([], wrong[:5], f"{when}, {member.name}: the values")
            print(f"{when}: {member.name} holds all {len(found)} records, each once", file=sys.stderr)


def everything(member):
    """({key: value}, the keys written more than once) as this very member has them."""
    found, doubled, cursor = {}, [], None
    while True:
        target = "/v1/kv?limit=2000&consistency=local" + (f"&cursor={cursor}" if cursor else "")
        reply = member.request("GET", target, timeout=60)
        if reply.status != 200:
            raise AssertionError(f"{member.name} does not list: {reply}")
        body = reply.json()
        for item in body["kvs"]:
            key = bytes_of(item["key"]).decode()
            found[key] = bytes_of(item["value"])
            if item["version"] != 1:
                doubled.append(key)
        cursor = body.get("cursor")
        if not cursor:
            return found, doubled


if __name__ == "__main__":
    unittest.main()

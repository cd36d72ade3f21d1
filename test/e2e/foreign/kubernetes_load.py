#!/usr/bin/env python3
"""What Kubernetes' API servers do to their store, compressed, and validators that look at every answer.

    kubernetes_load.py MODULES ENDPOINT,ENDPOINT,... SECONDS      MODULES: a folder with protoc's Python of our .proto files

Objects are created by a transaction on `mod_revision == 0`, changed and deleted by one on the revision last seen, with the
object read in the other branch. Lists come in pages at a pinned revision. Watches begin behind a list, with previous values
and progress requests. Events hang on leases. The API servers agree on who compacts by the key compact_rev_key. Nobody repeats
a write whose outcome it does not know.

Ends with 0 and one line of JSON when all held, else with 1 and what did not:
  - every event changes the state before it as it says: previous value, version, creation; revisions ascend
  - after a progress answer of revision R no event of R or before comes, and the state equals a list at R
  - watches that saw the same revision saw the same; each acknowledged write is there, at its revision
  - pages of one list together are as many as each says, in order
  - a lease's events last until its time to live is over, and not for ever
"""

import json
import queue
import random
import sys
import threading
import time

import grpc

sys.path.insert(0, sys.argv[1])
import kv_pb2 as kv  # noqa: E402
import rpc_pb2 as rpc  # noqa: E402

OBJECTS = "/registry/pods/"
EVENTS = "/registry/events/"
EVERYTHING = "/registry/"
NAMES = 60
PAGE = 13
EVENT_TTL = 3
COMPACT_SECONDS = 2.5
CALL_SECONDS = 5
SETTLE_SECONDS = 60


class Violations:
    def __init__(self):
        self.texts, self.lock = [], threading.Lock()

    def check(self, good, text):
        if not good:
            with self.lock:
                self.texts.append(text)


class Server:
    """An API server's connection: to one member, and to the next when that one fails."""

    def __init__(self, endpoints, first):
        self.endpoints, self.at = endpoints, first
        self.connect()

    def connect(self):
        self.channel = grpc.insecure_channel(self.endpoints[self.at % len(self.endpoints)].removeprefix("http://"))

    def turn_to_next(self):
        self.channel.close()
        self.at += 1
        self.connect()
        time.sleep(0.05)  # not a busy loop while all refuse

    def call(self, method, request, answer):
        ask = self.channel.unary_unary(f"/etcdserverpb.{method}", request_serializer=type(request).SerializeToString,
                                       response_deserializer=answer.FromString)
        return ask(request, timeout=CALL_SECONDS)

    def surely(self, method, request, answer, until):
        """Reads may be repeated until they are answered."""
        while True:
            try:
                return self.call(method, request, answer)
            except grpc.RpcError as error:
                if is_compacted(error) or time.monotonic() > until:
                    raise
                self.turn_to_next()

    def range(self, key, until, **more):
        return self.surely("KV/Range", rpc.RangeRequest(key=key.encode(), **more), rpc.RangeResponse, until)

    def txn(self, compare, success, failure):
        return self.call("KV/Txn", rpc.TxnRequest(compare=[compare], success=[success], failure=[failure]), rpc.TxnResponse)


def is_compacted(error):
    return "required revision has been compacted" in (error.details() or "")


def mod_is(key, revision):
    return rpc.Compare(key=key.encode(), target=rpc.Compare.MOD, result=rpc.Compare.EQUAL, mod_revision=revision)


def put(key, value, lease=0):
    return rpc.RequestOp(request_put=rpc.PutRequest(key=key.encode(), value=value.encode(), lease=lease))


def delete(key):
    return rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=key.encode()))


def get(key):
    return rpc.RequestOp(request_range=rpc.RangeRequest(key=key.encode()))


def end_of(prefix):
    return prefix[:-1].encode() + bytes([ord(prefix[-1]) + 1])


def listed(server, prefix, violations, until, revision=0):
    """(revision, {key: item}), read page by page."""
    found, key, total = {}, prefix, None
    while True:
        answer = server.range(key, until, range_end=end_of(prefix), limit=PAGE, revision=revision)
        revision = revision or answer.header.revision
        total = answer.count if total is None else total
        keys = [item.key for item in answer.kvs]
        violations.check(keys == sorted(keys) and (not found or not keys or keys[0] > max(found)), f"pages overlap: {keys}")
        violations.check(len(found) + answer.count == total, f"a page of {key} counts {answer.count}, the list had {total}")
        found |= {item.key: item for item in answer.kvs}
        if not answer.more:
            violations.check(len(found) == total, f"{len(found)} in pages, {total} counted")
            return revision, found
        key = (keys[-1] + b"\0").decode()


class Writer(threading.Thread):
    """Creates, changes and deletes objects as an API server does for its clients."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.name_, self.server = load, f"writer{number}", Server(load.endpoints, number)
        self.random, self.done, self.unknown = random.Random(number), [], 0

    def run(self):
        count = 0
        while not self.load.stop.is_set():
            count += 1
            key = f"{OBJECTS}ns{self.random.randrange(3)}/{self.random.randrange(NAMES // 3)}"
            value = f"{self.name_}-{count}-" + "v" * self.random.randrange(300)
            try:
                self.change(key, value)
            except grpc.RpcError:
                self.unknown += 1
                self.server.turn_to_next()

    def change(self, key, value):
        answer = self.server.txn(mod_is(key, 0), put(key, value), get(key))
        if answer.succeeded:
            self.done.append((answer.header.revision, key, value))
            return
        wish, value = (delete(key), None) if self.random.random() < 0.3 else (put(key, value), value)
        while not answer.succeeded:
            kvs = answer.responses[0].response_range.kvs
            if not kvs:
                return  # deleted by another
            answer = self.server.txn(mod_is(key, kvs[0].mod_revision), wish, get(key))
        self.done.append((answer.header.revision, key, value))


class EventWriter(threading.Thread):
    """Events hang on a lease that several share."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load, self.server, self.expiry = load, Server(load.endpoints, 1), {}

    def run(self):
        count = 0
        while not self.load.stop.is_set():
            try:
                granted = time.monotonic()
                lease = self.server.call("Lease/LeaseGrant", rpc.LeaseGrantRequest(TTL=EVENT_TTL), rpc.LeaseGrantResponse)
                for _ in range(10):
                    count += 1
                    key = f"{EVENTS}{count}"
                    answer = self.server.txn(mod_is(key, 0), put(key, "event", lease.ID), get(key))
                    if answer.succeeded:
                        self.expiry[key.encode()] = granted + lease.TTL
                    self.load.stop.wait(0.05)
            except grpc.RpcError:
                self.server.turn_to_next()


class Compactor(threading.Thread):
    """One of several that agree by compact_rev_key on who compacts, and to what was there an interval before."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.server, self.compacted = load, Server(load.endpoints, number), 0

    def run(self):
        version, revision = 0, 0
        while not self.load.stop.wait(COMPACT_SECONDS):
            try:
                version, revision = self.once(version, revision)
            except grpc.RpcError as error:
                if not is_compacted(error):
                    self.server.turn_to_next()

    def once(self, version, revision):
        key = "compact_rev_key"
        compare = rpc.Compare(key=key.encode(), target=rpc.Compare.VERSION, result=rpc.Compare.EQUAL, version=version)
        answer = self.server.txn(compare, put(key, str(revision)), get(key))
        if not answer.succeeded:
            return answer.responses[0].response_range.kvs[0].version, answer.header.revision
        if revision:
            self.server.call("KV/Compact", rpc.CompactionRequest(revision=revision), rpc.CompactionResponse)
            self.compacted += 1
        return version + 1, answer.header.revision


class Watcher(threading.Thread):
    """A watch cache: a list, and what a watch makes of it."""

    def __init__(self, load, prefix, number):
        super().__init__(daemon=True)
        self.load, self.prefix, self.check = load, prefix, load.violations.check
        self.server, self.reader = Server(load.endpoints, number), Server(load.endpoints, number)
        self.state, self.seen, self.spans, self.compared, self.streams = {}, {}, [], 0, 0
        self.at = self.bookmark = 0  # the revision that the state is of; that of the last progress answer

    def run(self):
        while not self.over():
            try:
                if not self.spans:
                    self.relist()
                self.follow()
            except grpc.RpcError as error:
                if is_compacted(error):
                    self.relist()
                self.server.turn_to_next()

    def over(self):
        return self.load.last and self.at >= self.load.last or time.monotonic() > self.load.give_up

    def relist(self):
        self.at, self.state = listed(self.reader, self.prefix, self.load.violations, self.load.give_up)
        self.bookmark = self.at
        self.spans.append([self.at, self.at])

    def requests(self, wake):
        create = rpc.WatchCreateRequest(key=self.prefix.encode(), range_end=end_of(self.prefix), prev_kv=True,
                                        start_revision=self.at + 1, progress_notify=True)
        yield rpc.WatchRequest(create_request=create)
        while True:
            try:
                wake.get(timeout=0.2)
                return
            except queue.Empty:
                yield rpc.WatchRequest(progress_request=rpc.WatchProgressRequest())

    def follow(self):
        watch = self.server.channel.stream_stream("/etcdserverpb.Watch/Watch", request_serializer=rpc.WatchRequest.SerializeToString,
                                                  response_deserializer=rpc.WatchResponse.FromString)
        wake = queue.Queue()
        answers = watch(self.requests(wake), metadata=(("hasleader", "true"),))
        self.streams += 1
        try:
            for answer in answers:
                if answer.canceled:
                    if answer.compact_revision:
                        self.relist()
                    return
                for event in answer.events:
                    self.apply(event)
                if answer.events:
                    self.spans[-1][1] = self.at
                elif not answer.created:
                    self.progress(answer.header.revision)
                if self.over():
                    return
        finally:
            wake.put(None)
            answers.cancel()

    def apply(self, event):
        item, before = event.kv, self.state.get(event.kv.key)
        where = f"{self.prefix} revision {item.mod_revision} {item.key}"
        self.check(item.mod_revision >= self.at, f"{where}: after revision {self.at}")
        self.check(item.mod_revision > self.bookmark, f"{where}: after a progress of {self.bookmark}")
        self.check((before is None) == (not event.HasField("prev_kv")), f"{where}: whether there was a value before")
        if before is not None:
            self.check(event.prev_kv == before, f"{where}: the previous value is not {before.mod_revision}")
        if event.type == kv.Event.DELETE:
            self.check(before is not None, f"{where}: deleted without being there")
            self.state.pop(item.key, None)
            self.deleted(item.key)
        else:
            self.check(item.version == (before.version + 1 if before else 1), f"{where}: version {item.version}")
            self.check((item.create_revision == item.mod_revision) == (before is None), f"{where}: creation")
            self.state[item.key] = item
        self.at = item.mod_revision
        self.seen.setdefault(self.at, []).append((item.key, None if event.type == kv.Event.DELETE else item.value))

    def deleted(self, key):
        expiry = self.load.events.expiry.get(key)
        self.check(expiry is None or time.monotonic() >= expiry, f"{key} went before its lease")

    def progress(self, revision):
        self.check(revision >= self.at, f"{self.prefix}: a progress of {revision} after an event of {self.at}")
        self.at = self.bookmark = max(self.at, revision)
        self.spans[-1][1] = self.at
        try:
            self.compare(revision)
        except grpc.RpcError as error:
            if not is_compacted(error):
                raise

    def compare(self, revision):
        _, found = listed(self.reader, self.prefix, self.load.violations, self.load.give_up, revision)
        self.check(found == self.state, f"{self.prefix}: the state at {revision} is not what is listed: "
                                        f"{sorted(found.keys() ^ self.state.keys())}")
        self.compared += 1


class Load:
    def __init__(self, endpoints, seconds):
        self.endpoints, self.seconds = endpoints, seconds
        self.violations, self.stop, self.last = Violations(), threading.Event(), 0
        self.give_up = time.monotonic() + seconds + SETTLE_SECONDS
        self.events = EventWriter(self)
        self.writers = [Writer(self, number) for number in range(4)]
        self.compactors = [Compactor(self, number) for number in range(2)]
        self.watchers = [Watcher(self, prefix, number) for number, prefix in enumerate((OBJECTS, OBJECTS, EVERYTHING, EVERYTHING))]

    def run(self):
        work = [*self.writers, self.events, *self.compactors]
        for thread in work + self.watchers:
            thread.start()
        time.sleep(self.seconds)
        self.stop.set()
        for thread in work:
            thread.join(3 * CALL_SECONDS)
        self.expire()
        server = Server(self.endpoints, 0)
        # Read, not written: what a write without an answer has left may still come.
        self.last = server.range(OBJECTS, self.give_up).header.revision
        for watcher in self.watchers:
            watcher.join(SETTLE_SECONDS)
            self.violations.check(not watcher.is_alive() and watcher.at >= self.last, f"a watch never came to revision {self.last}")
            self.violations.check(watcher.compared > 0, "a watch was never compared with a list")
        self.agree()
        self.hold_acknowledged()

    def expire(self):
        server = Server(self.endpoints, 0)
        while server.range(EVENTS, self.give_up, range_end=end_of(EVENTS), count_only=True).count:
            if time.monotonic() > self.give_up:
                self.violations.check(False, "events outlive their leases")
                return
            time.sleep(0.2)

    def agree(self):
        told = {}
        for watcher in self.watchers:
            for revision, events in watcher.seen.items():
                of_objects = sorted((key, value) for key, value in events if key.startswith(OBJECTS.encode()))
                self.violations.check(told.setdefault(revision, of_objects) == of_objects, f"watches differ in revision {revision}")
        self.told = told

    def hold_acknowledged(self):
        spans = [span for watcher in self.watchers for span in watcher.spans]
        for writer in self.writers:
            self.violations.check(len(writer.done) > 0, "a writer never succeeded")
            for revision, key, value in writer.done:
                if any(begin < revision <= end for begin, end in spans):
                    event = (key.encode(), None if value is None else value.encode())
                    self.violations.check(self.told.get(revision) == [event], f"acknowledged, but not in revision {revision}: {key}")

    def summary(self):
        return {"writes": sum(len(writer.done) for writer in self.writers), "unknown": sum(writer.unknown for writer in self.writers),
                "revision": self.last, "compactions": sum(each.compacted for each in self.compactors),
                "events": len(self.events.expiry), "watched": sum(len(each.seen) for each in self.watchers),
                "streams": sum(each.streams for each in self.watchers), "lists": sum(len(each.spans) for each in self.watchers),
                "compared": sum(each.compared for each in self.watchers)}


def main():
    load = Load(sys.argv[2].split(","), float(sys.argv[3]))
    load.run()
    for text in load.violations.texts[:20]:
        print(text, file=sys.stderr)
    print(json.dumps(load.summary()))
    return 1 if load.violations.texts else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Configuration that is followed while it changes: configuration.py [HOST:PORT [CHANGES]]

Reads all of it once, then hears of each change behind that, so that none is missed in between. Ends after so many changes.
"""

from etcd3.events import DeleteEvent

from cluster import connect, word

PREFIX = "examples/configuration/"
client = connect()
settings = {}
answer = client.get_prefix_response(PREFIX)
for item in answer.kvs:
    settings[item.key.decode()[len(PREFIX):]] = item.value.decode()
print(f"begins with {settings}", flush=True)
events, cancel = client.watch_prefix(PREFIX, start_revision=answer.header.revision + 1)
for _, event in zip(range(int(word(2, "1"))), events):
    name = event.key.decode()[len(PREFIX):]
    if isinstance(event, DeleteEvent):
        settings.pop(name, None)
    else:
        settings[name] = event.value.decode()
    print(f"is now {settings}", flush=True)
cancel()

"""A key that one has at a time, which is what a lock and the place of a leader are.

It has a lease. Who dies stops renewing that, and the key goes with it. (Many that wait had better wait in a queue, as
`cairn lock` and `etcdctl lock` do: here all of them try again each time.)
"""

import contextlib
import threading

from etcd3.events import DeleteEvent


@contextlib.contextmanager
def held(client, key, who, ttl_seconds=5):
    lease, ended = client.lease(ttl_seconds), threading.Event()

    def keep_alive():
        while not ended.wait(ttl_seconds / 3):
            lease.refresh()

    threading.Thread(target=keep_alive, daemon=True).start()
    try:
        wait_for(client, key, who, lease)
        yield
    finally:
        ended.set()
        lease.revoke()  # and the key with it


def wait_for(client, key, who, lease):
    while True:
        # Watched from before the attempt on, so that no end goes unseen between the two.
        events, cancel = client.watch(key)
        try:
            taken, _ = client.transaction(compare=[client.transactions.create(key) == "0"],
                                          success=[client.transactions.put(key, who, lease)], failure=[])
            if taken:
                return
            next(event for event in events if isinstance(event, DeleteEvent))
        finally:
            cancel()

#!/usr/bin/env python3
"""Who is there now: discovery.py [HOST:PORT [NAME [SECONDS]]]

Each service puts its address under a key with a lease, and renews that while it lives. Who goes away without a word is
forgotten when the lease ends.
"""

import time

from cluster import connect, word

PREFIX = "examples/services/"
client = connect()
name, seconds = word(2, "web-1"), float(word(3, "0.2"))
lease = client.lease(5)
client.put(PREFIX + name, f"http://{name}.example:8080", lease)
print("there are " + " ".join(sorted(about.key.decode()[len(PREFIX):] for _, about in client.get_prefix(PREFIX))), flush=True)
end = time.monotonic() + seconds
while time.monotonic() < end:  # what a service does
    lease.refresh()
    time.sleep(min(1, seconds))
lease.revoke()

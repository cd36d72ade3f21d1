#!/usr/bin/env python3
"""A counter that loses nothing: counter.py [HOST:PORT [TIMES]]

Adds one so many times. Each step writes only if nobody else has written since it read; otherwise it reads again.
"""

from cluster import connect, word

KEY = "examples/counter"
client = connect()
for _ in range(int(word(2, "10"))):
    while True:
        value, about = client.get(KEY)
        seen = about.mod_revision if about else 0
        done, _ = client.transaction(compare=[client.transactions.mod(KEY) == seen],
                                     success=[client.transactions.put(KEY, str(int(value or 0) + 1))], failure=[])
        if done:
            break
print(int(client.get(KEY)[0]))

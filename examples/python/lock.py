#!/usr/bin/env python3
"""One at a time: lock.py [HOST:PORT [NAME [SECONDS]]]"""

import time

from cluster import connect, word
from held import held

me = word(2, "me")
with held(connect(), "examples/lock", me):
    print(f"{me} begins", flush=True)
    time.sleep(float(word(3, "0.2")))  # what nobody else may do meanwhile
    print(f"{me} ends", flush=True)

#!/usr/bin/env python3
"""One leads, the others wait and take over: leader.py [HOST:PORT [NAME [SECONDS]]]

Leads for so many seconds, then gives it up. Kill one that leads: another follows when its lease has ended.
"""

import time

from cluster import connect, word
from held import held

me = word(2, "me")
with held(connect(), "examples/leader", me):
    print(f"{me} leads", flush=True)
    time.sleep(float(word(3, "0.2")))  # what a leader does
    print(f"{me} gives up", flush=True)

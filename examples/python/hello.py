#!/usr/bin/env python3
"""A key and its value: hello.py [HOST:PORT]"""

from cluster import connect

client = connect()
client.put("greeting", "hello")
value, about = client.get("greeting")
print(f"{about.key.decode()} = {value.decode()}, version {about.version}")

"""Where the cluster is: the first word of the command line, or a member on this machine."""

import sys

import etcd3


def connect():
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:2379").rpartition(":")
    return etcd3.client(host=host, port=int(port), timeout=10)


def word(number, otherwise):
    """What follows on the command line."""
    return sys.argv[number] if len(sys.argv) > number else otherwise

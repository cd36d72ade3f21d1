"""Debian's etcd, three members on loopback: the oracle of our answers and the measure of our speed."""

import shutil
import subprocess
import tempfile

from cluster import free_port, http_request, wait_until


class Etcd:
    """Three members of Debian's etcd on loopback."""

    def __init__(self, size=3):
        self.folder = tempfile.mkdtemp(prefix="cairn-oracle-")
        self.names = [f"n{i + 1}" for i in range(size)]
        self.clients = [f"http://127.0.0.1:{free_port()}" for _ in self.names]
        self.peers = [f"http://127.0.0.1:{free_port()}" for _ in self.names]
        self.processes = []

    def endpoints(self):
        return ",".join(self.clients)

    def __enter__(self):
        together = ",".join(f"{name}={peer}" for name, peer in zip(self.names, self.peers))
        for name, client, peer in zip(self.names, self.clients, self.peers):
            with open(f"{self.folder}/{name}.log", "wb") as log:
                self.processes.append(subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", "etcd", "--name", name, "--data-dir", f"{self.folder}/{name}",
                     "--listen-client-urls", client, "--advertise-client-urls", client,
                     "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                     "--initial-cluster", together], stdout=log, stderr=log))
        wait_until(self.healthy, "etcd is healthy", 30)
        return self

    def healthy(self):
        try:
            return all(http_request(url, "GET", "/health").status == 200 for url in self.clients)
        except OSError:
            return False

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

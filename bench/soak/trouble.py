"""What befalls the cache and the readers: killed, hung, emptied, and answers under the wrong keys."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from dashboard.settings import ROOT
from tests.servers import Server

CALM_SECONDS = 1.0  # between two troubles, at most
DOWN_SECONDS = 1.0
HUNG_SECONDS = 2.5  # longer than the lock of a reader that hangs
START_SECONDS, END_SECONDS = 120.0, 60.0

_SWAPPED = 20


class Crew:
    """Reader processes, one after another in each seat."""

    def __init__(self, folder: Path, environment: Mapping[str, str], seats: int, seed: str) -> None:
        self._folder, self._environment, self._seed = folder, environment, seed
        self._started = 0
        self.problems: list[str] = []
        self.seats = [self._start() for _ in range(seats)]

    def logs(self) -> list[Path]:
        return sorted(self._folder.glob("*.log"))

    def await_first_reads(self) -> None:
        """Raises RuntimeError if they don't come."""
        deadline = time.monotonic() + START_SECONDS
        while sum(log.stat().st_size > 0 for log in self.logs()) < len(self.seats):
            if time.monotonic() > deadline:
                errors = [path.read_text() for path in self._folder.glob("*.stderr")]
                raise RuntimeError("The readers don't read.\n" + "\n".join(errors))
            time.sleep(0.05)

    def replace(self, seat: int) -> None:
        """Kill a reader, and start another."""
        self._expect_running(self.seats[seat])
        _kill(self.seats[seat])
        self.seats[seat] = self._start()

    def end(self) -> None:
        for process in self.seats:
            self._expect_running(process)
            assert process.stdin
            process.stdin.close()
        for process in self.seats:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.problems.append(f"reader {process.args!r} does not end")
            _kill(process)

    def _start(self) -> subprocess.Popen[bytes]:
        self._started += 1
        name = f"{self._started:03}"
        command = [sys.executable, "-m", "bench.soak.reader", f"{self._seed}/{name}"]
        with (self._folder / f"{name}.stderr").open("wb") as errors:
            return subprocess.Popen(
                [*command, str(self._folder / f"{name}.log")],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stderr=errors,
            )

    def _expect_running(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            self.problems.append(f"reader {process.args!r} ended by itself with {process.returncode}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its input
        process.kill()


@contextmanager
def crew(folder: Path, environment: Mapping[str, str], seats: int, seed: str) -> Iterator[Crew]:
    folder.mkdir()
    readers = Crew(folder, environment, seats, seed)
    try:
        yield readers
    finally:
        readers.end()


class Trouble:
    """All kinds of trouble in turns, in random order; ``counts`` says how often there was each."""

    def __init__(self, redis: Server, readers: Crew, draw: random.Random) -> None:
        self._redis, self._readers, self._draw = redis, readers, draw
        self.counts: Counter[str] = Counter()

    def make(self, stop: threading.Event) -> None:
        kinds: dict[str, Callable[[threading.Event], None]] = {
            "Redis killed": self._kill_redis,
            "Redis hung": self._hang_redis,
            "Redis emptied": lambda _: self._redis.ask("FLUSHALL"),
            "Redis' values swapped": lambda _: self._swap_values(),
            "reader killed": lambda _: self._readers.replace(self._seat()),
            "reader hung": self._hang_reader,
        }
        while True:
            for kind in self._draw.sample(sorted(kinds), len(kinds)):
                if stop.wait(self._draw.uniform(0, CALM_SECONDS)):
                    return
                kinds[kind](stop)
                self.counts[kind] += 1

    def _seat(self) -> int:
        return self._draw.randrange(len(self._readers.seats))

    def _kill_redis(self, stop: threading.Event) -> None:
        self._redis.stop()
        stop.wait(self._draw.uniform(0, DOWN_SECONDS))
        self._redis.start()

    def _hang_redis(self, stop: threading.Event) -> None:
        assert self._redis.process
        self._hang(self._redis.process, stop)

    def _hang_reader(self, stop: threading.Event) -> None:
        self._hang(self._readers.seats[self._seat()], stop)

    def _hang(self, process: subprocess.Popen[bytes], stop: threading.Event) -> None:
        process.send_signal(signal.SIGSTOP)
        try:
            stop.wait(self._draw.uniform(0, HUNG_SECONDS))
        finally:
            process.send_signal(signal.SIGCONT)

    def _swap_values(self) -> None:
        """Put values under each other's keys, as no error of a server's would be so mean to do."""
        with Redis(port=self._redis.port, protocol=2) as redis:
            keys = [key for _ in range(2 * _SWAPPED) if (key := redis.randomkey()) is not None]
            for one, other in zip(keys[::2], keys[1::2], strict=False):
                values = redis.mget(one, other)
                for key, value in zip((other, one), values, strict=True):
                    if value is not None:
                        redis.set(key, value, keepttl=True)

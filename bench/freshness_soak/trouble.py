"""What befalls the programs and PostgreSQL, mostly while a view is refreshed."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psycopg

from bench.freshness_soak.cluster import Cluster
from bench.freshness_soak.program import Program

CALM_SECONDS = 1.5  # between two troubles, at most
AIM_SECONDS = 2.0  # for so long a refresh is waited for
OFFSET_SECONDS = 0.15  # into the refresh, at most
DOWN_SECONDS = 1.0
HUNG_SECONDS = 3.0

_AIMED_SHARE = 0.8


class Trouble:
    """All kinds of trouble in turns, in random order; ``counts`` says how often there was each."""

    def __init__(self, cluster: Cluster, programs: list[Program], draw: random.Random) -> None:
        self._cluster, self._draw = cluster, draw
        self.counts: Counter[str] = Counter()
        self._kinds: dict[str, Callable[[], object]] = {
            "LISTEN connections ended": cluster.terminate_listeners,
            "refresher's connection ended": cluster.terminate_refreshers,
            "PostgreSQL killed": lambda: self._restart(signal.SIGKILL),
            "PostgreSQL stopped at once": lambda: self._restart(signal.SIGQUIT),
            "PostgreSQL crashed": cluster.crash,
        }
        for program in programs:
            self._kinds[f"{program.arguments[0]} killed"] = program.replace
            self._kinds[f"{program.arguments[0]} hung"] = lambda program=program: self._hang(program)
        self._next: list[str] = []

    def make(self, stop: threading.Event) -> None:
        """Make trouble until told to stop."""
        while not stop.wait(self._draw.uniform(0, CALM_SECONDS)):
            self._next = self._next or self._draw.sample(sorted(self._kinds), len(self._kinds))
            if self._draw.random() < _AIMED_SHARE:
                self._await_refresh(stop)
            with suppress(psycopg.Error):  # PostgreSQL is still on its way up from the trouble before
                self._kinds[self._next[-1]]()
                self.counts[self._next.pop()] += 1

    def _await_refresh(self, stop: threading.Event) -> None:
        """A moment in a refresh, if there is one soon."""
        deadline = time.monotonic() + AIM_SECONDS
        with suppress(psycopg.Error):
            while not self._cluster.refreshers() and time.monotonic() < deadline:
                if stop.wait(0.02):
                    return
        time.sleep(self._draw.uniform(0, OFFSET_SECONDS))

    def _restart(self, number: int) -> None:
        self._cluster.kill(number)
        time.sleep(self._draw.uniform(0, DOWN_SECONDS))
        self._cluster.start()

    def _hang(self, program: Program) -> None:
        program.signal(signal.SIGSTOP)
        try:
            time.sleep(self._draw.uniform(0, HUNG_SECONDS))
        finally:
            program.signal(signal.SIGCONT)

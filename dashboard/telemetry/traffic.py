"""What this process serves: requests, runs of pages, sessions, jobs and refreshes, counted in memory."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from dashboard.telemetry.loop import LoopLag
from dashboard.telemetry.timings import LONG_BOUNDS_SECONDS, Timings

FAILED, DONE = "failed", "done"


class Traffic:
    """The counters of one process."""

    def __init__(self) -> None:
        self.requests = Timings(("endpoint", "method", "status"))
        self.reruns = Timings(("page",))
        self.jobs = Timings(("task", "outcome"), LONG_BOUNDS_SECONDS)
        self.refreshes = Timings(("view", "outcome"), LONG_BOUNDS_SECONDS)
        self.loop = LoopLag()
        self.figures: Mapping[str, Mapping[str, float]] = {}
        """What the last heartbeat read of the database: values by what they are of and by name."""
        self._counting = threading.Lock()
        self._sessions = 0

    @property
    def sessions(self) -> int:
        """Pages that are open in browsers now."""
        return self._sessions

    @contextmanager
    def session(self) -> Iterator[None]:
        """While the block lasts, a page is open in a browser."""
        with self._counting:
            self._sessions += 1
        try:
            yield
        finally:
            with self._counting:
                self._sessions -= 1

    @contextmanager
    def rerun(self, page: str) -> Iterator[None]:
        """The block is a run of a page, whatever becomes of it."""
        began = perf_counter()
        try:
            yield
        finally:
            self.reruns.record((page,), perf_counter() - began)

    @contextmanager
    def job(self, task: str) -> Iterator[None]:
        """The block is an attempt at a job of this task; if it raises, it failed."""
        began, outcome = perf_counter(), FAILED
        try:
            yield
            outcome = DONE
        finally:
            self.jobs.record((task, outcome), perf_counter() - began)


TRAFFIC = Traffic()
"""That of this process."""

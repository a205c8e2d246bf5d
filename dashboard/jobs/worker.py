"""The worker: a thread that runs jobs, and one that notices what there is to do, for as long as a block lasts."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from dashboard.data import Data
from dashboard.jobs.attempts import STOP_SECONDS, Attempts
from dashboard.jobs.watching import Watcher
from dashboard.settings import Settings
from dashboard.trouble import Trouble

log = logging.getLogger(__name__)

_RECOVER_SECONDS = 10.0
# Between two workers. One that lasted begins a new series.
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
_WELL_SECONDS = 30.0


@contextmanager
def working(data: Data, settings: Settings) -> Iterator[None]:
    """Run jobs in threads of this process while the block lasts, unless ``DASHBOARD_WORKER`` is off.

    At the end, running jobs have ``worker_grace_seconds`` to finish, and are then stopped and queued again.
    """
    if settings.worker == "off":
        yield
        return
    worker = _Worker(data, settings)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


class _Worker:
    def __init__(self, data: Data, settings: Settings) -> None:
        self._data, self._settings = data, settings
        self._attempts = Attempts(data.database)
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._is_ending = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("worker", self._run), ("watcher", self._watch))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Does not wait for long: what does not end is left to other workers, who notice that it is gone."""
        self._is_ending.set()
        self._attempts.is_ending = True
        with suppress(RuntimeError):  # its loop has ended by itself
            self._loop.call_soon_threadsafe(self._end.set)
        deadline = time.monotonic() + self._settings.worker_grace_seconds + 2 * STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        self._loop.set_exception_handler(lambda _, context: log.debug("worker: %s", context))
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._work())
        except Exception:
            log.exception("the worker has ended; jobs of this process wait for another one")

    async def _work(self) -> None:
        """Let one procrastinate worker follow the other: each ends when it loses the database."""
        ending = asyncio.create_task(self._end.wait())
        pause_seconds = _SHORTEST_PAUSE_SECONDS
        while not ending.done():
            began = time.monotonic()
            problem = await self._work_until(ending)
            if time.monotonic() - began > _WELL_SECONDS:
                pause_seconds = _SHORTEST_PAUSE_SECONDS
            if not ending.done() and pause_seconds == _SHORTEST_PAUSE_SECONDS:
                log.warning("the worker begins anew: %s", problem or "it has lost the database")
            await asyncio.wait({ending}, timeout=pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    async def _work_until(self, ending: asyncio.Task[Literal[True]]) -> BaseException | None:
        """What it failed with, if it ended before that."""
        from dashboard.jobs.queue import work  # noqa: PLC0415 - takes a third of a second, here beside others

        running = asyncio.create_task(work(self._data, self._settings, self._attempts))
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        [problem] = await asyncio.gather(running, return_exceptions=True)
        return problem and (problem.__cause__ or problem)

    def _watch(self) -> None:
        watcher = Watcher(self._data.database, self._settings.changes_poll_seconds)
        is_watching = self._settings.change_tracking != "off"
        recover_at, pause_seconds = 0.0, 0.0
        watching, recovering = (
            Trouble(log, "changes of the shop go unnoticed"),
            Trouble(log, "jobs that lost their worker are not taken up again"),
        )
        while not self._is_ending.wait(pause_seconds):
            pause_seconds = self._settings.changes_poll_seconds
            if is_watching:
                with watching.told():
                    pause_seconds = watcher.look()
            if time.monotonic() >= recover_at:
                recover_at = time.monotonic() + _RECOVER_SECONDS
                with recovering.told():
                    self._attempts.recover()

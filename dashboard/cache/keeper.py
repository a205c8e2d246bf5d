"""Keeps locks alive while their owners work: one thread a store, however many locks it holds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A thread that has nothing to do ends. Starting one for each lock would cost more than most locks' work.
LINGER_SECONDS = 2.0


class _Task:
    """What to call, and when next."""

    __slots__ = ("action", "due", "every_seconds")

    def __init__(self, every_seconds: float, action: Callable[[], object]) -> None:
        self.every_seconds, self.action = every_seconds, action
        self.due = time.monotonic() + every_seconds


class Keeper:
    """Its thread starts with the first block and ends when none was left for a while, or at ``close``."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tasks: set[_Task] = set()
        self._thread: threading.Thread | None = None
        self._wakes = 0.0

    @contextmanager
    def repeating(self, every_seconds: float, action: Callable[[], object]) -> Iterator[None]:
        """Call ``action``, which may not raise, time and again until the block ends.

        The last call may still be under way then.
        """
        task = _Task(every_seconds, action)
        with self._changed:
            self._tasks.add(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="cache-locks", daemon=True)
                self._thread.start()
            elif task.due < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._tasks.discard(task)

    def close(self) -> None:
        """Keep nothing any more, and wait for the thread to end."""
        with self._changed:
            self._tasks.clear()
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while (due := self._due()) is not None:
            for task in due:
                task.action()
                task.due = time.monotonic() + task.every_seconds

    def _due(self) -> list[_Task] | None:
        """The tasks whose time has come, perhaps none; None when the thread is to end."""
        with self._changed:
            was_idle = not self._tasks
            now = time.monotonic()
            self._wakes = min((task.due for task in self._tasks), default=now + LINGER_SECONDS)
            if self._is_wanted():
                self._changed.wait(max(0.0, self._wakes - now))
            if was_idle and not self._tasks and self._is_wanted():
                self._thread = None
            now = time.monotonic()
            return [task for task in self._tasks if task.due <= now] if self._is_wanted() else None

    def _is_wanted(self) -> bool:
        return self._thread is threading.current_thread()

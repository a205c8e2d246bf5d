"""How a read is given up: the wish, and the requests that stop its statement in PostgreSQL."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from dashboard.errors import StatementCancelled

_REPEAT_SECONDS = 0.1


class Cancellation:
    """The means to give up a read, for any thread and at any time. What was given up stays so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.is_cancelled = False

    def cancel(self) -> None:
        """Stop what the read runs now, and let it run nothing any more. Does not wait for that."""
        with self._lock:
            if not self.is_cancelled:
                self.is_cancelled = True
                for listener in self._listeners:
                    listener()

    def check(self, cause: Exception | None = None) -> None:
        """Raises StatementCancelled if the read was given up."""
        if self.is_cancelled:
            raise StatementCancelled(
                "The read was given up, since nobody waited for it: ask again."
            ) from cause

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call a function, which must not wait, if the read is given up during the block, and not later.

        Raises StatementCancelled instead of running the block if it was given up before.
        """
        with self._lock:
            self.check()
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


class Stopper:
    """Stops what a connection does, and whatever it would do, until told that this is over.

    PostgreSQL ignores a request that comes while no statement runs, so requests are repeated.
    """

    def __init__(self, connection: psycopg.Connection[Any], timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._stop, name="cancel statement", daemon=True)
        self._thread.start()

    def end(self) -> bool:
        """Wait for the request under way. True if there was any: one may still reach the connection."""
        if self._thread is None:
            return False
        self._is_over.set()
        self._thread.join()
        return True

    def _stop(self) -> None:
        while not self._is_over.is_set():
            with suppress(psycopg.Error):  # the next one may get through
                self._connection.cancel_safe(timeout=self._timeout_seconds)
            self._is_over.wait(_REPEAT_SECONDS)

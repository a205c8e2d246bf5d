"""A connection or file that is opened on first use, and shared by all threads until it fails."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """One thread opens; those who wait for it share its success, and its failure too."""

    def __init__(self, open_: Callable[[], T]) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._opened: T | None = None
        self._failures = 0

    def get(self) -> T:
        """The opened thing. Raises what opening it raises, or ConnectionError if it failed for another thread."""
        failures = self._failures
        with self._lock:
            if self._opened is None:
                if self._failures != failures:  # else each waiter would wait for a timeout of its own
                    raise ConnectionError("It could not be opened for another thread either.")
                try:
                    self._opened = self._open()
                except BaseException:
                    self._failures += 1
                    raise
            return self._opened

    def take(self) -> T | None:
        """What is open, to be closed by the caller; the next ``get`` opens anew."""
        with self._lock:
            opened, self._opened = self._opened, None
            return opened

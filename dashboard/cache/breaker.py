"""A circuit breaker: a store that failed is left alone for a while, then tried by one caller."""

import threading
import time
from collections.abc import Callable


class Breaker:
    """Closed while all is well. A failure opens it; each ``retry_seconds`` one attempt is let through."""

    def __init__(self, retry_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._retry_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self._retry_at is not None

    def allows(self) -> bool:
        """Whether to try now. Who is let through an open breaker is the only one for ``retry_seconds``."""
        if self._retry_at is None:  # without the lock: this is every read's way
            return True
        with self._lock:
            now = self._clock()
            if self._retry_at is not None and now < self._retry_at:
                return False
            self._retry_at = now + self._retry_seconds
            return True

    def fail(self) -> bool:
        """Open; whether it was closed before."""
        with self._lock:
            was_closed = self._retry_at is None
            self._retry_at = self._clock() + self._retry_seconds
            return was_closed

    def succeed(self) -> bool:
        """Close; whether it was open before."""
        with self._lock:
            was_open = self._retry_at is not None
            self._retry_at = None
            return was_open

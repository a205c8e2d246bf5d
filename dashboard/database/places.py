"""How many read at a time, and the line of those who wait."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.database.cancellation import Cancellation
from dashboard.database.pools import Pool
from dashboard.errors import DatabaseUnavailable


class Places:
    """A number of places. Who finds none free waits in line for a time, and then gets DatabaseUnavailable."""

    def __init__(self, number: int, wait_seconds: float, when_taken: str) -> None:
        self._number = self._free = number
        self._wait_seconds = wait_seconds
        self._when_taken = when_taken
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    def pool(self, name: str) -> Pool:
        """How many are taken, and who waits."""
        with self._changed:
            return Pool(name, self._number - self._free, self._number, len(self._line))

    @contextmanager
    def taken(self, cancellation: Cancellation) -> Iterator[None]:
        """Have a place for the block. Raises StatementCancelled, DatabaseUnavailable."""
        with cancellation.heard_by(self._wake):
            self._take(cancellation)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _take(self, cancellation: Cancellation) -> None:
        me = object()

        def is_my_turn() -> bool:
            return cancellation.is_cancelled or (self._free > 0 and self._line[0] is me)

        with self._changed:
            self._line.append(me)
            try:
                is_due = self._changed.wait_for(is_my_turn, self._wait_seconds)
                cancellation.check()
                if not is_due:
                    raise DatabaseUnavailable(self._when_taken)
                self._free -= 1
            finally:
                self._line.remove(me)
                self._changed.notify_all()  # the next in line may have come to the front

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

"""Reads at the moment that they are made: those that are alike are added up at once, and told of later."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Hashable
from datetime import date
from typing import NamedTuple, TypeVar

from dashboard.demand import Read
from dashboard.telemetry.recording import Seen

T = TypeVar("T")

# The last bucket of elapsed_buckets is for what took longer. They are stored by position: to change them takes
# a migration of what is there.
ELAPSED_BOUNDS_MS = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
    *(100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 30_000.0),
)

MOST_TALLIES, MOST_WAITS = 2_000, 10_000


class Told(NamedTuple):
    """What reads that are alike have in common; see ``Statistics.record``.

    Those that nobody asked for, ``is_asked``, are recorded at the most. ``demand`` is what is asked, and the last
    complete day as its reader knows it; None if it can't be asked again by a name.
    """

    query: str
    source: str
    reason: str
    is_coalesced: bool
    spent_ms: float
    saved_ms: float
    size_bytes: int
    is_asked: bool = True
    demand: tuple[Read, date | None] | None = None
    seen: Seen | None = None


class Tally(NamedTuple):
    """Reads of one minute that are alike: the first was made ``at`` so many seconds since 1970; how long each took."""

    told: Told
    minute: int
    at: float
    elapsed_ms: list[float]

    def buckets(self) -> list[int]:
        """How many took up to each bound, and at the end how many took longer."""
        found = [0] * (len(ELAPSED_BOUNDS_MS) + 1)
        for elapsed_ms in self.elapsed_ms:
            found[bisect_left(ELAPSED_BOUNDS_MS, elapsed_ms)] += 1
        return found


class Tallies:
    """The tallies of one process. Any thread may count; ``when_full`` is called to have them taken."""

    def __init__(self, clock: Callable[[], float], when_full: Callable[[], object]) -> None:
        self._clock, self._when_full = clock, when_full
        self._counting = threading.Lock()
        self._minute, self._ends_at = 0, 0.0
        self._current: dict[Hashable, Tally] = {}
        self._over: list[Tally] = []

    def count(self, alike: Hashable, elapsed_ms: float, tell: Callable[[T], Told], of: T) -> None:
        """Count one read. Those that are ``alike`` are counted together; for the first, ``tell`` is asked about ``of``.

        This is every read's way, and one of a hit in memory takes little longer: hence no names of arguments.
        """
        now = self._clock()
        with self._counting:
            if now >= self._ends_at:  # a clock that is set back opens no minute again
                self._begin(int(now // 60))
            tally = self._current.get(alike)
            if tally and len(tally.elapsed_ms) < MOST_WAITS:
                tally.elapsed_ms.append(elapsed_ms)
                return
        told = tell(of)
        with self._counting:
            tally = self._current.setdefault(alike, Tally(told, self._minute, now, []))
            tally.elapsed_ms.append(elapsed_ms)
            is_full = (
                len(self._current) + len(self._over) >= MOST_TALLIES or len(tally.elapsed_ms) >= MOST_WAITS
            )
        if is_full:
            self._when_full()

    def take(self) -> tuple[list[Tally], int]:
        """Those since the last time, the oldest first, and the minute that goes on."""
        with self._counting:
            self._begin(max(self._minute, int(self._clock() // 60)))
            taken, self._over = self._over, []
            return taken, self._minute

    def _begin(self, minute: int) -> None:
        self._over += self._current.values()
        self._current = {}
        self._minute, self._ends_at = minute, (minute + 1) * 60.0

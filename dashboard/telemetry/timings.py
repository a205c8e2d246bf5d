"""How often something was done and how long it took, by labels: since the start, and in the last hour."""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeAlias

BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Of answers to people and programs. What took up to a bound is in its bucket; one more is for what took longer."""

LONG_BOUNDS_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)
"""Of what the program does behind its pages."""

MOST_SERIES = 500
"""Of one process. Labels are few by their making; a mistake in that must not fill the memory."""

KEPT_MINUTES = 60
OTHER = "other"
ENDINGS = ("status", "outcome")
"""Labels that what is counted as ``other`` keeps: what failed is seen all the same."""

Labels: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """``count`` times it was done, in ``seconds`` altogether; ``buckets`` counts by bound, and what took longer."""

    count: int
    seconds: float
    buckets: tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Sums:
    count: int
    seconds: float
    buckets: list[int]

    def add(self, timing: "_Sums | Timing") -> None:
        self.count += timing.count
        self.seconds += timing.seconds
        self.buckets = [a + b for a, b in zip(self.buckets, timing.buckets, strict=True)]

    def taken(self) -> Timing:
        return Timing(self.count, self.seconds, tuple(self.buckets))


@dataclass(slots=True, eq=False)
class _Minute:
    number: int
    sums: dict[Labels, _Sums] = field(default_factory=dict)


class Timings:
    """Counts by labels, whose ``names`` say what they are. Any thread may record; that takes 2 µs."""

    def __init__(
        self,
        names: Labels,
        bounds_seconds: Sequence[float] = BOUNDS_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.names = names
        self.bounds_seconds = tuple(bounds_seconds)
        self._clock = clock
        self._counting = threading.Lock()
        self._ended: dict[Labels, _Sums] = {}  # of all minutes but the one under way
        self._minutes: list[_Minute] = []
        self._current = _Minute(0)

    def record(self, labels: Labels, seconds: float) -> None:
        """Count one that took so long; ``labels`` in the order of ``names``."""
        minute = int(self._clock() // 60)
        bucket = bisect_left(self.bounds_seconds, seconds)
        with self._counting:
            if minute > self._current.number:  # a clock that is set back opens no minute again
                self._begin(minute)
            sums = self._current.sums.get(labels) or self._entered(labels)
            sums.count += 1
            sums.seconds += seconds
            sums.buckets[bucket] += 1

    def totals(self) -> dict[Labels, Timing]:
        """Since the start of the process."""
        with self._counting:
            return _added([self._ended, self._current.sums], len(self.bounds_seconds) + 1)

    def last_hour(self) -> dict[Labels, Timing]:
        """In this minute and the ``KEPT_MINUTES`` before it."""
        first = int(self._clock() // 60) - KEPT_MINUTES
        with self._counting:
            kept = [one.sums for one in (*self._minutes, self._current) if one.number >= first]
            return _added(kept, len(self.bounds_seconds) + 1)

    def _begin(self, minute: int) -> None:
        for labels, sums in self._current.sums.items():
            self._ended.setdefault(labels, self._empty()).add(sums)
        kept = (*self._minutes, self._current)
        self._minutes = [one for one in kept if one.number >= minute - KEPT_MINUTES]
        self._current = _Minute(minute)

    def _entered(self, labels: Labels) -> _Sums:
        ended, current = self._ended, self._current.sums
        is_known = labels in ended or labels in current
        if not is_known and len(ended.keys() | current.keys()) >= MOST_SERIES:
            named = zip(self.names, labels, strict=True)
            labels = tuple(label if name in ENDINGS else OTHER for name, label in named)
        return self._current.sums.setdefault(labels, self._empty())

    def _empty(self) -> _Sums:
        return _Sums(0, 0.0, [0] * (len(self.bounds_seconds) + 1))


def _added(all_sums: Iterable[Mapping[Labels, _Sums]], buckets: int) -> dict[Labels, Timing]:
    added: dict[Labels, _Sums] = {}
    for sums in all_sums:
        for labels, one in sums.items():
            added.setdefault(labels, _Sums(0, 0.0, [0] * buckets)).add(one)
    return {labels: one.taken() for labels, one in added.items()}


def together(timings: Iterable[Timing], buckets: int = len(BOUNDS_SECONDS) + 1) -> Timing:
    """All of them as one. Those with another number of buckets, such as another version's, are left out."""
    sums = _Sums(0, 0.0, [0] * buckets)
    for timing in timings:
        if len(timing.buckets) == buckets:
            sums.add(timing)
    return sums.taken()


def quantile(timing: Timing, share: float, bounds_seconds: Sequence[float] = BOUNDS_SECONDS) -> float | None:
    """Up to how many seconds this share of them took; None if there are none.

    Within a bucket they are taken to be spread evenly, and what took longer than the last bound to have taken just
    that, as Prometheus does: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    if not timing.count:
        return None
    rank = share * timing.count
    place = bisect_left([*accumulate(timing.buckets)], rank)
    if place >= len(bounds_seconds):
        return bounds_seconds[-1]
    low = bounds_seconds[place - 1] if place else 0.0
    before = sum(timing.buckets[:place])
    return low + (bounds_seconds[place] - low) * (rank - before) / timing.buckets[place]

"""How the cache is doing: its traffic, its levels, and what other lifetimes would have done. For operators."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from dashboard.cache_state.actions import invalidate, queries_of, subjects, warm
from dashboard.cache_state.levels import Level, levels, servers
from dashboard.cache_state.replay import Read, Replayed, Rules, replay
from dashboard.cache_state.traffic import Outcome, Traffic, course, traffic
from dashboard.cache_state.what_if import WhatIf, recorded, rules, what_if
from dashboard.data import Data
from dashboard.errors import DatabaseError
from dashboard.parts import Part, begin, part

__all__ = [
    "SPANS",
    "CacheState",
    "Level",
    "Outcome",
    "Part",
    "Read",
    "Replayed",
    "Rules",
    "Traffic",
    "WhatIf",
    "invalidate",
    "queries_of",
    "read",
    "replay",
    "servers",
    "subjects",
    "warm",
]

RECENT_MINUTES = 5
"""What counts as now."""

_BUCKETS = 100  # of a chart: more can't be told apart

SPANS = {"hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
"""The ranges that can be looked at, in minutes."""


@dataclass(frozen=True, slots=True)
class CacheState:
    """All of it, at ``now`` by the clock of the database, or of this machine if that does not answer.

    ``traffic`` is of the last ``minutes``, ``recent`` of the last ``RECENT_MINUTES``; ``course`` as ``traffic.course``
    tells it, in buckets of ``bucket_minutes``. ``what_if`` is None without a cache or a recorded read. ``is_on``:
    answers are kept.
    """

    now: datetime
    minutes: int
    bucket_minutes: int
    traffic: Part[Traffic]
    recent: Part[Traffic]
    course: Part[pl.DataFrame]
    what_if: Part[WhatIf | None]
    levels: tuple[Level, ...]
    is_on: bool

    @property
    def since(self) -> datetime:
        """The beginning of the range."""
        return self.now - timedelta(minutes=self.minutes)

    @property
    def failure(self) -> DatabaseError | None:
        """Why nothing is known of reads, if all of it failed for one reason."""
        errors = [one.error for one in (self.traffic, self.recent, self.course, self.what_if)]
        return errors[0] if len({*map(str, errors)}) == 1 else None

    @property
    def below(self) -> Level | None:
        """The level that processes share, if there is one."""
        return self.levels[-1] if len(self.levels) > 1 else None


def read(data: Data, minutes: int = SPANS["hour"]) -> CacheState:
    """All of it. What can't be read is an error in its place; the levels are there also without a database."""
    bucket_minutes = max(1, minutes // _BUCKETS)
    seen = levels(data.reader.levels.backends)
    is_on = data.settings.cache != "null"
    try:
        with data.database.snapshot() as snapshot:
            now = begin(snapshot)
            shown = part(snapshot, lambda snapshot: traffic(snapshot, minutes))
            recent = part(snapshot, lambda snapshot: traffic(snapshot, RECENT_MINUTES))
            outcomes = part(snapshot, lambda snapshot: course(snapshot, minutes, bucket_minutes))
            reads = part(snapshot, recorded)
    except DatabaseError as error:
        return CacheState(
            datetime.now(UTC),
            minutes,
            bucket_minutes,
            traffic=Part(None, error),
            recent=Part(None, error),
            course=Part(None, error),
            what_if=Part(None, error),
            levels=seen,
            is_on=is_on,
        )
    replayed = None if reads.error or not is_on else what_if(reads.get(), rules(data.settings))
    told: Part[WhatIf | None] = Part(replayed, reads.error)
    return CacheState(now, minutes, bucket_minutes, shown, recent, outcomes, told, seen, is_on)

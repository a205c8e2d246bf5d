"""The recorded reads made again with other lifetimes, and with those that are set."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from dashboard.cache_state.replay import Read, Replayed, Rules, replay
from dashboard.catalogue.query import TTL_CLASSES
from dashboard.database import Snapshot
from dashboard.parts import asked
from dashboard.settings import Settings
from dashboard.telemetry import RECORDED_ROWS, Block, unpacked

_MINUTE, _HOUR = 60.0, 3_600.0
LIFETIMES_SECONDS = (15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What was recorded between ``since`` and ``until``, replayed with the lifetimes that are set and with others.

    ``others`` are lifetimes for all in seconds, with what came of each. One that is not shorter than what was recorded
    can't be told from an endless one.
    """

    since: datetime
    until: datetime
    questions: int
    rules: Rules
    as_set: Replayed
    others: tuple[tuple[float, Replayed], ...]

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()

    def table(self) -> pl.DataFrame:
        """A row for each, that of the settings first: ``lifetime_seconds`` (null: as set), ``hit_share`` (Float64),
        ``database_seconds`` (Float64), ``computed`` and ``renewed`` (Int64), ``is_told`` (Boolean)."""
        schema = {
            "lifetime_seconds": pl.Float64,
            "hit_share": pl.Float64,
            "database_seconds": pl.Float64,
            "computed": pl.Int64,
            "renewed": pl.Int64,
            "is_told": pl.Boolean,
        }
        rows = [(None, *_figures(self.as_set), True)] + [
            (seconds, *_figures(done), seconds < self.seconds) for seconds, done in self.others
        ]
        return pl.DataFrame(rows, schema, orient="row")


def recorded(snapshot: Snapshot) -> list[Read]:
    """The recorded reads, in order, but those that another program wrote in a way of its own. Raises DatabaseError."""
    rows = asked(snapshot, "ops/recorded_reads", number=RECORDED_ROWS)
    known = {text: blocks for text in rows["blocks"].unique() if (blocks := _blocks(text)) is not None}
    return [
        Read(at, process, bytes.fromhex(name), ttl_class, is_fresh, reads, database_ms, known[blocks])
        for at, process, name, ttl_class, is_fresh, reads, database_ms, blocks in rows.iter_rows()
        if ttl_class in TTL_CLASSES and blocks in known
    ]


def rules(settings: Settings) -> Rules:
    """Those that are set. Lifetimes are jittered; here they are as long as they are on average."""
    share = 1 - settings.cache_jitter_share / 2
    lifetimes = {name: settings.ttl_seconds(name) * share for name in TTL_CLASSES}
    return Rules(lifetimes, settings.cache_soft_share, is_shared=settings.cache == "auto")


def what_if(reads: Sequence[Read], as_set: Rules) -> WhatIf | None:
    """None if nothing was recorded. Takes a second for as much as is kept, so the last one is remembered."""
    if not reads:
        return None
    of = (len(reads), reads[0], reads[-1], as_set)
    with _replaying:
        if _last.get("of") != of:
            _last.update(of=of, told=_replayed(reads, as_set))
        told: WhatIf = _last["told"]
    return told


def _blocks(text: str) -> tuple[Block, ...] | None:
    try:
        return unpacked(bytes.fromhex(text))
    except ValueError:
        return None


_replaying = threading.Lock()
_last: dict[str, Any] = {}


def _replayed(reads: Sequence[Read], as_set: Rules) -> WhatIf:
    return WhatIf(
        since=datetime.fromtimestamp(reads[0].at, UTC),
        until=datetime.fromtimestamp(reads[-1].at, UTC),
        questions=len(reads),
        rules=as_set,
        as_set=replay(reads, as_set),
        others=tuple((seconds, replay(reads, as_set.all_living(seconds))) for seconds in LIFETIMES_SECONDS),
    )


def _figures(done: Replayed) -> tuple[float | None, float, int, int]:
    return done.hit_share, done.database_ms / 1_000, done.computed, done.renewed

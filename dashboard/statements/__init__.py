"""What statements cost: those of ours that were slow or failed, and what PostgreSQL counted of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl

from dashboard.database import Database, Snapshot
from dashboard.database_state import without_constants
from dashboard.demand import restored_values
from dashboard.errors import DatabaseError
from dashboard.parts import Part, asked, begin, part
from dashboard.statements.conditions import Wrapped, compared, wrapped
from dashboard.statements.explaining import (
    MEASURED_SECONDS,
    Explained,
    Subject,
    Table,
    described,
    explain,
    made,
    named,
    planned_first,
    subject,
)
from dashboard.statements.plan import Node, Plan
from dashboard.statements.snapshots import (
    Statistics,
    prune,
    statistics,
    take,
    take_if_possible,
)
from dashboard.statements.tree import tree

__all__ = [
    "MEASURED_SECONDS",
    "Counted",
    "Explained",
    "Node",
    "Period",
    "Plan",
    "Statements",
    "Statistics",
    "Subject",
    "Table",
    "Wrapped",
    "compared",
    "explain",
    "named",
    "ordered",
    "planned_first",
    "prune",
    "read",
    "subject",
    "take",
    "tree",
    "wrapped",
]

SLOW_STATEMENTS, COUNTED_STATEMENTS = 200, 100
"""So many are read at the most."""

_BLOCK_BYTES, _MS = 8_192, 1_000
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Period:
    """The time that is looked at: the last ``hours``, or from the snapshot ``after`` to the snapshot ``through``.

    The slow statements are those of the hours in any case. ``is_since_reset``: all that PostgreSQL has counted.
    """

    hours: int = 24
    after: int | None = None
    through: int | None = None
    is_since_reset: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """What PostgreSQL counted between two snapshots, those that cost most first.

    ``rows`` has the columns ``queryid`` (String), ``query`` (String, null if it is none of the catalogue),
    ``statement`` (its name, its text, or both if it is ours and in no file) and ``users`` (String), ``calls`` and
    ``rows`` (Int64), ``total_seconds``, ``mean_ms``, ``share`` of the time of all, ``io_seconds``, ``jit_seconds`` and
    ``hit_share`` of the blocks (Float64), ``buffer_bytes`` (in PostgreSQL's own memory or not), ``read_bytes``,
    ``spilled_bytes`` (into temporary files) and ``wal_bytes`` (Int64). ``since`` is None if it is not known.
    ``reset_at`` are the moments in between at which the counters began anew: what they had counted since the snapshot
    before is lost. ``hidden`` statements can't be seen, ``evictions`` is how often some were forgotten.
    ``snapshots`` has a row for each snapshot: ``snapshot_id`` (Int32), ``taken_at`` (Datetime, UTC).
    """

    rows: pl.DataFrame
    since: datetime | None
    until: datetime | None
    reset_at: tuple[datetime, ...]
    hidden: int
    evictions: int
    snapshots: pl.DataFrame

    @property
    def is_empty(self) -> bool:
        """Whether there was but one snapshot, and so is nothing to compare it with."""
        return self.since is None and self.rows.is_empty()


@dataclass(frozen=True, slots=True)
class Statements:
    """All of it, at ``now`` by the clock of the database; of one ``query``, or of all if it is empty.

    ``slow`` has a row for each query that was slow or failed: ``query``, ``asker``, ``error`` (String), counts
    as Int64 ``slow``, ``failed``, ``timed_out``, ``unavailable``, seconds as Float64 ``longest_seconds``,
    ``wait_seconds``, ``run_seconds``, ``last_at`` (Datetime, UTC). ``last`` has a row for each statement, the newest
    first: ``statement_id``, ``rows`` (Int64), ``finished_at`` (Datetime, UTC), ``query``, ``outcome``, ``asker``,
    ``parameters``, ``error`` (String), ``total_seconds``, ``wait_seconds``, ``run_seconds`` (Float64). ``trouble`` is
    why the counters could not be written down just now.
    """

    now: datetime
    period: Period
    query: str
    slow: Part[pl.DataFrame]
    last: Part[pl.DataFrame]
    statistics: Part[Statistics]
    counted: Part[Counted]
    trouble: DatabaseError | None = None


def read(database: Database, period: Period | None = None, query: str = "") -> Statements:
    """All of it, of one query or, without a name, of all. What can't be read is an error in its place.

    Writes the counters down first, unless that was done a moment ago. Raises DatabaseError if there is nothing at all.
    """
    period = period or Period()
    trouble = take_if_possible(database)
    with database.snapshot() as snapshot:
        now = begin(snapshot)
        known = part(snapshot, statistics)
        slow = part(snapshot, lambda snapshot: _slow(snapshot, period.hours, query))
        last = part(snapshot, lambda snapshot: _last(snapshot, period.hours, query))
        counted = part(snapshot, lambda snapshot: _counted(snapshot, now, period, query))
    if known.error is None and trouble and not known.get().taken_at:
        counted = Part(None, trouble)
    return Statements(now, period, query, slow, last, known, counted, trouble)


def _slow(snapshot: Snapshot, hours: int, query: str) -> pl.DataFrame:
    rows = asked(snapshot, "ops/slow_queries", hours=hours)
    return rows.filter(pl.col("query") == query) if query else rows


def _last(snapshot: Snapshot, hours: int, query: str) -> pl.DataFrame:
    rows = asked(snapshot, "ops/slow_statements", query=query, hours=hours, number=SLOW_STATEMENTS)
    written = [
        described(names.split(",") if names else (), None if values is None else restored_values(values))
        for names, values in rows.select("param_names", "param_values").iter_rows()
    ]
    return rows.drop("param_names", "param_values").with_columns(pl.Series("parameters", written, pl.String))


def _counted(snapshot: Snapshot, now: datetime, period: Period, query: str) -> Counted:
    snapshots = asked(snapshot, "ops/statement_snapshots")
    taken: list[tuple[int, datetime, datetime | None, bool, int, int | None]] = snapshots.rows()
    shown = snapshots.select("snapshot_id", "taken_at")
    if not taken:
        rows = asked(snapshot, "ops/statement_window", after=0, through=0)
        return Counted(_figures(rows, query), None, None, (), 0, 0, shown)
    newest, oldest = taken[0], taken[-1]
    if period.is_since_reset:
        rows = asked(snapshot, "ops/statement_counters")
        return Counted(_figures(rows, query), newest[2], newest[1], (), newest[4], newest[5] or 0, shown)
    ids = {one[0]: one for one in taken}
    through = ids.get(period.through or 0, newest)
    begins = now - timedelta(hours=period.hours)
    first = next((one for one in taken if one[1] <= begins), oldest)
    first = ids.get(period.after or 0, first)
    rows = asked(snapshot, "ops/statement_window", after=first[0], through=through[0])
    between = [one for one in taken if first[0] < one[0] <= through[0]]
    return Counted(
        _figures(rows, query),
        first[1] if between else None,
        through[1],
        tuple(one[2] if one[2] and one[2] > first[1] else one[1] for one in between if one[3]),
        through[4],
        _grown([first, *reversed(between)]),
        shown,
    )


def _grown(taken: Sequence[tuple[int, datetime, datetime | None, bool, int, int | None]]) -> int:
    """How often statements were forgotten over these snapshots."""
    numbers = [one[5] or 0 for one in taken]
    return sum(max(0, then - before) for before, then in pairwise(numbers))


def _figures(rows: pl.DataFrame, query: str) -> pl.DataFrame:
    """The columns of ``Counted.rows``."""
    names = [named(text) for text in rows["text"]]
    made_for = [made(text) for text in rows["text"]]
    texts = [
        " ".join([f"{name}:"] * bool(name) + without_constants(text).split())[:_SHOWN_CHARACTERS]
        for name, text in zip(made_for, rows["text"], strict=True)
    ]
    total = pl.col("total_ms").sum()
    found = (
        rows.with_columns(
            pl.Series("query", names, pl.String),
            pl.Series("made_for", made_for, pl.String),
            pl.Series(
                "statement", [name or text for name, text in zip(names, texts, strict=True)], pl.String
            ),
            pl.col("queryid").cast(pl.String),
            share=pl.when(total > 0).then(pl.col("total_ms") / total),
            total_seconds=pl.col("total_ms") / _MS,
            mean_ms=pl.col("total_ms") / pl.col("calls"),
            io_seconds=pl.col("io_ms") / _MS,
            jit_seconds=pl.col("jit_ms") / _MS,
            hit_share=pl.when(pl.col("blocks_hit") + pl.col("blocks_read") > 0).then(
                pl.col("blocks_hit") / (pl.col("blocks_hit") + pl.col("blocks_read"))
            ),
            buffer_bytes=(pl.col("blocks_hit") + pl.col("blocks_read")) * _BLOCK_BYTES,
            read_bytes=pl.col("blocks_read") * _BLOCK_BYTES,
            spilled_bytes=pl.col("temp_blocks_written") * _BLOCK_BYTES,
        )
        .drop("text", "total_ms", "io_ms", "jit_ms", "blocks_hit", "blocks_read", "temp_blocks_written")
        .sort("total_seconds", "queryid", descending=[True, False])
    )
    if query:
        found = found.filter(pl.coalesce("query", "made_for") == query)
    return found.drop("made_for")


def ordered(counted: Counted, by: str) -> pl.DataFrame:
    """The statements that have most of a column of ``Counted.rows``, those with the most first."""
    return counted.rows.sort(by, descending=True, nulls_last=True).head(COUNTED_STATEMENTS)

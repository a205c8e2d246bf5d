"""Tables and materialized views: what they hold, how they grow, and how they are kept in order."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import polars as pl

from dashboard.database import Database, Snapshot, Writer
from dashboard.parts import asked, own

RELATIONS = 1_000
"""So many of the largest tables, and of the largest indexes, are looked at."""
GROWTH_DAYS = 30
HISTORY_DAYS = 90

_LEAST_ROWS = 1_000
# What PostgreSQL's own autovacuum goes by, unless it is set otherwise.
_DUE_ROWS, _DUE_SHARE = 1_000, 0.2

# Sizes of what somebody holds exclusively are those of its last vacuum: nothing is waited for.
_TAKE = """
WITH held AS (
    SELECT relation FROM pg_locks
    WHERE
        locktype = 'relation'  -- others are of a row, also in this mode
        AND mode = 'AccessExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
INSERT INTO dashboard.relation_sizes (day, relation, size_bytes, scans, inserts)
SELECT
    (now() AT TIME ZONE 'UTC')::date,
    format('%%I.%%I', nspname, pg_class.relname),
    coalesce(
        CASE
            WHEN pg_class.oid IN (SELECT relation FROM held)
                THEN relpages * current_setting('block_size')::bigint
            WHEN relkind = 'i' THEN pg_relation_size(pg_class.oid)
            ELSE pg_table_size(pg_class.oid)
        END,
        0  -- it was dropped a moment ago
    ),
    coalesce(pg_stat_user_indexes.idx_scan, pg_stat_user_tables.seq_scan),
    n_tup_ins
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_stat_user_tables ON pg_stat_user_tables.relid = pg_class.oid
LEFT JOIN pg_stat_user_indexes ON indexrelid = pg_class.oid
WHERE relkind IN ('r', 'm', 'i') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY relpages DESC
LIMIT %(number)s
ON CONFLICT DO NOTHING
"""
_IS_TAKEN = "SELECT FROM dashboard.relation_sizes WHERE day = (now() AT TIME ZONE 'UTC')::date LIMIT 1"
_PRUNE = """
DELETE FROM dashboard.relation_sizes WHERE day < (now() AT TIME ZONE 'UTC')::date - %(days)s
"""


@dataclass(frozen=True, slots=True)
class Growth:
    """What was known of a relation at ``taken_at``: as long ago as possible, up to ``GROWTH_DAYS``.

    It is on record since ``first_day``; until ``used_day``, PostgreSQL had counted scans of it, None if it never had.
    ``inserts`` is its count of rows then, None for an index.
    """

    first_day: date
    used_day: date | None
    taken_at: datetime
    size_bytes: int
    inserts: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a materialized view (``kind`` is ``view``). ``relation`` is its name as SQL writes it.

    A ``partitioned`` one is the sum of its partitions, but for the scans, which are those of the one with most of them;
    they are told by themselves, too, so all that is to be done to rows is left to them.

    ``index_bytes`` are unknown while somebody holds it exclusively. Counts are PostgreSQL's, some of them estimates:
    ``modified_rows`` since it was analyzed last, ``inserted_rows`` since it was vacuumed last, ``seq_rows`` of all the
    ``seq_scans`` that read it in full, ``inserts`` since the statistics began. ``is_autovacuumed`` is false where
    somebody turned that off for it. ``heap_bytes`` are those of its rows alone, without TOAST; its pages are filled
    up to ``fill_share``. ``is_readable``: the reader may read rows of it, without which what PostgreSQL knows of their
    values is hidden. ``is_known``: PostgreSQL has such statistics, also if a crash made it forget when they were made.
    """

    relation_id: int
    relation: str
    schema_name: str
    name: str
    kind: str
    rows: int
    table_bytes: int
    heap_bytes: int
    fill_share: float
    index_bytes: int | None
    dead_rows: int
    modified_rows: int
    inserted_rows: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None
    seq_scans: int
    seq_rows: int
    index_scans: int
    inserts: int
    is_autovacuumed: bool
    is_readable: bool
    transaction_age: int | None
    largest_partition: str | None
    is_known: bool = False

    @property
    def dead_share(self) -> float:
        """Of its rows, those that are dead and still take room."""
        return self.dead_rows / max(self.rows + self.dead_rows, 1)

    @property
    def needs_vacuum(self) -> bool:
        return max(self.dead_rows, self.inserted_rows) > self._due

    @property
    def needs_analyze(self) -> bool:
        """Whether so much of it changed that its statistics mislead the planner, or there are none."""
        has_none = self.analyzed_at is None and not self.is_known
        return self.modified_rows > self._due or (has_none and self.rows >= _LEAST_ROWS)

    @property
    def _due(self) -> float:
        return _DUE_ROWS + _DUE_SHARE * self.rows


def tables(snapshot: Snapshot) -> tuple[Table, ...]:
    """The largest first. Raises DatabaseError."""
    return tuple(Table(**row) for row in asked(snapshot, "ops/tables", number=RELATIONS).to_dicts())


def growth(snapshot: Snapshot) -> dict[str, Growth]:
    """What is on record of each relation, by its name as SQL writes it. Raises DatabaseError."""
    rows = asked(snapshot, "ops/relation_growth", past_days=GROWTH_DAYS).to_dicts()
    return {row["relation"]: Growth(**_only(row, Growth)) for row in rows}


def sizes(snapshot: Snapshot) -> tuple[int, ...]:
    """Bytes of all tables and indexes together, day by day, of the last days. Raises DatabaseError."""
    return tuple(asked(snapshot, "ops/database_sizes", past_days=HISTORY_DAYS)["size_bytes"])


def rows(known: tuple[Table, ...], grown: dict[str, Growth], empty: Mapping[str, float]) -> pl.DataFrame:
    """A row a table: its facts by their names, with ``size_bytes`` (with indexes), ``grown_bytes`` (without) and
    ``empty_share`` (Float64), all of which may be null."""
    rows = [
        {
            **{field.name: getattr(one, field.name) for field in fields(one)},
            "dead_share": one.dead_share,
            "size_bytes": None if one.index_bytes is None else one.table_bytes + one.index_bytes,
            "grown_bytes": one.table_bytes - grown[one.relation].size_bytes
            if one.relation in grown
            else None,
            "empty_share": empty.get(one.relation),
        }
        for one in known
    ]
    return pl.DataFrame(rows, schema_overrides=_SHOWN, infer_schema_length=None)


_SHOWN: dict[str, Any] = {
    "index_bytes": pl.Int64,
    "size_bytes": pl.Int64,
    "grown_bytes": pl.Int64,
    "empty_share": pl.Float64,
    "transaction_age": pl.Int64,
    "vacuumed_at": pl.Datetime("us", "UTC"),
    "analyzed_at": pl.Datetime("us", "UTC"),
}


def take_sizes(database: Database) -> int:
    """Put the sizes of today on record, unless they are; how many. Raises DatabaseError."""
    with database.writer() as writer:
        if writer.rows(_IS_TAKEN):
            return 0
        writer.execute("SET LOCAL lock_timeout = '2s'")
        return writer.execute(own(_TAKE), {"number": 2 * RELATIONS})


def prune_sizes(writer: Writer, keep_days: int) -> int:
    """Delete what is older; how many rows. Raises DatabaseError."""
    return writer.execute(_PRUNE, {"days": keep_days})


def _only(row: dict[str, Any], kind: type[Growth]) -> dict[str, Any]:
    return {field.name: row[field.name] for field in fields(kind)}

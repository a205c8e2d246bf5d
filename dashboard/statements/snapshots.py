"""Snapshots of PostgreSQL's counters of statements, and what the counters grew by from one to the next."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from dashboard.database import Database, Snapshot, Writer
from dashboard.errors import DatabaseError
from dashboard.parts import asked, begin, own

log = logging.getLogger(__name__)

RETENTION_DAYS = 14
MOST_COUNTS = 300_000  # rows, of about 200 bytes with their index
MOST_CHARACTERS = 20_000  # of a text
PAUSE_SECONDS = 60.0
"""A page that is opened takes no snapshot while the last one is younger."""

_FIGURES = (
    "calls, rows, total_ms, io_ms, jit_ms, blocks_hit, blocks_read, temp_blocks_read, temp_blocks_written, "
    "wal_bytes"
)
_NAMES = _FIGURES.split(", ")
_KEY = "userid, queryid, toplevel"

_BEGIN = own("""SELECT
    pg_try_advisory_xact_lock(hashtext('daybook statements')) AS is_mine,
    set_config('statement_timeout', '5s', true) AS statement_timeout,
    set_config('lock_timeout', '500ms', true) AS lock_timeout
""")
_LAST = own("""SELECT reset_at, taken_at > clock_timestamp() - %(pause)s * interval '1 s' AS is_young, taken_at
FROM dashboard.statement_snapshots ORDER BY snapshot_id DESC LIMIT 1
""")
_INFO = own("SELECT stats_reset, dealloc FROM {schema}pg_stat_statements_info")
_HAS_INFO = own("SELECT to_regclass(%(name)s) IS NOT NULL")

# In these, PostgreSQL puts $1 for each constant. Commands it keeps as they came, with the password of ALTER ROLE, and
# hides them from whom we show them: of those we keep nothing from the first quote to the last.
_COMMENT = r"/\*([^*/]|\*(?!/)|/(?!\*))*\*/|--[^\n]*\n"
_WITHOUT_CONSTANTS = rf"^(\s|{_COMMENT}|\()*(select|with|values|table|insert|update|delete|merge)\y"
_QUOTED = r"('|\$\w*\$).*('|\$\w*\$)"

# A counter that was set to zero, or forgotten and begun anew, has grown by what it is.
_GROWN = "found.{name} - CASE WHEN found.calls >= before.calls THEN before.{name} ELSE 0 END"
# Before PostgreSQL 14, nothing else tells that all were set to zero. Of those that it forgets, few had many calls.
_IS_MOSTLY_LOST = """coalesce((
            SELECT coalesce(sum(before.calls) FILTER (WHERE found.calls >= before.calls), 0) < sum(before.calls) / 2
            FROM before LEFT JOIN found USING ({key})
        ), false)"""
# As JSON, what this version does not count, or calls otherwise, is null: total_time became total_exec_time, and
# blk_read_time became shared_blk_read_time.
_TAKE = own("""WITH seen AS MATERIALIZED (
    SELECT to_jsonb(counted) AS told FROM {schema}pg_stat_statements AS counted
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
), found AS MATERIALIZED (
    SELECT
        (told ->> 'userid')::oid AS userid,
        (told ->> 'queryid')::bigint AS queryid,
        coalesce((told ->> 'toplevel')::boolean, true) AS toplevel,
        (told ->> 'calls')::bigint AS calls,
        (told ->> 'rows')::bigint AS rows,
        coalesce(told ->> 'total_exec_time', told ->> 'total_time')::float8 AS total_ms,
        coalesce(told ->> 'shared_blk_read_time', told ->> 'blk_read_time', '0')::float8
            + coalesce(told ->> 'temp_blk_read_time', '0')::float8
            + coalesce(told ->> 'temp_blk_write_time', '0')::float8 AS io_ms,
        coalesce(told ->> 'jit_generation_time', '0')::float8
            + coalesce(told ->> 'jit_inlining_time', '0')::float8
            + coalesce(told ->> 'jit_optimization_time', '0')::float8
            + coalesce(told ->> 'jit_emission_time', '0')::float8 AS jit_ms,
        (told ->> 'shared_blks_hit')::bigint AS blocks_hit,
        (told ->> 'shared_blks_read')::bigint AS blocks_read,
        (told ->> 'temp_blks_read')::bigint AS temp_blocks_read,
        (told ->> 'temp_blks_written')::bigint AS temp_blocks_written,
        coalesce(told ->> 'wal_bytes', '0')::bigint AS wal_bytes,
        left(
            CASE WHEN told ->> 'query' ~* %(counted_without_constants)s THEN told ->> 'query'
            ELSE regexp_replace(told ->> 'query', %(quoted)s, '…') END,
            %(characters)s
        ) AS text
    FROM seen
    WHERE told ->> 'queryid' IS NOT NULL
), before AS MATERIALIZED (
    SELECT * FROM dashboard.statement_counters WHERE NOT %(is_reset)s
), taken AS (
    INSERT INTO dashboard.statement_snapshots (taken_at, reset_at, is_reset, hidden, evictions)
    SELECT
        clock_timestamp(),
        %(reset_at)s::timestamptz,
        %(is_reset)s OR %(reset_at)s::timestamptz IS NULL AND {is_mostly_lost},
        (SELECT count(*) FROM seen WHERE told ->> 'queryid' IS NULL),
        %(evictions)s::bigint
    RETURNING snapshot_id
), texts AS (
    INSERT INTO dashboard.statement_texts (queryid, text)
    SELECT queryid, min(text) FROM found GROUP BY queryid
    EXCEPT SELECT queryid, text FROM dashboard.statement_texts
    ON CONFLICT (queryid) DO UPDATE SET text = excluded.text
), gone AS (
    DELETE FROM dashboard.statement_counters AS counters
    WHERE NOT EXISTS (
        SELECT FROM found WHERE (found.userid, found.queryid, found.toplevel)
            = (counters.userid, counters.queryid, counters.toplevel)
    )
), kept AS (
    INSERT INTO dashboard.statement_counters AS counters ({key}, {figures})
    SELECT {key}, {figures} FROM found
    ON CONFLICT ({key}) DO UPDATE SET ({figures}) = ({excluded})
    WHERE (counters.calls, counters.total_ms) IS DISTINCT FROM (excluded.calls, excluded.total_ms)
)
INSERT INTO dashboard.statement_counts (snapshot_id, {key}, {figures})
SELECT snapshot_id, {key}, {grown}
FROM taken
CROSS JOIN found
LEFT JOIN before USING ({key})
WHERE %(is_later)s AND (before.calls IS NULL OR found.calls <> before.calls)
""")
_PRUNE = (
    """
DELETE FROM dashboard.statement_snapshots WHERE taken_at < now() - %(days)s * interval '1 day'
    OR snapshot_id <= (
        SELECT snapshot_id FROM dashboard.statement_counts
        ORDER BY snapshot_id DESC OFFSET %(rows)s LIMIT 1
    )
""",
    """
DELETE FROM dashboard.statement_texts AS texts
WHERE NOT EXISTS (SELECT FROM dashboard.statement_counts WHERE statement_counts.queryid = texts.queryid)
    AND NOT EXISTS (SELECT FROM dashboard.statement_counters WHERE statement_counters.queryid = texts.queryid)
""",
)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Whether PostgreSQL counts what statements cost.

    ``schema`` is that of the extension, with its dot and quoted where it has to be; None without the extension.
    ``taken_at`` is when we last wrote the counters down.
    """

    schema: str | None
    is_available: bool
    is_loaded: bool
    is_tracking: bool
    taken_at: datetime | None

    @property
    def is_there(self) -> bool:
        return self.schema is not None and self.is_loaded


class _Last(NamedTuple):
    """The last snapshot, with when counting had begun."""

    reset_at: datetime | None
    is_young: bool
    taken_at: datetime

    def is_of_another(self, reset_at: datetime | None) -> bool:
        """Whether other counters have taken their place, which counted all the while: those of a promoted standby."""
        return reset_at is not None and reset_at != self.reset_at and reset_at < self.taken_at


def statistics(snapshot: Snapshot) -> Statistics:
    """Raises DatabaseError."""
    [row] = asked(snapshot, "ops/statement_statistics").iter_rows()
    return Statistics(*row)


def take(database: Database, pause_seconds: float = PAUSE_SECONDS) -> bool:
    """Write the counters down, unless that was done in the last seconds, or PostgreSQL has none; whether it was.

    Raises DatabaseError.
    """
    with database.snapshot() as snapshot:
        begin(snapshot)
        found = statistics(snapshot)
    if not found.is_there:
        return False
    with database.writer() as writer:
        [(is_mine, *_)] = writer.rows(_BEGIN)
        last = next((_Last(*row) for row in writer.rows(_LAST, {"pause": pause_seconds})), None)
        if not is_mine or (last and last.is_young):
            return False
        _take(writer, found.schema or "", last)
    return True


def _take(writer: Writer, schema: str, last: _Last | None) -> None:
    reset_at = evictions = None
    if writer.rows(_HAS_INFO, {"name": f"{schema}pg_stat_statements_info"})[0][0]:
        [(reset_at, evictions)] = writer.rows(_INFO.format(schema=schema))
    sql = _TAKE.format(
        schema=schema,
        key=_KEY,
        is_mostly_lost=_IS_MOSTLY_LOST.format(key=_KEY),
        figures=_FIGURES,
        excluded=", ".join(f"excluded.{name}" for name in _NAMES),
        grown=", ".join(_GROWN.format(name=name) for name in _NAMES),
    )
    writer.execute(
        sql,
        {
            "characters": MOST_CHARACTERS,
            "counted_without_constants": _WITHOUT_CONSTANTS,
            "quoted": _QUOTED,
            "reset_at": reset_at,
            "is_reset": last is not None and reset_at != last.reset_at,
            "evictions": evictions,
            "is_later": last is not None and not last.is_of_another(reset_at),
        },
    )


def take_if_possible(database: Database) -> DatabaseError | None:
    """``take`` for a page or a job, which go on without: the error, if there was one."""
    try:
        take(database)
    except DatabaseError as error:
        log.debug("the counters of statements can't be written down: %s", error)
        return error
    return None


def prune(writer: Writer) -> None:
    """Delete what is older than ``RETENTION_DAYS``, or has ``MOST_COUNTS`` newer rows."""
    for statement in _PRUNE:
        writer.execute(statement, {"days": RETENTION_DAYS, "rows": MOST_COUNTS})

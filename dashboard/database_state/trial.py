"""What an index would really give: measured on a copy of some rows, in a transaction that is undone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboard.database import Database, Writer
from dashboard.database_state.columns import listed
from dashboard.database_state.missing import Candidate
from dashboard.database_state.wishes import Wish
from dashboard.parts import own

MOST_ROWS = 100_000
_MOST_BYTES = 128 << 20
_RUNS = 3
_PAGE_BYTES = 8_192

# The copy is of this transaction alone, and nobody waits for it; nor does it wait for others.
_TIMEOUTS = """
SELECT set_config('statement_timeout', '5s', true), set_config('lock_timeout', '500ms', true),
    set_config('jit', 'off', true)
"""
_COPY = "CREATE TEMP TABLE daybook_copy (LIKE {relation}) ON COMMIT DROP"
_FILL = """
INSERT INTO pg_temp.daybook_copy
SELECT * FROM {relation} TABLESAMPLE SYSTEM (%(percent)s) LIMIT %(rows)s
"""
# Values to look for: those of one row, and a hundredth of what is compared by range. The planner does not know them, as
# in a prepared statement.
_PICK = """
CREATE TEMP TABLE daybook_picked ON COMMIT DROP AS
SELECT {values} FROM pg_temp.daybook_copy WHERE {known}
LIMIT 1 OFFSET (SELECT count(*) / 2 FROM pg_temp.daybook_copy WHERE {known})
"""
_EDGE = "(SELECT percentile_disc({at}) WITHIN GROUP (ORDER BY {column}) FROM pg_temp.daybook_copy) AS {name}"
_INDEX = "CREATE INDEX daybook_copy_index ON pg_temp.daybook_copy ({columns})"
_EXPLAIN = (
    "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM pg_temp.daybook_copy WHERE {condition} {first}"
)
_FIRST = "ORDER BY {columns} LIMIT 50"


@dataclass(frozen=True, slots=True)
class Trial:
    """The same question asked of a copy with ``rows`` rows, without the index and with it.

    Milliseconds are the best of several runs, costs those of PostgreSQL's planner. ``is_used``: it took the index.
    ``index_bytes`` is what the index of the whole table would take.
    """

    rows: int
    before_ms: float
    after_ms: float
    before_cost: float
    after_cost: float
    is_used: bool
    index_bytes: int


class _Undone(Exception):
    """Takes back what was done to find something out."""


def tried(database: Database, candidate: Candidate) -> Trial | None:
    """What the index would give; None if the table has no rows to try it with.

    Changes nothing, and no statement runs for more than five seconds. Raises DatabaseError, such as MissingRights where
    the user may make no temporary table.
    """
    found: list[Trial | None] = []
    try:
        with database.writer() as writer:
            found.append(_measured(writer, candidate.wish))
            raise _Undone
    except _Undone:
        return found[0]


def _measured(writer: Writer, wish: Wish) -> Trial | None:
    table = wish.table
    writer.execute(own(_TIMEOUTS))
    writer.execute(own(_COPY.format(relation=table.relation)))
    width = max(table.table_bytes // max(table.rows, 1), 1)
    most = min(MOST_ROWS, _MOST_BYTES // width)
    percent = min(100.0, 120 * most / max(table.rows, 1))
    fill = own(_FILL.format(relation=table.relation.replace("%", "%%")))
    rows = writer.execute(fill, {"percent": percent, "rows": most})
    if not rows or not _pick(writer, wish):
        return None
    writer.execute(own("ANALYZE pg_temp.daybook_copy"))
    first = _FIRST.format(columns=listed(wish.ordered)) if wish.ordered else ""
    explain = own(_EXPLAIN.format(condition=" AND ".join(_conditions(wish)) or "true", first=first))
    before_ms, before = _run(writer, explain)
    writer.execute(own(_INDEX.format(columns=listed(wish.columns))))
    after_ms, after = _run(writer, explain)
    [(size_bytes,)] = writer.rows(own("SELECT pg_relation_size('pg_temp.daybook_copy_index')"))
    return Trial(
        rows,
        before_ms,
        after_ms,
        float(before["Total Cost"]),
        float(after["Total Cost"]),
        is_used="daybook_copy_index" in str(after),
        index_bytes=max(round(size_bytes * table.rows / rows), _PAGE_BYTES),
    )


def _pick(writer: Writer, wish: Wish) -> int:
    values = [f"{column.quoted} AS value_{number}" for number, column in enumerate(wish.equal)]
    if wish.ranged:
        edges = {"low": 0.50, "high": 0.51}
        values += [_EDGE.format(at=at, column=wish.ranged.quoted, name=name) for name, at in edges.items()]
    known = " AND ".join(f"{column.quoted} IS NOT NULL" for column in wish.columns)
    picked = writer.execute(own(_PICK.format(values=", ".join(values), known=known)))
    writer.execute(own("ANALYZE pg_temp.daybook_picked"))
    return picked


def _conditions(wish: Wish) -> Iterator[str]:
    value = "(SELECT {} FROM pg_temp.daybook_picked)".format
    for number, column in enumerate(wish.equal):
        yield f"{column.quoted} = {value(f'value_{number}')}"
    if wish.ranged:
        yield f"{wish.ranged.quoted} >= {value('low')}"
        yield f"{wish.ranged.quoted} <= {value('high')}"


def _run(writer: Writer, explain: str) -> tuple[float, dict[str, Any]]:
    """The least milliseconds of some runs, and the plan of the last."""
    told = [writer.rows(explain)[0][0][0] for _ in range(_RUNS)]
    return min(float(one["Execution Time"]) for one in told), told[-1]["Plan"]

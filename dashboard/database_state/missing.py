"""Indexes that statements would use, if they were there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import prod

import polars as pl

from dashboard.database_state.columns import Column, Columns, listed
from dashboard.database_state.indexes import Index
from dashboard.database_state.predicates import scopes
from dashboard.database_state.statements import Statement
from dashboard.database_state.tables import Growth, Table
from dashboard.database_state.wishes import SELECTIVE_SHARE, Wish, Wishes

LEAST_BYTES, LEAST_ROWS = 80_000, 1_000
"""A table that is smaller is read in full as fast as by an index."""

_NARROW_SHARE = 0.01
_SORTED_ROWS = 10_000  # that are alike in what an index has in order: to sort them takes some milliseconds
_ENTRY_BYTES, _FILLED_SHARE = (
    16,
    0.9,
)  # what an entry of a B-tree takes beside its columns; how full its pages are
_SECONDS_A_DAY = 86_400
_SHORTEST_RECORD_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that would serve ``statements``, of which the one that takes the most time comes first.

    ``index_bytes`` is an estimate; ``inserts_a_day`` is None while there is no record of it. Each insert makes an entry
    in each of the ``number_of_indexes`` that the table has.
    """

    wish: Wish
    statements: tuple[Statement, ...]
    index_bytes: int
    inserts_a_day: float | None
    number_of_indexes: int

    @property
    def table(self) -> Table:
        return self.wish.table

    @property
    def ddl(self) -> str:
        """To be run by a person, outside of a transaction."""
        # Over partitions it can't be made beside writers.
        concurrently = "" if self.table.largest_partition else "CONCURRENTLY "
        return f"CREATE INDEX {concurrently}ON {self.table.relation} ({self.columns_listed});"

    @property
    def ddl_of_partition(self) -> str | None:
        """Once it was run for each partition, ``ddl`` takes these indexes, and keeps no writer waiting."""
        if self.table.largest_partition is None:
            return None
        return f"CREATE INDEX CONCURRENTLY ON {self.table.largest_partition} ({self.columns_listed});"

    @property
    def columns_listed(self) -> str:
        return listed(self.wish.columns)

    @property
    def total_ms(self) -> float:
        """What its statements took in all, as far as that is known."""
        return sum(one.total_ms or 0 for one in self.statements)

    @property
    def calls(self) -> int:
        return sum(one.calls or 0 for one in self.statements)


def candidates(
    tables: Sequence[Table],
    columns: Columns,
    indexes: Sequence[Index],
    statements: Sequence[Statement],
    grown: Mapping[str, Growth],
    now: datetime,
) -> tuple[Candidate, ...]:
    """What is worth an index and has none; first that whose statements take the most time."""
    wishes = Wishes(tables, columns)
    by_table: dict[str, list[Index]] = {}
    for index in indexes:
        by_table.setdefault(index.relation, []).append(index)

    def of_table(table: Table) -> Sequence[Index]:
        return by_table.get(table.largest_partition or table.relation, ())

    asked: dict[Wish, dict[Statement, None]] = {}
    for statement in statements:
        for wish in wishes.of(scopes(statement.text)):
            if is_worthwhile(wish.table) and not is_served(wish, of_table(wish.table)):
                asked.setdefault(wish, {})[statement] = None
    found = [
        Candidate(
            wish,
            tuple(sorted(of, key=lambda one: -(one.total_ms or 0))),
            _size_bytes(wish),
            _inserts_a_day(wish.table, grown.get(wish.table.relation), now),
            len(of_table(wish.table)),
        )
        for wish, of in _merged(asked).items()
    ]
    return tuple(sorted(found, key=lambda one: -one.total_ms))


def is_worthwhile(table: Table) -> bool:
    """Whether a table is read in full, and is so large that an index would be better.

    Of one that somebody holds exclusively, the indexes are not known.
    """
    if table.index_bytes is None:
        return False
    return table.table_bytes > LEAST_BYTES and table.rows >= LEAST_ROWS and table.seq_scans > 0


def is_scanned(table: Table) -> bool:
    """Whether a table that is not small is read in full more often than by an index."""
    return table.table_bytes > LEAST_BYTES and table.seq_scans > table.index_scans


def scanned_rows(tables: Sequence[Table], found: Sequence[Candidate]) -> pl.DataFrame:
    """A row a table that is scanned so, the one most often first, with ``rows_each`` (Int64) that are read each time.

    ``wanted`` (String) are the columns by which statements search it without an index, null if there are none.
    """
    known = sorted(filter(is_scanned, tables), key=lambda one: one.index_scans - one.seq_scans)
    rows = [
        {
            "relation": one.relation,
            "table_bytes": one.table_bytes,
            "seq_scans": one.seq_scans,
            "index_scans": one.index_scans,
            "rows_each": one.seq_rows // one.seq_scans,
            "wanted": "; ".join(it.columns_listed for it in found if it.table == one) or None,
        }
        for one in known
    ]
    return pl.DataFrame(rows, schema_overrides={"wanted": pl.String}, infer_schema_length=None)


def is_served(wish: Wish, indexes: Sequence[Index]) -> bool:
    """Whether one of a table's indexes finds these rows, or all but a few others."""
    return any(_serves(index, wish) for index in indexes if index.is_valid and not index.is_partial)


def _serves(index: Index, wish: Wish) -> bool:
    equal = {column.name: column for column in wish.known}
    ranged = wish.ranged.name if wish.ranged else None
    if index.method == "brin":
        return ranged in index.columns
    if index.method == "hash":
        return index.columns[0] in equal and len(wish.columns) == len(wish.equal)
    leading: list[str] = []
    for name in index.columns:
        if name not in equal:
            break
        leading.append(name)
    shares = {name: column.share(wish.table.rows) or 1 for name, column in equal.items()}
    if leading and prod(shares[name] for name in leading) <= _NARROW_SHARE:
        return True
    following = index.columns[len(leading) : len(leading) + 1]
    if wish.ordered:
        passed_over = prod(share for name, share in shares.items() if name not in leading)
        together = prod(shares[name] for name in leading) * wish.table.rows
        return passed_over >= SELECTIVE_SHARE and _orders(index, wish, len(leading), together)
    if ranged and (following == (ranged,) or index.columns[:1] == (ranged,)):
        return True
    return ranged is None and {column.name for column in wish.equal} <= {*leading}


def _orders(index: Index, wish: Wish, place: int, rows: float) -> bool:
    """Whether an index has the wanted order from this key on, but for few rows that are alike."""
    options: set[int] = set()
    for number, column in enumerate(wish.ordered, place):
        if index.columns[number : number + 1] != (column.name,) or not index.is_ordered(number):
            return bool(options) and rows <= _SORTED_ROWS
        options.add(index.keys[number][3])
        rows *= column.share(wish.table.rows) or 1
    return len(options) == 1


def _merged(asked: Mapping[Wish, dict[Statement, None]]) -> dict[Wish, dict[Statement, None]]:
    """One index serves also those who need but its first columns, and is no other for a join."""
    merged: dict[Wish, dict[Statement, None]] = {}
    for wish, statements in sorted(asked.items(), key=lambda item: -len(item[0].columns)):
        wider = (one for one in merged if one.table == wish.table and _begins_with(one.columns, wish.columns))
        kept = next(wider, wish)
        merged[kept] = merged.get(kept, {}) | statements
    return {
        replace(wish, is_join=wish.is_join or any(one.is_join for one in asked if _is_same(one, wish))): told
        for wish, told in merged.items()
    }


def _is_same(one: Wish, other: Wish) -> bool:
    return one.table == other.table and one.columns == other.columns


def _begins_with(columns: Sequence[Column], others: Sequence[Column]) -> bool:
    return tuple(columns[: len(others)]) == tuple(others)


def _size_bytes(wish: Wish) -> int:
    width = sum(column.width_bytes or 0 for column in wish.columns)
    return round(wish.table.rows * (_ENTRY_BYTES + width) / _FILLED_SHARE)


def _inserts_a_day(table: Table, then: Growth | None, now: datetime) -> float | None:
    if then is None or then.inserts is None or table.inserts < then.inserts:
        return None
    seconds = (now - then.taken_at).total_seconds()
    if seconds < _SHORTEST_RECORD_SECONDS:
        return None
    return (table.inserts - then.inserts) / seconds * _SECONDS_A_DAY

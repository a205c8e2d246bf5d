"""How much of the room that tables and indexes take is empty: bloat, estimated from their rows, or measured."""

from collections.abc import Mapping, Sequence
from math import ceil

from dashboard.database import Snapshot
from dashboard.database_state.columns import Column, Columns
from dashboard.database_state.indexes import Index
from dashboard.database_state.tables import Table
from dashboard.parts import own

# Of PostgreSQL's pages: https://www.postgresql.org/docs/current/storage-page-layout.html
_PAGE_BYTES, _PAGE_HEADER_BYTES, _ALIGNMENT_BYTES = 8_192, 24, 8
_ROW_HEADER_BYTES, _ENTRY_HEADER_BYTES, _POINTER_BYTES = 24, 8, 4
_LEAST_BYTES = 80_000  # of less, a page or two more or less are much
_FILLED_SHARE = 0.9  # of a B-tree's pages, when it is new

_LARGEST_TO_MEASURE_BYTES = 512 << 20
_SHARE_TO_MEASURE = 0.1
_MEASURED = 3

_HAS_PGSTATTUPLE = """
SELECT quote_ident(nspname) AS schema_name FROM pg_extension
JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'pgstattuple'
"""
_FREE = """
SELECT (approx_free_percent + dead_tuple_percent) / 100 AS share
FROM {schema}.pgstattuple_approx($1::bigint::oid::regclass)
"""


def of_tables(known: Sequence[Table], columns: Columns) -> dict[str, float]:
    """The share that is empty or dead, as the number of rows and their average width make it, by relation.

    Some percent too much, since columns are padded. Of those without TOAST, whose columns are all known.
    """
    found = {}
    for one in known:
        width = _width_bytes(list(columns.get(one.relation_id, {}).values()))
        if width is not None and one.heap_bytes > _LEAST_BYTES:
            row = _ROW_HEADER_BYTES + _POINTER_BYTES + width
            found[one.relation] = _empty(one.rows * row / one.fill_share, one.heap_bytes)
    return found


def of_indexes(known: Sequence[Index], tables: Sequence[Table], columns: Columns) -> dict[str, float]:
    """The same of B-trees on columns, for all rows. Where values repeat, PostgreSQL needs less than that."""
    by_relation = {one.relation: one for one in tables}
    found = {}
    for one in known:
        table = by_relation.get(one.relation)
        is_plain = one.method == "btree" and not one.is_partial and not one.has_included
        if table is None or not is_plain or one.size_bytes <= _LEAST_BYTES:
            continue
        of_table: Mapping[str, Column] = columns.get(table.relation_id, {})
        if all(name in of_table for name in one.columns):
            width = _width_bytes([of_table[name] for name in one.columns])
            if width is not None:
                entry = _ENTRY_HEADER_BYTES + _POINTER_BYTES + width
                found[one.name] = _empty(table.rows * entry / _FILLED_SHARE, one.size_bytes)
    return found


def _width_bytes(columns: Sequence[Column]) -> int | None:
    """Of what a row or an entry holds on average; None if that is not known."""
    width = 0.0
    for column in columns:
        if column.width_bytes is None or column.null_share is None:
            return None
        width += column.width_bytes * (1 - column.null_share)
    return ceil(width / _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES if columns else None


def _empty(needed_bytes: float, taken_bytes: int) -> float:
    pages = ceil(needed_bytes / (_PAGE_BYTES - _PAGE_HEADER_BYTES))
    return max(1 - pages * _PAGE_BYTES / taken_bytes, 0.0)


def measured(
    snapshot: Snapshot, known: Sequence[Table], estimated: Mapping[str, float]
) -> dict[str, float] | None:
    """The same, measured, of the tables in which most seems to be empty; None without ``pgstattuple``.

    Of those up to half a GB, since it reads all pages that are not known to be clean. Raises DatabaseError.
    """
    schema = snapshot.frame(own(_HAS_PGSTATTUPLE))
    if schema.is_empty():
        return None
    shares = {one.relation: max(one.dead_share, estimated.get(one.relation, 0.0)) for one in known}
    worth = [
        one
        for one in sorted(known, key=lambda one: -shares[one.relation] * one.heap_bytes)
        if shares[one.relation] >= _SHARE_TO_MEASURE and one.heap_bytes <= _LARGEST_TO_MEASURE_BYTES
    ]
    sql = own(_FREE.format(schema=schema["schema_name"][0]))
    return {one.relation: snapshot.frame(sql, [one.relation_id])["share"][0] for one in worth[:_MEASURED]}

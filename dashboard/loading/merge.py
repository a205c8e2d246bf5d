"""Bringing rows of a file into a table that may hold older versions of them, set by set."""

# ruff: noqa: S608 - every name comes from tables.py

from collections.abc import Iterator

from dashboard.database import Writer
from dashboard.loading.rejects import Reject, as_csv
from dashboard.loading.source import LINE
from dashboard.loading.tables import TABLES, Table

_FETCH_ROWS = 10_000
_KEYS = {table.name: table.key for table in TABLES}


def stage(table: Table) -> str:
    """The temporary table that holds the file's rows, with their line and what is wrong with them."""
    return f"pg_temp.stage_{table.name}"


def make_stage(writer: Writer, table: Table) -> None:
    columns = ", ".join(table.column_names)
    writer.execute(
        f"CREATE TEMPORARY TABLE stage_{table.name} ON COMMIT DROP AS "
        f"SELECT 0::bigint AS {LINE}, ''::text AS at, ''::text AS reason, ''::text AS detail, {columns} "
        f"FROM shop.{table.name} WITH NO DATA"
    )


def mark_rejects(writer: Writer, table: Table) -> None:
    """Find the staged rows that refer to nothing, then those whose key another one had before them."""
    writer.execute(f"ANALYZE {stage(table)}")
    for column, parent in table.references:
        [key] = _KEYS[parent]
        writer.execute(
            f"UPDATE {stage(table)} AS new SET at = '{column}', detail = {column}, "
            f"reason = 'refers to a row of {parent} that is not there' WHERE reason IS NULL "
            f"AND NOT EXISTS (SELECT FROM shop.{parent} AS parent WHERE parent.{key} = new.{column})"
        )
    key = ", ".join(table.key)
    writer.execute(
        f"UPDATE {stage(table)} AS new SET at = '{key}', reason = 'duplicate key', "
        f"detail = 'first on line ' || first.{LINE} "
        f"FROM (SELECT {key}, min({LINE}) AS {LINE} FROM {stage(table)} WHERE reason IS NULL "
        f"GROUP BY {key} HAVING count(*) > 1) AS first "
        f"WHERE reason IS NULL AND new.{LINE} > first.{LINE} AND {_same_key(table, 'first')}"
    )


def marked_rejects(writer: Writer, table: Table, columns: tuple[str, ...]) -> Iterator[Reject]:
    """The rejects among the staged rows, in order of lines; ``columns`` are in the file's order."""
    fields = ", ".join(f"{column}::text" for column in columns)
    writer.execute(
        f"DECLARE rejected CURSOR FOR SELECT {LINE}, at, reason, detail, ARRAY[{fields}] "
        f"FROM {stage(table)} WHERE reason IS NOT NULL ORDER BY {LINE}"
    )
    while rows := writer.rows(f"FETCH {_FETCH_ROWS} FROM rejected"):
        for line, column, reason, detail, row in rows:
            yield Reject(line, column, reason, detail, as_csv(row))
    writer.execute("CLOSE rejected")


def merge(writer: Writer, table: Table) -> tuple[int, int]:
    """Write the staged rows that are new or differ; how many were inserted and updated.

    A row that is there already is not touched. No other writer must be about.
    """
    columns = ", ".join(table.column_names)
    values = ", ".join(table.values)
    new_values = ", ".join(f"new.{name}" for name in table.values)
    old_values = ", ".join(f"old.{name}" for name in table.values)
    updated = writer.execute(
        f"UPDATE shop.{table.name} AS old SET ({values}) = ROW ({new_values}) FROM {stage(table)} AS new "
        f"WHERE reason IS NULL AND {_same_key(table, 'old')} "
        f"AND ({old_values}) IS DISTINCT FROM ({new_values})"
    )
    inserted = writer.execute(
        f"INSERT INTO shop.{table.name} ({columns}) SELECT {columns} FROM {stage(table)} AS new "
        f"WHERE reason IS NULL "
        f"AND NOT EXISTS (SELECT FROM shop.{table.name} AS old WHERE {_same_key(table, 'old')}) "
        f"ORDER BY {LINE}"
    )
    return inserted, updated


def _same_key(table: Table, other: str) -> str:
    return " AND ".join(f"new.{name} = {other}.{name}" for name in table.key)

"""Reads: SQL in, polars frames out."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl
import psycopg
from psycopg import pq
from psycopg.rows import tuple_row

from dashboard.database.faults import explained
from dashboard.database.patience import PatientConnection
from dashboard.errors import DatabaseError

ROWS_A_FRAME = 10_000

_PARAMETERS = """
SELECT coalesce(cardinality(parameter_types), 0) FROM pg_prepared_statements WHERE name = 'daybook_plan'
"""
_DIGITS = 38  # of polars' decimals
_DTYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "bool": pl.Boolean,
    "int2": pl.Int16,
    "int4": pl.Int32,
    "int8": pl.Int64,
    "oid": pl.UInt32,
    "float4": pl.Float32,
    "float8": pl.Float64,
    "text": pl.String,
    "varchar": pl.String,
    "bpchar": pl.String,
    "name": pl.String,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
    "timestamptz": pl.Datetime("us", "UTC"),
    "interval": pl.Duration("us"),
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What PostgreSQL says of a statement before it runs: its columns and its parameters' types."""

    schema: dict[str, Any]
    parameter_types: tuple[str, ...]


class StatementRefused(DatabaseError):
    """PostgreSQL can't prepare a statement; ``position`` is the offending character, from 0."""

    def __init__(self, message: str, position: int | None) -> None:
        super().__init__(message)
        self.position = position


class Snapshot:
    """Reads that see one state of the database. Statements name their parameters ``$1``, ``$2``, …"""

    def __init__(self, connection: PatientConnection) -> None:
        self._connection = connection
        self._began_at = time.monotonic()

    @property
    def age_seconds(self) -> float:
        """Since it was asked for."""
        return time.monotonic() - self._began_at

    def frame(self, sql: str, params: Sequence[object] = ()) -> pl.DataFrame:
        """The rows of a statement. ``numeric`` columns become Decimal and must have a scale.

        Raises DatabaseError also for what a frame can't hold: NaN in a ``numeric`` column, an infinite date,
        two columns of one name.
        """
        with psycopg.RawCursor(self._connection, row_factory=tuple_row) as cursor:
            cursor.execute(sql, params, binary=True)
            schema = _schema(cursor.pgresult)
            rows = cursor.fetchall()
        return _frame(rows, schema)

    def frames(
        self, sql: str, params: Sequence[object] = (), rows: int = ROWS_A_FRAME, name: str = "frames"
    ) -> Iterator[pl.DataFrame]:
        """The rows of a statement in frames of so many, as ``frame`` gives them; at least one, which may be empty.

        PostgreSQL holds them in a cursor of this name, so here is one frame at a time. To be read within the
        snapshot's block.
        """
        with psycopg.RawServerCursor(self._connection, name, row_factory=tuple_row) as cursor:
            cursor.execute(sql, params, binary=True)
            schema = _schema(cursor.pgresult)
            taken = cursor.fetchmany(rows)
            yield _frame(taken, schema)
            while len(taken) == rows:
                if taken := cursor.fetchmany(rows):
                    yield _frame(taken, schema)

    def tune(self, settings: Iterable[tuple[str, str]]) -> None:
        """Give settings of PostgreSQL, by name and value, to the statements of this snapshot: they end with it."""
        for setting in settings:
            self._connection.execute("SELECT set_config(%s, %s, true)", setting)

    def expect(self, seconds: float) -> None:
        """PostgreSQL was told to end each statement of this snapshot after so long: wait little longer for answers."""
        self._connection.statement_seconds = seconds

    def plan(self, sql: str, params: Sequence[object], *, is_measured: bool) -> Any:
        """How PostgreSQL answers a statement, as EXPLAIN tells it in JSON; ``is_measured``: it runs for that."""
        options = "ANALYZE, BUFFERS, SETTINGS" if is_measured else "SETTINGS"
        with psycopg.RawCursor(self._connection, row_factory=tuple_row) as cursor:
            cursor.execute(f"EXPLAIN ({options}, VERBOSE, FORMAT JSON) {sql}", params, binary=True)
            [(plan,)] = cursor.fetchall()
        return plan

    def generic_plan(self, sql: str) -> Any:
        """The same of one statement whose parameters ``$1``, ``$2``, … are not known, without running it.

        What PostgreSQL 16 has GENERIC_PLAN for; this way it does so in all versions. Sent with ``binary``, it takes
        no second statement behind a semicolon.
        """
        try:
            with (
                self._connection.transaction(),
                psycopg.RawCursor(self._connection, row_factory=tuple_row) as cursor,
            ):
                cursor.execute(f"PREPARE daybook_plan AS {sql}", binary=True)
                [(number,)] = cursor.execute(_PARAMETERS).fetchall()
                nulls = f"({', '.join(['NULL'] * number)})" if number else ""
                self.tune([("plan_cache_mode", "force_generic_plan")])
                cursor.execute(f"EXPLAIN (VERBOSE, SETTINGS, FORMAT JSON) EXECUTE daybook_plan{nulls}")
                [(plan,)] = cursor.fetchall()
        finally:  # it would outlive the transaction
            if self._connection.info.transaction_status is pq.TransactionStatus.INTRANS:
                self._connection.execute("DEALLOCATE ALL")
        return plan

    def share(self, table: str) -> None:
        """Keep others from locking a table exclusively. Before the first read, which fixes what is seen."""
        self._connection.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Reads that fail alone: those after them see the same state. Not before the first read, which fixes it."""
        with explained(), self._connection.transaction():
            yield

    def prepare(self, sql: str) -> Prepared:
        """Ask PostgreSQL to prepare a statement without running it. Raises StatementRefused."""
        link = self._connection.pgconn
        refused = link.prepare(b"", sql.encode())
        if link.status != pq.ConnStatus.OK:
            raise psycopg.OperationalError(link.get_error_message())
        if refused.status != pq.ExecStatus.COMMAND_OK:
            position = refused.error_field(pq.DiagnosticField.STATEMENT_POSITION)
            message = refused.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"unknown error"
            raise StatementRefused(message.decode(), int(position) - 1 if position else None)
        described = link.describe_prepared(b"")
        types = tuple(_type_name(described.param_type(i)) for i in range(described.nparams))
        return Prepared(_schema(described), types)


def _type_name(oid: int) -> str:
    known = psycopg.adapters.types.get(oid)
    if known is None:
        return f"type {oid}"
    return known.name if known.oid == oid else f"{known.name}[]"


def _schema(result: pq.abc.PGresult | None) -> dict[str, Any]:
    assert result is not None
    names = [(result.fname(i) or b"").decode() for i in range(result.nfields)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise StatementRefused(
            f"Several columns are called {', '.join(sorted(twice))}: name them apart.", None
        )
    return {name: _dtype(name, _type_name(result.ftype(i)), result.fmod(i)) for i, name in enumerate(names)}


def _dtype(column: str, type_name: str, modifier: int) -> Any:
    if type_name == "numeric" and modifier >= 0:
        precision, scale = modifier - 4 >> 16, modifier - 4 & 0x7FF
        if max(precision, scale) <= _DIGITS:
            return pl.Decimal(_DIGITS, scale)
    if type_name not in _DTYPES:
        hint = "numeric(12, 2)" if type_name == "numeric" else "text"
        problem = f"Column {column} has type {type_name}, which fits no column of a frame"
        raise StatementRefused(f"{problem}: cast it, e.g. to {hint}.", None)
    return _DTYPES[type_name]


def _frame(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, Any]) -> pl.DataFrame:
    _check_finite(rows, schema)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _check_finite(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, Any]) -> None:
    """Raises DatabaseError for amounts that Decimal columns can't hold; polars would panic."""
    for i, (column, dtype) in enumerate(schema.items()):
        if isinstance(dtype, pl.Decimal) and any(
            row[i] is not None and not row[i].is_finite() for row in rows
        ):
            raise DatabaseError(
                f"Column {column} holds NaN or infinity, which is no amount: correct the data."
            )

"""Connections to PostgreSQL: reads in one snapshot under a read-only role, writes in one transaction."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from dashboard.errors import (
    DatabaseError,
    DatabaseUnavailable,
    MissingRights,
    SettingsError,
    StatementTimeout,
)
from dashboard.settings import Settings

READER_ROLE = "daybook_reader"

# A reader's session takes the role if it may and if the role can read here, and is read only and bounded in
# time either way. Before PostgreSQL 16 every member of a role could take it.
_BECOME_READER = f"""
SELECT set_config('default_transaction_read_only', 'on', false),
       set_config('statement_timeout', %s, false),
       (SELECT set_config('role', rolname, false) FROM pg_roles
        WHERE rolname = '{READER_ROLE}'
          AND pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int < 160000
                                    THEN 'MEMBER' ELSE 'SET' END)
          AND has_schema_privilege(oid, to_regnamespace('dashboard')::oid, 'USAGE'))
"""  # noqa: S608 - a constant

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

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def frame(self, sql: str, params: Sequence[object] = ()) -> pl.DataFrame:
        """The rows of a statement. ``numeric`` columns become Decimal and must have a scale.

        Raises DatabaseError also for what a frame can't hold: NaN in a ``numeric`` column, an infinite date,
        two columns of one name.
        """
        with psycopg.RawCursor(self._connection, row_factory=tuple_row) as cursor:
            cursor.execute(sql, params, binary=True)
            schema = _schema(cursor.pgresult)
            rows = cursor.fetchall()
        _check_finite(rows, schema)
        return pl.DataFrame(rows, schema=schema, orient="row")

    def share(self, table: str) -> None:
        """Keep others from locking a table exclusively. Before the first read, which fixes what is seen."""
        self._connection.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")

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


class Writer:
    """One transaction that may change the database."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Mapping[str, object] | None = None) -> int:
        """Run a statement whose parameters are written ``%(name)s``; the number of rows it touched."""
        return self._connection.execute(sql, params).rowcount

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a statement whose parameters are written ``%(name)s``."""
        return self._connection.execute(sql, params).fetchall()

    @contextmanager
    def copy_in(self, sql: str) -> Iterator[psycopg.Copy]:
        """``COPY … FROM STDIN``: an object whose ``write(bytes)`` takes the data, in blocks of any size."""
        with self._connection.cursor() as cursor, cursor.copy(sql) as copy:
            yield copy

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that is undone alone when it fails."""
        with _explained(), self._connection.transaction():
            yield


class Database:
    """A PostgreSQL database, by URL. Opens connections when they are first needed."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = _parsed(url)
        timeout_ms = max(1, round(settings.statement_timeout_seconds * 1_000))  # 0 would be none
        common = {
            "connect_timeout": max(2, round(settings.connect_timeout_seconds)),  # libpq takes less for 2
            "client_encoding": "utf8",
        }
        self._writers = sa.create_engine(
            self._url, pool_size=1, pool_pre_ping=True, connect_args=common | {"application_name": "daybook"}
        )
        # No prepared statements: a session's would fail for good once a view has other columns.
        only_reading = {"application_name": "daybook reader", "prepare_threshold": None}
        self._readers = sa.create_engine(
            self._url,
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.statement_timeout_seconds,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            connect_args=common | only_reading,
        )

        @sa.event.listens_for(self._readers, "connect")
        def become_reader(connection: psycopg.Connection[Any], _: object) -> None:
            connection.execute(_BECOME_READER, (f"{timeout_ms}ms",))
            connection.commit()  # a rollback would undo the settings

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One read-only transaction at repeatable read, under the reader's role and timeout."""
        with _explained(), self._readers.connect() as connection, _dropped_if_broken(connection):
            yield Snapshot(_driver(connection))

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """One transaction that is committed at the end, or undone when its block raises."""
        with self.connection() as connection:
            yield self.writing(connection)

    @staticmethod
    def writing(connection: sa.Connection) -> Writer:
        """The writer that shares a connection's transaction."""
        return Writer(_driver(connection))

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """The same transaction as ``writer``, as SQLAlchemy's connection, for Alembic."""
        with _explained(), self._writers.begin() as connection, _dropped_if_broken(connection):
            yield connection

    def psql_environment(self) -> dict[str, str]:
        """Variables by which libpq's programs connect to this database; holds the password."""
        return {
            option.envvar.decode(): option.val.decode()
            for option in pq.Conninfo.parse(_conninfo(self._url).encode())
            if option.envvar and option.val
        }

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self._readers.dispose()
        self._writers.dispose()

    def __str__(self) -> str:
        return self._url.difference_update_query(["password", "sslpassword"]).render_as_string()


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in ("postgresql", "postgres"):
            raise ValueError(parsed.get_backend_name())
        parsed = parsed.set(drivername="postgresql+psycopg")
        _conninfo(parsed)
    except (sa.exc.ArgumentError, psycopg.Error, ValueError):
        raise SettingsError(
            "DATABASE_URL can't be read; it is not shown here, since it may hold a password. "
            "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with signs like @ : / as %40 %3A %2F."
        ) from None
    return parsed


def _conninfo(url: sa.URL) -> str:
    """What the driver gives to libpq."""
    return make_conninfo(**url.get_dialect()().create_connect_args(url)[1])


@contextmanager
def _dropped_if_broken(connection: sa.Connection) -> Iterator[None]:
    """Throw a connection away that broke, or is still in a statement: it can't even be rolled back."""
    driver = _driver(connection)
    try:
        yield
    finally:
        if driver.pgconn.transaction_status in (pq.TransactionStatus.ACTIVE, pq.TransactionStatus.UNKNOWN):
            connection.invalidate()


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


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


def _check_finite(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, Any]) -> None:
    """Raises DatabaseError for amounts that Decimal columns can't hold; polars would panic."""
    for i, (column, dtype) in enumerate(schema.items()):
        if isinstance(dtype, pl.Decimal) and any(
            row[i] is not None and not row[i].is_finite() for row in rows
        ):
            raise DatabaseError(
                f"Column {column} holds NaN or infinity, which is no amount: correct the data."
            )


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the driver's errors into ours; their messages hold no password."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise _translated(cause) from error
    except sa.exc.TimeoutError as error:
        raise DatabaseUnavailable(
            "All connections to PostgreSQL are busy: try again, or raise DASHBOARD_POOL_SIZE."
        ) from error


def _translated(cause: BaseException | None) -> DatabaseError:
    message = re.sub(r"\s+", " ", str(cause)).rstrip(" .?")
    match cause:
        case psycopg.errors.QueryCanceled():
            return StatementTimeout(
                f"PostgreSQL stopped a statement: {message}. Narrow the range, or raise "
                "DASHBOARD_STATEMENT_TIMEOUT_SECONDS."
            )
        case psycopg.errors.InsufficientPrivilege():
            return MissingRights(f"The database user lacks a right: {message}.")
        case psycopg.OperationalError() if cause.sqlstate is None or cause.sqlstate[:2] in ("08", "57"):
            return DatabaseUnavailable(
                f"PostgreSQL does not answer: {message}. Check that it runs, and DATABASE_URL."
            )
        case psycopg.DataError() if cause.sqlstate is None:
            return DatabaseError(f"A value can't be exchanged with PostgreSQL: {message}.")
        case _:
            return DatabaseError(f"PostgreSQL refused a statement: {message}.")

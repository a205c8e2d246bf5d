"""Connections to PostgreSQL: reads in one snapshot under a read-only role, writes in one transaction."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.conninfo import make_conninfo

from dashboard.database import notices
from dashboard.database.cancellation import Cancellation, Stopper
from dashboard.database.faults import BUSY, Conflict, LockTaken, explained
from dashboard.database.patience import Connector, PatientConnection, patience
from dashboard.database.places import Places
from dashboard.database.pools import Pool
from dashboard.database.snapshot import Prepared, Snapshot, StatementRefused
from dashboard.errors import SettingsError
from dashboard.settings import Settings

__all__ = [
    "READER_ROLE",
    "Cancellation",
    "Conflict",
    "Database",
    "LockTaken",
    "Pool",
    "Prepared",
    "Snapshot",
    "StatementRefused",
    "Writer",
]

READER_ROLE = "daybook_reader"

_QUICK_READS = 4  # at a time, beside the statements of readers: of versions, and whether the database answers

_WRITES = 11  # at a time, of whose connections one is kept

# Before anything that looks into catalogs, which somebody may hold.
_BOUND = "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', '2s', true)"

# For what can as well be done later.
_QUICK_SECONDS = 5
_QUICKLY = f"""
SELECT set_config('statement_timeout', '{_QUICK_SECONDS}s', true), set_config('lock_timeout', '2s', true)
"""

# A reader's session takes the role if it may and if the role can read here, and is read only and bounded in
# time either way. Before PostgreSQL 16 every member of a role could take it.
_BECOME_READER = f"""
SELECT set_config('default_transaction_read_only', 'on', false),
       (SELECT set_config('role', rolname, false) FROM pg_roles
        WHERE rolname = '{READER_ROLE}'
          AND pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int < 160000
                                    THEN 'MEMBER' ELSE 'SET' END)
          AND has_schema_privilege(oid, to_regnamespace('dashboard')::oid, 'USAGE'))
"""  # noqa: S608 - a constant


class Writer:
    """One transaction that may change the database."""

    def __init__(self, connection: PatientConnection) -> None:
        self._connection = connection

    @property
    def connection(self) -> PatientConnection:
        """The driver's own, for a library that writes in this transaction."""
        return self._connection

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
        with explained(), self._connection.transaction():
            yield


class Database:
    """A PostgreSQL database, by URL. Opens connections when they are first needed."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = _parsed(url)
        self._cancel_timeout_seconds = settings.connect_timeout_seconds
        timeout_seconds, number = settings.statement_timeout_seconds, settings.max_statements
        self._timeout_seconds = timeout_seconds
        self._statements = Places(
            number,
            timeout_seconds,
            f"All {number} statements at a time are taken, and no place was left within {timeout_seconds:g} s. "
            "Try again, or raise DASHBOARD_MAX_STATEMENTS.",
        )
        self._quick_reads = Places(_QUICK_READS, timeout_seconds, BUSY)
        self._long_reads = Places(settings.max_exports, timeout_seconds, BUSY)
        timeout_ms = max(1, round(timeout_seconds * 1_000))  # 0 would be none
        self._common: dict[str, Any] = {
            "connect_timeout": max(2, round(settings.connect_timeout_seconds)),  # libpq takes less for 2
            "client_encoding": "utf8",
        }
        self._writers = sa.create_engine(
            self._url,
            pool_size=1,
            max_overflow=_WRITES - 1,
            pool_pre_ping=True,
            use_native_hstore=False,  # it would look for that type first, for as long as it takes
            connect_args=self._common | {"application_name": "daybook"},
        )
        # No prepared statements: a session's would fail for good once a view has other columns.
        only_reading = {"application_name": "daybook reader", "prepare_threshold": None}
        self._readers = sa.create_engine(
            self._url,
            pool_size=number + settings.max_exports + _QUICK_READS,
            max_overflow=0,
            pool_pre_ping=True,
            use_native_hstore=False,
            isolation_level="REPEATABLE READ",
            connect_args=self._common | only_reading,
        )

        connector = Connector(settings.connect_timeout_seconds)
        for engine in (self._writers, self._readers):
            connector.serve(engine)

        @sa.event.listens_for(self._readers, "connect")
        def become_reader(connection: psycopg.Connection[Any], _: object) -> None:
            connection.execute(_BOUND, (f"{timeout_ms}ms",))
            connection.execute(_BECOME_READER)
            connection.commit()  # a rollback would undo the settings

    @contextmanager
    def snapshot(self, cancellation: Cancellation | None = None) -> Iterator[Snapshot]:
        """One read-only transaction at repeatable read, under the reader's role and timeout.

        With a cancellation it is a reader's: one of ``DASHBOARD_MAX_STATEMENTS`` at a time, which others wait
        for as long as a statement may run. Without, it is a quick read of the program's own, which does not
        wait for those. Raises StatementCancelled when it was given up before its end.
        """
        places = self._quick_reads if cancellation is None else self._statements
        with self._read(places, cancellation or Cancellation()) as snapshot:
            yield snapshot

    @contextmanager
    def long_snapshot(self, cancellation: Cancellation) -> Iterator[Snapshot]:
        """The same for an export: one of ``DASHBOARD_MAX_EXPORTS`` at a time, beside the statements of readers."""
        with self._read(self._long_reads, cancellation) as snapshot:
            yield snapshot

    @contextmanager
    def _read(self, places: Places, cancellation: Cancellation) -> Iterator[Snapshot]:
        with (
            explained(),
            places.taken(cancellation),
            self._readers.connect() as connection,
            patience(_driver(connection), self._timeout_seconds),
            _dropped_if_broken(connection),
            self._stopped_by(cancellation, connection),
        ):
            yield Snapshot(_driver(connection))

    @contextmanager
    def _stopped_by(self, cancellation: Cancellation, connection: sa.Connection) -> Iterator[None]:
        stopper = Stopper(_driver(connection), self._cancel_timeout_seconds)
        try:
            with cancellation.heard_by(stopper.start):
                yield
        except psycopg.Error as error:
            cancellation.check(error)
            raise
        finally:
            if stopper.end():
                connection.invalidate()  # a request that is late must not stop the next reader's statement
        cancellation.check()

    @contextmanager
    def writer(self, cancellation: Cancellation | None = None) -> Iterator[Writer]:
        """One transaction that is committed at the end, or undone when its block raises.

        Raises StatementCancelled when it was given up before its end.
        """
        with (
            self.connection() as connection,
            self._stopped_by(cancellation or Cancellation(), connection),
        ):
            yield self.writing(connection)

    @contextmanager
    def quick_writer(self) -> Iterator[Writer]:
        """The same for what can be done later: a statement may take 5 s, wait 2 s for a lock, and be done again.

        Raises StatementTimeout, LockTaken, and DatabaseUnavailable if PostgreSQL hangs.
        """
        with self.writer() as writer, patience(writer.connection, _QUICK_SECONDS):
            writer.execute(_QUICKLY)
            yield writer

    @staticmethod
    def writing(connection: sa.Connection) -> Writer:
        """The writer that shares a connection's transaction."""
        return Writer(_driver(connection))

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """The same transaction as ``writer``, as SQLAlchemy's connection, for Alembic."""
        with (
            explained(),
            self._writers.connect() as connection,
            patience(_driver(connection), None),  # its end, too, takes as long as it takes
            connection.begin(),
            _dropped_if_broken(connection),
        ):
            yield connection

    @contextmanager
    def listening(self, channel: str, on_notice: Callable[[], None]) -> Iterator[None]:
        """While the block lasts, a thread calls ``on_notice`` for what other sessions NOTIFY on a channel.

        It is also called after each connection that the thread makes, since something may have gone unheard.
        """

        def connect() -> psycopg.Connection[Any]:
            only_listening = {"application_name": "daybook listener", "keepalives_idle": 30}
            return psycopg.connect(_conninfo(self._url), autocommit=True, **self._common | only_listening)

        with notices.listening(connect, channel, on_notice):
            yield

    def conninfo(self, name: str) -> str:
        """How libpq connects to this database, for an application of that name; holds the password."""
        return make_conninfo(_conninfo(self._url), application_name=name, **self._common)

    def psql_environment(self) -> dict[str, str]:
        """Variables by which libpq's programs connect to this database; holds the password."""
        return {
            option.envvar.decode(): option.val.decode()
            for option in pq.Conninfo.parse(_conninfo(self._url).encode())
            if option.envvar and option.val
        }

    def pools(self) -> tuple[Pool, ...]:
        """What of this process's places and connections is in use at the moment."""
        of_engines = (("reading", self._readers.pool, 0), ("writing", self._writers.pool, _WRITES - 1))
        connections = (
            Pool(f"{name} connections", pool.checkedout(), pool.size() + overflow)
            for name, pool, overflow in of_engines
            if isinstance(pool, sa.QueuePool)
        )
        return (
            self._statements.pool("statements"),
            self._long_reads.pool("exports"),
            self._quick_reads.pool("quick reads"),
            *connections,
        )

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


def _driver(connection: sa.Connection) -> PatientConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, PatientConnection)
    return driver

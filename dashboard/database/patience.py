"""Connections that give up on a server that no longer says anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.abc import PQGen

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """Waits for each answer ``grace_seconds`` longer than its statement may run; without end if that has no bound.

    PostgreSQL ends statements in time by itself. But it may hang, as may its machine or the network, and libpq knows
    a timeout for connecting only: https://www.postgresql.org/docs/current/libpq-connect.html
    """

    grace_seconds = 5.0
    statement_seconds: float | None = 0.0

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg waits for all that comes over a connection. Raises OperationalError, and is closed then."""
        if timeout is None and self.statement_seconds is not None:
            timeout = self.statement_seconds + self.grace_seconds
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != pq.TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()  # what comes late would be taken for the next answer
            raise psycopg.OperationalError(f"no answer came within {timeout:g} s") from error


def connect_patiently(engine: sa.Engine, grace_seconds: float) -> None:
    """Have an engine's connections be patient ones."""

    @sa.event.listens_for(engine, "do_connect")
    def connect(_: object, __: object, args: list[Any], options: dict[str, Any]) -> PatientConnection:
        connection = PatientConnection.connect(*args, **options)
        connection.grace_seconds = grace_seconds
        return connection


@contextmanager
def patience(connection: PatientConnection, statement_seconds: float | None) -> Iterator[None]:
    """Statements may run for so long during the block; None is without end."""
    connection.statement_seconds = statement_seconds
    try:
        yield
    finally:
        connection.statement_seconds = 0.0

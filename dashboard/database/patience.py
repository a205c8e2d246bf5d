"""Connections that give up on a server that no longer says anything."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg import pq
from psycopg.abc import PQGen

T = TypeVar("T")

LEAST_GRACE_SECONDS = 2.0  # as much as libpq takes for connecting
SILENT_SECONDS = 2.0


class PatientConnection(psycopg.Connection[Any]):
    """Waits for each answer ``grace_seconds`` longer than its statement may run; without end if that has no bound.

    PostgreSQL ends statements in time by itself. But it may hang, as may its machine or the network, and libpq knows
    a timeout for connecting only: https://www.postgresql.org/docs/current/libpq-connect.html
    """

    grace_seconds = 5.0
    on_silence: Callable[[], None] = staticmethod(lambda: None)
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
            self.on_silence()
            self.pgconn.finish()  # what comes late would be taken for the next answer
            raise psycopg.OperationalError(f"no answer came within {timeout:g} s") from error


class Connector:
    """Connects, unless it was just waited in vain for a server that hangs: not everybody has to find that out."""

    def __init__(self, grace_seconds: float) -> None:
        self._grace_seconds = max(grace_seconds, LEAST_GRACE_SECONDS)
        self._silent_until = 0.0

    def serve(self, engine: sa.Engine) -> None:
        """Have the connections of an engine be patient ones."""

        @sa.event.listens_for(engine, "do_connect")
        def connect(_: object, __: object, args: list[Any], options: dict[str, Any]) -> PatientConnection:
            if time.monotonic() < self._silent_until:
                raise psycopg.OperationalError("an answer was waited for in vain just now")
            began = time.monotonic()
            try:
                connection = PatientConnection.connect(*args, **options)
            except psycopg.OperationalError:
                # Who is refused is told at once.
                if time.monotonic() - began >= self._grace_seconds / 2:
                    self.note_silence()
                raise
            connection.grace_seconds, connection.on_silence = self._grace_seconds, self.note_silence
            return connection

    def note_silence(self) -> None:
        """Let nobody connect for a moment."""
        self._silent_until = time.monotonic() + SILENT_SECONDS


@contextmanager
def patience(connection: PatientConnection, statement_seconds: float | None) -> Iterator[None]:
    """Statements may run for so long during the block; None is without end."""
    connection.statement_seconds = statement_seconds
    try:
        yield
    finally:
        connection.statement_seconds = 0.0

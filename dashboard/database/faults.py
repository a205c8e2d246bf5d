"""What PostgreSQL and its driver say, as errors that tell a person what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from dashboard.errors import DatabaseError, DatabaseUnavailable, MissingRights, StatementTimeout

BUSY = "All connections to PostgreSQL that are kept for this are busy: try again in a moment."


class Conflict(DatabaseError):
    """Another transaction was in the way; the same transaction may succeed from its beginning."""


class LockTaken(DatabaseError):
    """Another transaction holds what was not to be waited for."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn the driver's errors into ours; their messages hold no password."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise _translated(cause) from error
    except sa.exc.TimeoutError as error:
        raise DatabaseUnavailable(BUSY) from error


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
        case psycopg.errors.SerializationFailure() | psycopg.errors.DeadlockDetected():
            return Conflict(f"Another transaction was in the way: {message}. Try again.")
        case psycopg.errors.LockNotAvailable():
            return LockTaken(f"Another transaction is at work: {message}. Try again in a moment.")
        case psycopg.OperationalError() if cause.sqlstate is None or cause.sqlstate[:2] in ("08", "57"):
            return DatabaseUnavailable(
                f"PostgreSQL does not answer: {message}. Check that it runs, and DATABASE_URL."
            )
        case psycopg.DataError() if cause.sqlstate is None:
            return DatabaseError(f"A value can't be exchanged with PostgreSQL: {message}.")
        case _:
            return DatabaseError(f"PostgreSQL refused a statement: {message}.")

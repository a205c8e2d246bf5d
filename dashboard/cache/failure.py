"""Errors between processes: who waits for another's computation learns why there is no answer.

They are told as values of the cache, of which only those make use who waited for that very computation.
"""

from datetime import UTC, datetime

import polars as pl

from dashboard import errors
from dashboard.cache.key import Key, key
from dashboard.cache.value import Value
from dashboard.errors import DaybookError

# Those who wait look every few milliseconds.
LIFETIME_SECONDS = 10.0

_SCHEMA = {"token": pl.Binary, "kind": pl.String, "message": pl.String}


def failure_key(of: Key) -> Key:
    """Where the failure of the last computation of a key stands."""
    return key(of.tag, "failure", of.digest, of.version)


def failure(token: bytes, error: Exception) -> Value:
    """What the holder of a lock tells those who wait."""
    rows = pl.DataFrame([(token, type(error).__name__, str(error))], schema=_SCHEMA, orient="row")
    return Value(rows, datetime.now(UTC), LIFETIME_SECONDS, 0, 0.0)


def failed(told: Value, token: bytes) -> DaybookError | None:
    """The error of the computation under this lock, if it is what was told: of the same class if it is ours."""
    if told.rows.schema != pl.Schema(_SCHEMA) or told.rows.height != 1:
        return None
    its_token, kind, message = told.rows.row(0)
    if its_token != token:
        return None
    known = getattr(errors, kind, None)
    if (
        isinstance(known, type)
        and issubclass(known, DaybookError)
        and known.__init__ is DaybookError.__init__
    ):
        return known(message)
    return errors.ComputationFailed(f"{kind} in the process that computed this answer: {message}")

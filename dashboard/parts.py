"""Reading one thing beside others in one state of the database, so that each may fail alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, cast

import polars as pl

from dashboard.catalogue import catalogue
from dashboard.database import LockTaken, Snapshot
from dashboard.errors import DatabaseError, DatabaseUnavailable, StatementTimeout

T = TypeVar("T")
U = TypeVar("U")

# Who looks why all is slow waits for none of it. The moments that are read are compared with the same clock.
OWN = "/* daybook ops */"
"""What marks statements that look after the database: they are left out of what is told of its statements.

It stands at both ends: PostgreSQL 18 counts a statement without the comments before it, and of a long one that runs
it shows the beginning only.
"""
_SECONDS, _ALL_SECONDS = 2, 8.0
_BEGIN = f"""{OWN}
SELECT clock_timestamp() AS now,
    set_config('statement_timeout', '{_SECONDS}s', true) AS statement_timeout,
    set_config('lock_timeout', '500ms', true) AS lock_timeout
{OWN}"""

_HELD = (
    "Somebody holds what this needs in the database, and it is not waited for. The rest of the page is shown."
)
_SLOW = "The database did not answer this within two seconds. The rest of the page does not wait for it."
_LATE = "What came before took the database so long that it was not asked for this any more."


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What was read, or why it could not be."""

    value: T | None
    error: DatabaseError | None = None

    def get(self) -> T:
        """What was read. Raises DatabaseError if it could not be."""
        if self.error:
            raise self.error
        return cast("T", self.value)

    def otherwise(self, value: U) -> T | U:
        return value if self.error else cast("T", self.value)


def begin(snapshot: Snapshot) -> datetime:
    """Give each statement little time; the moment, by the clock of the database."""
    now: datetime = snapshot.frame(_BEGIN)["now"][0]
    snapshot.expect(_SECONDS)
    return now


def part(snapshot: Snapshot, reading: Callable[[Snapshot], T]) -> Part[T]:
    """What is read, or the error that it raises; others go on in the same state, until all took too long.

    Raises DatabaseUnavailable: nobody is there to be asked for the others.
    """
    if snapshot.age_seconds > _ALL_SECONDS:
        return Part(None, DatabaseError(_LATE))
    try:
        with snapshot.savepoint():
            return Part(reading(snapshot))
    except (StatementTimeout, LockTaken) as error:
        why = DatabaseError(_HELD if isinstance(error, LockTaken) else _SLOW)
        why.__cause__ = error
        return Part(None, why)
    except DatabaseUnavailable:
        raise
    except DatabaseError as error:
        return Part(None, error)


def asked(snapshot: Snapshot, name: str, **params: object) -> pl.DataFrame:
    """The rows of a query of the catalogue. Raises DatabaseError."""
    query = catalogue()[name]
    return snapshot.frame(own(query.sql), query.bind(params))


def own(sql: str) -> str:
    """A statement with the mark of those that look after the database."""
    return f"{OWN} {sql}\n{OWN}"

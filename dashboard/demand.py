"""What people ask, and how often: counted in memory, written to the database, so that it can be made ready."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, TypeAlias

import polars as pl

from dashboard.catalogue import catalogue
from dashboard.database import Database, Snapshot, Writer
from dashboard.errors import ParameterError
from dashboard.window import Span

# Of one process. Further ones are not counted until the next day: people ask some hundred, programs anything.
MOST_QUESTIONS_A_DAY = 1_000
MOST_CHARACTERS = 1_000  # of the parameters of a question
RETENTION_DAYS = 14

# What is written are the day's reads so far: see telemetry.
_WRITE = """
INSERT INTO dashboard.asked_questions
SELECT * FROM jsonb_populate_recordset(NULL::dashboard.asked_questions, %(rows)s::jsonb)
ON CONFLICT (day, process, question) DO UPDATE SET reads = excluded.reads
"""
_PRUNE = "DELETE FROM dashboard.asked_questions WHERE day <= (now() AT TIME ZONE 'UTC')::date - %(days)s"
_FORGET = """
DELETE FROM dashboard.asked_questions
WHERE query = %(query)s AND params = %(params)s::jsonb AND (days IS NULL) = %(is_without_days)s
"""

Params: TypeAlias = tuple[tuple[str, object], ...]
Read: TypeAlias = tuple[str, Span | None, Params]


@dataclass(slots=True, eq=False)
class _Asked:
    """The reads of one question on one day; ``written`` are those that were written last."""

    row: dict[str, Any]
    reads: int = 0
    written: int = 0


class Demand:
    """The questions of one process on one day. Any thread may count, and none waits for the database."""

    def __init__(self, process: str, clock: Callable[[], float]) -> None:
        self._process, self._clock = process, clock
        self._counting = threading.Lock()
        self._flushing = threading.Lock()
        self._uncounted = _Asked({})
        self._begin(self._today())

    def count(self, read: Read, watermark: date | None, reads: int = 1) -> None:
        """Count reads that were answered.

        ``watermark`` is the last complete day of the data, as its reader knows it.
        """
        key = (read, watermark)
        with self._counting:
            asked = self._asked.get(key) or self._entered(key)
            asked.reads += reads

    def flush(self, database: Database) -> int:
        """Write what is not yet written; the number of rows. Raises DatabaseError, and then keeps it.

        A day goes on until it is written, also past midnight.
        """
        with self._flushing:
            today = self._today()
            taken = [(one, one.reads) for one in list(self._of_digest.values()) if one.reads > one.written]
            if taken:
                rows = [one.row | {"day": str(self._day), "reads": reads} for one, reads in taken]
                with database.quick_writer() as writer:
                    writer.execute(_WRITE, {"rows": json.dumps(rows)})
            for one, reads in taken:
                one.written = reads
            if today > self._day:
                with self._counting:
                    self._begin(today)
            return len(taken)

    def _begin(self, day: date) -> None:
        self._day = day
        self._asked: dict[tuple[Read, date | None], _Asked] = {}
        self._of_digest: dict[str, _Asked] = {}

    def _entered(self, key: tuple[Read, date | None]) -> _Asked:
        """What a question is counted in that was not yet asked in just these terms."""
        (query, span, params), watermark = key
        if len(self._asked) >= MOST_QUESTIONS_A_DAY or (written := written_params(params)) is None:
            return self._uncounted
        days = span and f"[{span.start},{span.end})"
        told_apart = json.dumps([query, written, days, str(watermark)])
        digest = blake2b(told_apart.encode(), digest_size=16).hexdigest()
        row = {
            "process": self._process,
            "question": digest,
            "query": query,
            "params": json.loads(written),
            "days": days,
            "watermark": watermark and str(watermark),
        }
        asked = self._asked[key] = self._of_digest.setdefault(digest, _Asked(row))
        return asked

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()


def asked_most(snapshot: Snapshot, past_days: int, top: int) -> pl.DataFrame:
    """What people asked in the last ``past_days``, UTC and counting today, over all processes; the most read first.

    Columns: ``query``, ``params`` (String, for ``restored_params``), ``first_day`` and ``end_day`` (Date, the
    half-open range, null without one), ``watermark`` (Date, null if the range was counted from none), ``reads``
    (Int64).
    """
    query = catalogue()["ops/asked_questions"]
    return snapshot.frame(query.sql, query.bind({"past_days": past_days, "top": top}))


def forget(database: Database, questions: Iterable[tuple[str, str, bool]]) -> None:
    """Delete what was asked of queries with parameters, as ``asked_most`` has them, for days or without any."""
    with database.writer() as writer:
        for query, params, has_days in questions:
            writer.execute(_FORGET, {"query": query, "params": params, "is_without_days": not has_days})


def prune(writer: Writer) -> int:
    """Delete what was asked more than ``RETENTION_DAYS`` ago."""
    return writer.execute(_PRUNE, {"days": RETENTION_DAYS})


def written_params(params: Params) -> str | None:
    """Parameters as JSON, from which the same cache keys can be made; None if they are too large, or of other types."""
    try:
        text = json.dumps({name: _written(value) for name, value in params}, sort_keys=True)
    except TypeError:
        return None
    return text if len(text) <= MOST_CHARACTERS else None


def restored_params(text: str) -> dict[str, object]:
    """What was written; a member of an enumeration comes back as its value. Raises ParameterError for anything else."""
    with _restoring(text):
        return {name: _restored(value) for name, value in json.loads(text).items()}


def written_values(values: Sequence[object]) -> str | None:
    """What a statement's parameters are, as JSON; None if they are too large, or of other types."""
    try:
        text = json.dumps([_written(tuple(one) if isinstance(one, list) else one) for one in values])
    except TypeError:
        return None
    return text if len(text) <= MOST_CHARACTERS else None


def restored_values(text: str) -> list[object]:
    """What was written, lists as lists. Raises ParameterError for anything else."""
    with _restoring(text):
        found = [_restored(value) for value in json.loads(text)]
    return [list(value) if isinstance(value, tuple) else value for value in found]


@contextmanager
def _restoring(text: str) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ParameterError(f"The parameters {text} can't be read: another program wrote them.") from error


def _written(value: object) -> object:
    match value:
        case str() | tuple() if len(value) > MOST_CHARACTERS:
            raise TypeError("too large")
        case None | bool() | int() | str():
            return value
        case tuple():
            return [_written(item) for item in value]
        case float():
            return {"float": value.hex()}
        case Decimal():
            return {"decimal": str(value)}
        case datetime():  # before date, which it is a kind of
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case _:
            raise TypeError(type(value))


_TYPES: dict[str, Callable[[str], object]] = {
    "float": float.fromhex,
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
}


def _restored(value: object) -> object:
    match value:
        case list():
            return tuple(_restored(item) for item in value)
        case dict():
            [(kind, text)] = value.items()
            return _TYPES[kind](text)
        case _:
            return value

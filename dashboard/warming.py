"""Makes ready, after a refresh, the answers that people read most."""

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

from dashboard import demand
from dashboard.cache.null import NullCache
from dashboard.data import DATABASE, STALE, Asked, Data, Extent
from dashboard.data.question import question
from dashboard.database import Cancellation
from dashboard.errors import (
    DatabaseError,
    DatabaseUnavailable,
    DaybookError,
    ParameterError,
    StatementCancelled,
    UnknownQuery,
)
from dashboard.versions import read_versions
from dashboard.window import Span, moved

log = logging.getLogger(__name__)

PAST_DAYS = 7
MOST_QUESTIONS = 300  # if nothing has changed, they take some 20 ms
_MOST_ROWS = 1_000  # yesterday's last 28 days and today's are two rows, and one question

_Outcome: TypeAlias = Literal["cached", "computed", "failed", "unreachable"]


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What became of the questions, in numbers.

    ``asked`` is the sum of those whose answer was ``cached`` already, ``computed``, or ``failed``. For those
    ``left_out`` there was no time, or no database any more. ``forgotten`` are those of queries that are gone, or take
    other parameters by now.
    """

    asked: int = 0
    cached: int = 0
    computed: int = 0
    failed: int = 0
    left_out: int = 0
    forgotten: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.asked:,} questions in {self.seconds:.2f} s: {self.cached:,} were cached, "
            f"{self.computed:,} computed, {self.failed:,} failed. "
            f"{self.left_out:,} left out, {self.forgotten:,} forgotten."
        )


class _Counted(NamedTuple):
    """A question, the last complete day that its range was counted from, and how often it was asked."""

    asked: Asked
    watermark: date | None
    reads: int


def warm_up(
    data: Data,
    *,
    budget_seconds: float,
    cancellation: Cancellation | None = None,
    queries: Collection[str] | None = None,
) -> WarmUp:
    """Read what people asked most in the last ``PAST_DAYS``, as they would ask it now, so that it is cached.

    One read at a time, the most frequent first, and none is begun after ``budget_seconds``; the one under way ends as
    any other does, at the latest by ``statement_timeout_seconds``, since people may be waiting for it by now. One that
    fails does not stop the others; a database that can't be reached any more does. They count as nobody's reads.
    Of ``queries`` only, if there are any given.
    Raises DatabaseError if it can't be read what people asked, and StatementCancelled once it is given up.
    """
    started = time.monotonic()
    cancellation = cancellation or Cancellation()
    if any(isinstance(backend, NullCache) for backend in data.reader.levels.backends):
        return WarmUp()
    counted, gone = _counted(data)
    if queries is not None:
        counted = [one for one in counted if one.asked.query in queries]
    questions = _as_asked_now(counted, data.reading(is_asked=False).extent())[:MOST_QUESTIONS]
    outcomes: Counter[_Outcome] = Counter()
    for asked in questions:
        if time.monotonic() - started >= budget_seconds:
            break
        cancellation.check()
        outcome = _outcome(data, asked)
        if outcome == "unreachable":
            break
        outcomes[outcome] += 1
    return WarmUp(
        outcomes.total(),
        outcomes["cached"],
        outcomes["computed"],
        outcomes["failed"],
        len(questions) - outcomes.total(),
        gone,
        time.monotonic() - started,
    )


def _counted(data: Data) -> tuple[list[_Counted], int]:
    """What people asked and can still be asked, and how much else there was, which is forgotten."""
    with data.database.snapshot() as snapshot:
        # Otherwise it would be read at versions of before the refresh, for as long as this process knows no others.
        data.known.learn(read_versions(snapshot))
        rows = demand.asked_most(snapshot, PAST_DAYS, _MOST_ROWS)
    counted, gone = [], set()
    for query, params, first_day, end_day, watermark, reads in rows.iter_rows():
        span = Span(first_day, end_day) if first_day else None
        try:
            asked = question(data.catalogue[query], span, demand.restored_params(params)).asked
            counted.append(_Counted(asked, watermark, reads))
        except (UnknownQuery, ParameterError):
            gone.add((query, params, span is not None))
    if gone:
        with suppress(DatabaseError):  # who may not write meets them again
            demand.forget(data.database, gone)
    return counted, len(gone)


def _as_asked_now(counted: Iterable[_Counted], extent: Extent | None) -> list[Asked]:
    """The questions whose days are those that people see now, the most read first; then, as they were, the others.

    Somebody may have chosen, or kept the address of, the very days that a preset gave then.
    """
    now, then = Counter[Asked](), Counter[Asked]()
    for asked, watermark, reads in counted:
        then[asked] += reads
        for span in _spans_now(asked.span, watermark, extent):
            now[asked._replace(span=span)] += reads
    return [*dict.fromkeys(asked for counts in (now, then) for asked, _ in counts.most_common())]


def _spans_now(span: Span | None, watermark: date | None, extent: Extent | None) -> set[Span] | set[None]:
    if span is None:
        return {None}
    if watermark is None or extent is None:
        return {span}
    return moved(span, watermark, extent.watermark, extent.first_day)


def _outcome(data: Data, asked: Asked) -> _Outcome:
    try:
        frame = data.reading(is_asked=False).frame(asked.query, asked.span, **dict(asked.params))
    except DatabaseUnavailable:
        return "unreachable"
    except StatementCancelled:  # the data is being closed
        raise
    except DaybookError as error:
        log.warning("%s can't be made ready: %s", asked.query, error)
        return "failed"
    if frame.provenance.source == STALE:
        return "unreachable"
    return "computed" if frame.provenance.source == DATABASE else "cached"

"""Reads that are too large to be kept: through a cursor, past the cache, in one state of the data."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from dashboard.data.answer import DATABASE, ERROR, Provenance
from dashboard.data.question import Question
from dashboard.data.statement import Source
from dashboard.database import Cancellation
from dashboard.errors import DatabaseError, StatementCancelled
from dashboard.telemetry import Statistics
from dashboard.telemetry.statements import Course
from dashboard.versions import read_versions


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows in frames, of which there is one at least; how many they are in all; and where they come from."""

    frames: Iterator[pl.DataFrame]
    rows: int
    provenance: Provenance


@contextmanager
def streamed(
    source: Source, statistics: Statistics, asked: Question, count: str, cancellation: Cancellation
) -> Iterator[Stream]:
    """An answer, to be taken within the block; ``count`` is SQL of the same parameters that says how many rows."""
    values = asked.values_for(None)
    with (
        source.log.course(asked.query, values) as course,
        _counted(statistics, asked.query.name, course),
        source.database.long_snapshot(cancellation) as snapshot,
    ):
        course.placed()
        created = datetime.now(UTC)
        version = read_versions(snapshot).of(asked.query.tags)
        through = snapshot.frame(source.extent_sql)["last_day"][0]
        snapshot.tune(asked.query.settings)
        began = time.perf_counter()
        rows = snapshot.frame(count, values).item()
        counting_ms = (time.perf_counter() - began) * 1_000
        frames = snapshot.frames(asked.query.statement, values, name=asked.query.name)
        provenance = Provenance(DATABASE, version, created, through, 0.0, (asked.asked,))
        yield Stream(course.taking(values, frames, counting_ms), rows, provenance)


@contextmanager
def _counted(statistics: Statistics, query: str, course: Course) -> Iterator[None]:
    """Count what is read in the block as one read, past the cache; none if its reader gave it up, or failed."""
    started = time.perf_counter()

    def count(source: str) -> None:
        elapsed_ms = (time.perf_counter() - started) * 1_000
        statistics.record(query, source, elapsed_ms=elapsed_ms, spent_ms=course.spent_ms)

    try:
        yield
    except StatementCancelled:
        raise
    except DatabaseError:
        count(ERROR)
        raise
    count(DATABASE)

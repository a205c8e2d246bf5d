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
from dashboard.versions import read_versions


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows in frames, of which there is one at least; how many they are in all; and where they come from."""

    frames: Iterator[pl.DataFrame]
    rows: int
    provenance: Provenance


@dataclass(slots=True)
class Spent:
    """The time of the database for a read, without what is done with its rows meanwhile."""

    ms: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.ms += (time.perf_counter() - began) * 1_000

    def taking(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        while True:
            with self.timed():
                frame = next(frames, None)
            if frame is None:
                return
            yield frame


@contextmanager
def streamed(
    source: Source, asked: Question, count: str, cancellation: Cancellation, spent: Spent
) -> Iterator[Stream]:
    """An answer, to be taken within the block; ``count`` is SQL of the same parameters that says how many rows."""
    values = asked.values_for(None)
    with (
        source.log.course(asked.query, values) as course,
        source.database.long_snapshot(cancellation) as snapshot,
    ):
        course.placed()
        created = datetime.now(UTC)
        version = read_versions(snapshot).of(asked.query.tags)
        through = snapshot.frame(source.extent_sql)["last_day"][0]
        snapshot.tune(asked.query.settings)
        with spent.timed():
            rows = snapshot.frame(count, values).item()
        frames = snapshot.frames(asked.query.statement, values, name=asked.query.name)
        provenance = Provenance(DATABASE, version, created, through, 0.0, (asked.asked,))
        yield Stream(course.taking(values, spent.taking(frames), spent.ms), rows, provenance)


@contextmanager
def counted(statistics: Statistics, query: str) -> Iterator[Spent]:
    """Count what is read in the block as one read, past the cache; none if its reader gave it up, or failed."""
    started, spent = time.perf_counter(), Spent()

    def count(source: str) -> None:
        elapsed_ms = (time.perf_counter() - started) * 1_000
        statistics.record(query, source, elapsed_ms=elapsed_ms, spent_ms=spent.ms)

    try:
        yield spent
    except StatementCancelled:
        raise
    except DatabaseError:
        count(ERROR)
        raise
    count(DATABASE)

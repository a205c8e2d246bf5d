"""Reads what the cache lacks of one answer from the database, in one snapshot."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from dashboard.cache import Key, Value, runs
from dashboard.data.question import Part, Question
from dashboard.database import Cancellation, Database, Snapshot
from dashboard.telemetry.statements import Course, StatementLog
from dashboard.versions import KnownVersions, read_versions
from dashboard.window import Span


@dataclass(frozen=True, slots=True)
class Source:
    """Where statements run, who wants to know the versions that they saw, and who takes down the slow ones."""

    database: Database
    known: KnownVersions
    extent_sql: str
    log: StatementLog


class Statement:
    """The computation of the parts of one answer: one statement for each run of parts that adjoin."""

    def __init__(
        self, source: Source, question: Question, parts: Mapping[Key, Part], ttl_seconds: float
    ) -> None:
        self._source, self._question, self._parts = source, question, parts
        self._ttl_seconds = ttl_seconds
        self._cancellation = Cancellation()

    def run(self, keys: Sequence[Key]) -> dict[Key, Value]:
        """Rows and the version that they belong to, read in one snapshot."""
        parts = [self._parts[key] for key in keys]
        first = self._question.values_for(next(iter(_spans(parts)), None))
        with (
            self._source.log.course(self._question.query, first) as course,
            self._source.database.snapshot(self._cancellation) as snapshot,
        ):
            course.placed()
            created = datetime.now(UTC)
            versions = read_versions(snapshot)
            through: date | None = snapshot.frame(self._source.extent_sql)["last_day"][0]
            snapshot.tune(self._question.query.settings)
            rows = self._rows(snapshot, course, parts)
        self._source.known.learn(versions)
        return {
            key: Value(
                rows=rows[part][0],
                created=created,
                ttl_seconds=self._ttl_seconds,
                version=versions.of(self._question.query.tags, part or self._question.days),
                database_ms=rows[part][1],
                data_through=through,
            )
            for key in keys
            for part in [self._parts[key]]
        }

    def cancel(self) -> None:
        self._cancellation.cancel()

    def _rows(
        self, snapshot: Snapshot, course: Course, parts: Sequence[Part]
    ) -> dict[Part, tuple[pl.DataFrame, float]]:
        """Rows of each part, and its share of the statement's milliseconds."""
        spans = [part for part in parts if part is not None]
        if not spans:
            return dict.fromkeys(parts, self._timed(snapshot, course, None))
        found: dict[Part, tuple[pl.DataFrame, float]] = {}
        for run in _spans(parts):
            rows, database_ms = self._timed(snapshot, course, run)
            within = [span for span in spans if run.start <= span.start and span.end <= run.end]
            found |= {span: (self._cut(rows, span), database_ms / len(within)) for span in within}
        return found

    def _timed(self, snapshot: Snapshot, course: Course, part: Part) -> tuple[pl.DataFrame, float]:
        started = time.perf_counter()
        query, values = self._question.query, self._question.values_for(part)
        with course.running(values) as run:
            rows = snapshot.frame(query.statement, values)
            run.rows = len(rows)
        if query.categories:
            rows = rows.with_columns(pl.col(query.categories).cast(pl.Categorical))
        return rows, (time.perf_counter() - started) * 1_000

    def _cut(self, rows: pl.DataFrame, span: Span) -> pl.DataFrame:
        day = pl.col(self._question.query.split or "")
        return rows.filter((day >= span.start) & (day < span.end))


def _spans(parts: Sequence[Part]) -> list[Span]:
    """The ranges that statements are asked for: parts that adjoin, together."""
    return list(runs([part for part in parts if part is not None]))

"""Reads what the cache lacks of one answer from the database, in one snapshot."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from dashboard.cache import Key, Value, runs
from dashboard.data.question import Part, Question
from dashboard.database import Cancellation, Database, Snapshot
from dashboard.versions import KnownVersions, read_versions
from dashboard.window import Span


@dataclass(frozen=True, slots=True)
class Source:
    """Where statements run, and who wants to know the versions that they saw."""

    database: Database
    known: KnownVersions
    extent_sql: str


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
        with self._source.database.snapshot(self._cancellation) as snapshot:
            created = datetime.now(UTC)
            versions = read_versions(snapshot)
            through: date | None = snapshot.frame(self._source.extent_sql)["last_day"][0]
            rows = self._rows(snapshot, [self._parts[key] for key in keys])
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

    def _rows(self, snapshot: Snapshot, parts: Sequence[Part]) -> dict[Part, tuple[pl.DataFrame, float]]:
        """Rows of each part, and its share of the statement's milliseconds."""
        spans = [part for part in parts if part is not None]
        if not spans:
            return dict.fromkeys(parts, self._timed(snapshot, None))
        found: dict[Part, tuple[pl.DataFrame, float]] = {}
        for run in runs(spans):
            rows, database_ms = self._timed(snapshot, run)
            within = [span for span in spans if run.start <= span.start and span.end <= run.end]
            found |= {span: (self._cut(rows, span), database_ms / len(within)) for span in within}
        return found

    def _timed(self, snapshot: Snapshot, part: Part) -> tuple[pl.DataFrame, float]:
        started = time.perf_counter()
        query = self._question.query
        rows = snapshot.frame(query.sql, self._question.values_for(part))
        if query.categories:
            rows = rows.with_columns(pl.col(query.categories).cast(pl.Categorical))
        return rows, (time.perf_counter() - started) * 1_000

    def _cut(self, rows: pl.DataFrame, span: Span) -> pl.DataFrame:
        day = pl.col(self._question.query.split or "")
        return rows.filter((day >= span.start) & (day < span.end))

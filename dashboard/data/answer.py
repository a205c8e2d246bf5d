"""What a read gives: rows, and where they come from."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from dashboard.window import Span

DATABASE, STALE, ERROR = "database", "stale", "error"


class Asked(NamedTuple):
    """A read, so that it can be asked again."""

    query: str
    span: Span | None
    params: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer comes from: ``source`` is ``database``, the name of a cache, or ``stale``.

    Stale is an answer of before that is served because the database does not answer; parts of it may be of
    newer versions than the one it names, which is the oldest part's. ``database_ms`` is
    what its rows took in the database, now or then. ``data_through`` is the last business day with an order
    in the state of the data that they were read from. ``computed_at`` is that of their oldest part.
    """

    source: str
    version: int
    computed_at: datetime
    data_through: date | None
    database_ms: float
    asked: tuple[Asked, ...]

    @property
    def queries(self) -> tuple[str, ...]:
        """Names of the queries that the answer stands on, each once."""
        return tuple(dict.fromkeys(asked.query for asked in self.asked))

    @staticmethod
    def merged(*parts: "Provenance") -> "Provenance":
        """Of an answer put together from several: stale if any part is, else read from the database if any is."""
        oldest = min(parts, key=lambda part: part.computed_at)
        sources = {part.source for part in parts}
        worst = next((source for source in (STALE, DATABASE) if source in sources), oldest.source)
        return replace(
            oldest,
            source=worst,
            version=min(part.version for part in parts),
            database_ms=sum(part.database_ms for part in parts),
            asked=tuple(dict.fromkeys(asked for part in parts for asked in part.asked)),
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows, and where they come from."""

    rows: pl.DataFrame
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Extent:
    """First and last business day with an order."""

    first_day: date
    last_day: date

    @property
    def watermark(self) -> date:
        """The last complete business day in the data: today is not over."""
        return min(self.last_day, date.today() - timedelta(days=1))  # noqa: DTZ011 - business-local

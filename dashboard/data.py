"""The one door through which pages, commands, reports and exports read."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from dashboard import embedded, schema
from dashboard.cache import Backend, Key, Miss, Value, key, open_cache
from dashboard.catalogue import Catalogue, Query, catalogue
from dashboard.database import Database
from dashboard.errors import DatabaseUnavailable, ParameterError
from dashboard.settings import Settings
from dashboard.versions import KnownVersions, read_versions, version_of
from dashboard.window import Span

DATABASE, STALE = "database", "stale"
EVER = Span(date(1, 1, 1), date(9999, 12, 31))
_DAYS = "business/data_span"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer comes from: ``source`` is ``database``, the name of a cache, or ``stale``.

    Stale is an answer past its lifetime that is served because the database does not answer.

    ``data_through`` is the last business day with an order in the state of the data that it was read from.
    """

    source: str
    version: int
    computed_at: datetime
    data_through: date | None
    database_ms: float
    queries: tuple[str, ...]

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
            queries=tuple(dict.fromkeys(name for part in parts for name in part.queries)),
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


class Data:
    """Answers to the catalogue's queries, from the cache where it has them."""

    def __init__(self, known: Catalogue, database: Database, cache: Backend, settings: Settings) -> None:
        self.catalogue = known
        self.database = database
        self.cache = cache
        self._settings = settings
        self._versions = KnownVersions(database, settings.versions_poll_seconds)

    def frame(self, name: str, span: Span | None = None, /, **params: object) -> Frame:
        """The answer to a query, its columns as the query's file names them; stale while the database is down.

        ``span`` fills the parameters start and end; a query that has them and gets none answers for all
        days, and one that has none takes none. Raises UnknownQuery, ParameterError, and DatabaseError when
        the answer is not in the cache and can't be had.
        """
        query = self.catalogue[name]
        values = query.bind(_window_parameters(query, span) | params)
        asked = self._key(query, values, self._versions.of(query.reads))
        [found] = self.cache.get_many([asked])
        if isinstance(found, Value):
            return Frame(found.rows, _provenance(query, found, self.cache.name))
        try:
            value = self._compute(query, values, found)
        except DatabaseUnavailable:
            if found.stale is None:
                raise
            return Frame(found.stale.rows, _provenance(query, found.stale, STALE))
        self.cache.set_many({self._key(query, values, value.version): value})
        return Frame(value.rows, _provenance(query, value, DATABASE))

    def extent(self) -> Extent | None:
        """Which days there is data for; None while there is not an order."""
        first_day, last_day = self.frame(_DAYS).rows.row(0)
        return Extent(first_day, last_day) if first_day else None

    def check(self) -> None:
        """Raises DatabaseError unless the database can be read now."""
        with self.database.snapshot() as snapshot:
            snapshot.frame(self.catalogue[_DAYS].sql)

    def _key(self, query: Query, values: tuple[Any, ...], version: int) -> Key:
        return key(query.name, query.sql, values, version)

    def _compute(self, query: Query, values: tuple[Any, ...], miss: Miss) -> Value:
        """Rows and the version they belong to, read in one snapshot."""
        with self.database.snapshot() as snapshot:
            created = datetime.now(UTC)
            versions = read_versions(snapshot)
            through = snapshot.frame(self.catalogue[_DAYS].sql)["last_day"][0]
            started = time.perf_counter()
            rows = snapshot.frame(query.sql, values)
            database_ms = (time.perf_counter() - started) * 1_000
        self._versions.learn(versions)
        return Value(
            rows=rows,
            generation=miss.generation,
            created=created,
            ttl_seconds=self._settings.ttl_seconds(query.ttl),
            version=version_of(query.reads, versions),
            database_ms=database_ms,
            data_through=through,
        )


@contextmanager
def opened(settings: Settings) -> Iterator[Data]:
    """The data that the settings name, ready to be read: its database migrated, its queries checked."""
    with closing(open_cache(settings)) as cache, connected(settings) as database:
        schema.prepare(database)
        yield Data(catalogue(), database, cache, settings)


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """The database that the settings name, as it stands; starts the bundled PostgreSQL if they name none."""
    with ExitStack() as stack:
        url = settings.database_url and settings.database_url.get_secret_value()
        database = Database(url or stack.enter_context(embedded.running(settings.data_dir)), settings)
        stack.callback(database.close)
        yield database


def _window_parameters(query: Query, span: Span | None) -> dict[str, object]:
    days = {"start": (span or EVER).start, "end": (span or EVER).end}
    taken: dict[str, object] = {name: day for name, day in days.items() if name in query.params}
    if span and not taken:
        raise ParameterError(f"{query.name} is not about a range of days: ask it without start and end.")
    return taken


def _provenance(query: Query, value: Value, source: str) -> Provenance:
    return Provenance(
        source, value.version, value.created, value.data_through, value.database_ms, (query.name,)
    )

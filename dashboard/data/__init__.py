"""The one door through which pages, commands, reports and exports read."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache

from dashboard import embedded, schema
from dashboard.cache import Backend, Reader, open_levels
from dashboard.catalogue import Catalogue, Query, catalogue
from dashboard.data.answer import DATABASE, ERROR, STALE, Asked, Extent, Frame, Provenance
from dashboard.data.cached import Cached, P, R
from dashboard.data.computed import Computed, Sourced
from dashboard.data.gathering import Found, Gatherer, cut
from dashboard.data.question import EVER, Question, question
from dashboard.data.reading import DAYS, Reading
from dashboard.data.shown import Shown
from dashboard.data.statement import Source
from dashboard.data.streaming import Stream, streamed
from dashboard.database import Cancellation, Database
from dashboard.errors import DatabaseUnavailable
from dashboard.settings import Settings
from dashboard.telemetry import Statistics, flushing
from dashboard.versions import KnownVersions, Versions, invalidate, listening, read_versions
from dashboard.window import Span

__all__ = [
    "DATABASE",
    "EVER",
    "STALE",
    "Asked",
    "Cached",
    "Data",
    "Extent",
    "Frame",
    "Provenance",
    "Reading",
    "Shown",
    "Sourced",
    "Stream",
    "connected",
    "cut",
    "opened",
]

log = logging.getLogger(__name__)

_COMPUTED_PART = 8  # of as much memory as the cache may take, besides


class Data:
    """Answers to the catalogue's queries, from the cache where it has them."""

    def __init__(
        self,
        known: Catalogue,
        database: Database,
        backends: Sequence[Backend],
        settings: Settings,
        while_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self.catalogue = known
        self.database = database
        self.known = KnownVersions(database, settings.versions_poll_seconds)
        self.reader = Reader(backends, settings, while_waiting)
        self.statistics = Statistics(slow_seconds=settings.slow_statement_seconds)
        self.renewals = 0  # after each, what was derived from answers is derived anew
        # Checking a question takes as long as finding its answer in memory.
        self.plain_question = lru_cache(4_096)(lambda name, span: question(known[name], span, {}))
        self.settings = settings
        self.computed = Computed(settings.cache_memory_max_bytes // _COMPUTED_PART)
        self._source = Source(database, self.known, known[DAYS].sql, self.statistics.statements)
        self._gatherer = Gatherer(self.reader, self._source)

    def reading(self, *, is_asked: bool = True) -> Reading:
        """Reads that see one set of versions; those that nobody asked for are not counted."""
        return Reading(self, is_asked=is_asked)

    def frame(
        self, name: str, span: Span | None = None, is_fresh: bool = False, /, **params: object
    ) -> Frame:
        """One read by itself: see Reading."""
        return self.reading().frame(name, span, is_fresh, **params)

    @contextmanager
    def stream(
        self, query: Query, count: str, span: Span, cancellation: Cancellation, /, **params: object
    ) -> Iterator[Stream]:
        """The answer to a query, for an export of any size: in frames, past the cache, to be taken within the block.

        ``count`` is SQL of the same parameters that says how many rows there are.
        """
        asked = question(query, span, params)
        with streamed(self._source, self.statistics, asked, count, cancellation) as stream:
            yield stream

    def extent(self) -> Extent | None:
        """Which days there is data for; None while there is not an order."""
        return self.reading().extent()

    def invalidate(self, tag: str) -> None:
        """Never again use what was cached until now under a tag, or ``prefix*``: see versions.invalidate.

        Other processes follow within ``versions_poll_seconds``.
        """
        invalidate(self.database, tag)
        self.known.expire()
        # A thread may be asking for versions since before: then none that asks now would wait for it.
        with self.database.snapshot() as snapshot:
            self.known.learn(read_versions(snapshot))

    def cached(self, *, ttl: float, prefix: str) -> Callable[[Callable[P, R]], Cached[P, R]]:
        """Decorate a function, plain or async, so that its results are cached: see Cached.

        ``ttl`` is their lifetime in seconds. ``prefix`` is the tag that they are counted and invalidated under.
        """
        return lambda function: Cached(lambda: self, function, ttl, prefix)

    def check(self) -> None:
        """Raises DatabaseError unless the database can be read now."""
        with self.database.snapshot() as snapshot:
            snapshot.frame(self.catalogue[DAYS].sql)

    def find(self, asked: Question, versions: Versions, *, is_fresh: bool) -> Found:
        ttl_seconds = self.settings.ttl_seconds(asked.query.ttl)
        return self._gatherer.find(asked, versions, ttl_seconds, is_fresh=is_fresh)

    def last_good(self, asked: Question, error: DatabaseUnavailable) -> Found:
        return self._gatherer.last_good(asked, error)

    def record(self, tag: str, found: Found | None, started: float) -> None:
        """Count a call of a cached function that began at ``started``, or a read; None is one that failed."""
        elapsed_ms = self.timed(tag, found, started)
        if found is None:
            self.statistics.record(tag, ERROR, elapsed_ms=elapsed_ms)
            return
        self.statistics.record(
            tag,
            found.source,
            found.reason,
            elapsed_ms=elapsed_ms,
            size_bytes=int(found.value.rows.estimated_size()),
            spent_ms=found.spent_ms,
            saved_ms=found.saved_ms,
            is_coalesced=found.is_coalesced,
        )

    def timed(self, tag: str, found: Found | None, started: float) -> float:
        """The milliseconds that a read took, which the log is told as well."""
        elapsed_ms = (time.perf_counter() - started) * 1_000
        if log.isEnabledFor(logging.DEBUG):
            told = {"query": tag, "source": found.source if found else ERROR}
            why = {"reason": str(found.reason)} if found and found.reason else {}
            log.debug("read", extra={**told, **why, "elapsed_ms": round(elapsed_ms, 3)})
        return elapsed_ms

    def close(self) -> None:
        """Cancel what is being read, and let go of the cache."""
        self.reader.close()


@contextmanager
def opened(settings: Settings, while_waiting: Callable[[], None] = lambda: None) -> Iterator[Data]:
    """The data that the settings name, ready to be read: its database migrated, its queries checked.

    ``while_waiting`` is called about 20 times a second in the thread of who waits for an answer; what it
    raises ends the waiting, and cancels the statement if nobody else waits for it.
    """
    levels = open_levels(settings)  # raises for a bad address before anything is started
    with connected(settings) as database:
        schema.prepare(database, settings.change_tracking, is_bundled=settings.database_url is None)
        with (
            closing(Data(catalogue(), database, levels, settings, while_waiting)) as data,
            flushing(data.statistics, database, settings),
            listening(database, data.known),
        ):
            yield data


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """The database that the settings name, as it stands; starts the bundled PostgreSQL if they name none."""
    with ExitStack() as stack:
        url = settings.database_url and settings.database_url.get_secret_value()
        database = Database(url or stack.enter_context(embedded.running(settings.data_dir)), settings)
        stack.callback(database.close)
        yield database

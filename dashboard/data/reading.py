"""Reads that belong together: all of them see one set of versions."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from dashboard.cache import Key, Part, Value, key
from dashboard.catalogue import Catalogue, Query
from dashboard.data.answer import DATABASE, STALE, Asked, Extent, Frame, Provenance
from dashboard.data.computed import S
from dashboard.data.gathering import Found
from dashboard.data.question import Question, question
from dashboard.data.shown import Shown
from dashboard.errors import DatabaseUnavailable, DataMoved, DaybookError
from dashboard.settings import Settings
from dashboard.telemetry import Seen, Told
from dashboard.versions import Versions
from dashboard.window import Span

if TYPE_CHECKING:
    from dashboard.data import Data

# So often is an answer put together anew because its data got a new version meanwhile.
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.05

DAYS = "business/data_span"


class Reading:
    """The reads of one page, or of one report: what they answer fits together.

    Not for several threads. Ask for a new one each time that things are to be read anew.
    """

    def __init__(self, data: "Data", *, is_asked: bool = True) -> None:
        self._data = data
        self._is_asked = is_asked
        self._watermark: date | None = None
        self._versions: Versions | None = None
        self._seen: dict[tuple[tuple[str, ...], Span | None], int] = {}
        self._asked: dict[tuple[tuple[str, ...], Span | None], int] = {}  # also what could not be had
        self._extents: set[Extent | None] = set()
        self._newest = 0

    @property
    def catalogue(self) -> Catalogue:
        return self._data.catalogue

    @property
    def settings(self) -> Settings:
        return self._data.settings

    def frame(
        self, name: str, span: Span | None = None, is_fresh: bool = False, /, **params: object
    ) -> Frame:
        """The answer to a query, its columns as the query's file names them; stale while the database is down.

        ``span`` fills the parameters start and end; a query that has them and gets none answers for all
        days, and one that has none takes none. ``is_fresh`` asks the database, whatever the cache has.
        Raises UnknownQuery, ParameterError, DatabaseError when the answer is not in the cache and can't be
        had, and DataMoved when it would be of newer data than what this reading has answered before.
        """
        if not params:
            return self._answer(self._data.plain_question(name, span), is_fresh=is_fresh)
        return self._answer(question(self.catalogue[name], span, params), is_fresh=is_fresh)

    def answer(self, query: Query, span: Span | None = None, /, **params: object) -> Frame:
        """The answer to a query that is not in the catalogue, as ``frame`` gives those that are."""
        if renewals := self._data.renewals:
            query = replace(query, sql=f"{query.sql}\n-- read anew {renewals}")
        return self._answer(question(query, span, params), is_fresh=False)

    def kept(
        self,
        tag: str,
        identity: tuple[Part, ...],
        reads: tuple[str, ...],
        spans: tuple[Span, ...],
        compute: Callable[[], S],
    ) -> S:
        """What is computed of answers of this reading, once for each state of these days; kept in this process.

        ``identity`` is all that it depends on besides the relations, or the queries, in ``reads``.
        """
        versions = self._readable()
        if versions is None or self.settings.cache == "null":
            return compute()
        known = {span: versions.of(reads, span) for span in spans}
        states = tuple((span.start, span.end, version) for span, version in known.items())
        place = key(tag, self._data.renewals, *identity, *states)
        found: S | None = self._data.computed.get(place)
        if found is not None and self._is_young(found.provenance):
            self._seen |= {(reads, span): version for span, version in known.items()}
            return replace(found, provenance=replace(found.provenance, source=self._memory))  # type: ignore[type-var]
        computed = compute()
        if self._versions is versions and computed.provenance.source != STALE:
            self._data.computed.keep(place, computed)
        return computed

    def _readable(self) -> Versions | None:
        """The versions that answers are of; None while they can't be known, and the last good answers are read."""
        try:
            return self._versions or self._move()
        except DatabaseUnavailable:
            return None

    def _is_young(self, source: Provenance) -> bool:
        """Whether what it is of would not be renewed by now."""
        soft_seconds = self.settings.ttl_seconds("analytics") * self.settings.cache_soft_share
        return (datetime.now(UTC) - source.computed_at).total_seconds() < soft_seconds

    @property
    def _memory(self) -> str:
        return self._data.reader.levels.backends[0].name

    def derived(
        self,
        tag: str,
        identity: tuple[Part, ...],
        sources: tuple[str, ...],
        reads: tuple[str, ...],
        parts: Sequence[Span],
        compute: Callable[[Sequence[Span]], Mapping[Span, Frame]],
    ) -> list[Frame]:
        """What is computed from answers of this reading, a frame for each range of days, kept in memory.

        ``identity`` is all that it depends on besides the relations in ``reads``; ``sources`` are the queries of the
        catalogue that are asked for it. ``compute`` is given the parts that are missing.
        """
        keys = {part: key(tag, self._data.renewals, *identity, part.start, part.end) for part in parts}
        found: dict[Span, Frame] = {}
        versions = self._readable()
        for part in parts:
            if versions is None:
                break
            value = self._data.reader.recall(keys[part].at(versions.of(reads, part)))
            if value is not None:
                asked = tuple(Asked(name, part, ()) for name in sources)
                found[part] = self._recalled(value, asked)
                self._seen[reads, part] = value.version
        if missing := [part for part in parts if part not in found]:
            for part, frame in compute(missing).items():
                self._remember(keys[part], reads, part, frame)
                found[part] = frame
        return [found[part] for part in parts]

    def _remember(self, of: Key, reads: tuple[str, ...], part: Span, frame: Frame) -> None:
        """Keep what was computed of answers of one state, which is known unless the database is away."""
        source = frame.provenance
        if self._versions is not None and source.source != STALE:
            version = self._versions.of(reads, part)
            ttl_seconds = self.settings.ttl_seconds("analytics")
            value = Value(
                frame.rows, source.computed_at, ttl_seconds, version, source.database_ms, source.data_through
            )
            self._data.reader.levels.remember(of.at(version), value)

    def _recalled(self, value: Value, asked: tuple[Asked, ...]) -> Frame:
        return Frame(
            value.rows,
            Provenance(
                self._memory, value.version, value.created, value.data_through, value.database_ms, asked
            ),
        )

    def _answer(self, asked: Question, *, is_fresh: bool) -> Frame:
        started = time.perf_counter()
        try:
            found, versions = self._found(asked, is_fresh=is_fresh)
        except DaybookError:
            if self._is_asked:
                self._data.record(asked.query.name, None, started)
            raise
        self._count(asked, found, versions, is_fresh, started)
        value = found.value
        return Frame(
            value.rows.clone(),  # the caller may change it in place
            Provenance(
                found.source,
                value.version,
                value.created,
                value.data_through,
                value.database_ms,
                (asked.asked,),
            ),
        )

    def _count(
        self, asked: Question, found: Found, versions: Versions | None, is_fresh: bool, started: float
    ) -> None:
        data, watermark = self._data, self._watermark if asked.asked.span else None
        elapsed_ms = data.timed(asked.query.name, found, started) if self._is_asked else 0.0
        what = found.name or (asked.key(asked.span, versions) if versions else asked.whole(asked.span))
        alike = (what, versions and versions.newest, is_fresh, self._is_asked, watermark, found[1:6])
        of = (asked, found, versions, is_fresh, watermark)
        data.statistics.tallies.count(alike, elapsed_ms, self._told, of)

    def _told(self, of: tuple[Question, Found, Versions | None, bool, date | None]) -> Told:
        """What is told of a read, and of those that are like it. Without versions it was a stale one."""
        asked, found, versions, is_fresh, watermark = of
        name, rows, seen = asked.query.name, found.value.rows, None
        if versions:
            is_hit = found.source != DATABASE
            question = asked.recorded(versions)
            seen = Seen(question, versions.newest, is_fresh, is_hit, found.value.database_ms)
        # Others can't be asked by their names.
        demand = (asked.asked, watermark) if name in self.catalogue.queries else None
        return Told(name, *found[1:6], int(rows.estimated_size()), self._is_asked, demand, seen)

    def extent(self) -> Extent | None:
        """Which days there is data for; None while there is not an order."""
        first_day, last_day = self.frame(DAYS).rows.row(0)
        extent = Extent(first_day, last_day) if first_day else None
        self._watermark = extent.watermark if extent else None
        self._extents.add(extent)
        return extent

    def shown(self) -> Shown:
        """What was answered until now, to be compared with what would be answered later.

        Most changes change no extent, so this counts as what it is, not as its version.
        """
        looks_at = self.catalogue[DAYS].tags
        parts = [(*part, at) for part, at in (self._asked | self._seen).items() if part != (looks_at, None)]
        return Shown(self._newest, tuple(self._extents), tuple(parts))

    def is_outdated(self) -> bool:
        """Whether this would be answered with something newer now, as far as the process knows."""
        versions = self._data.known.current()
        return self.shown().is_outdated(versions, self._data.reading(is_asked=False).extent())

    def renew(self, reads: tuple[Asked, ...]) -> None:
        """Ask the database for these reads, whatever the cache has; for others than the catalogue's when asked next."""
        self._data.renewals += 1
        for name, span, params in reads:
            if name in self.catalogue.queries:
                self.frame(name, span, True, **dict(params))

    def _found(self, asked: Question, *, is_fresh: bool) -> tuple[Found, Versions | None]:
        """An answer, and the versions with which it was found: None if it is the last good one."""
        earlier: Found | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(attempt * _PAUSE_SECONDS)  # for a replica that lags behind
            try:
                versions = self._versions or self._move()
            except DatabaseUnavailable as error:
                return self._data.last_good(asked, error), None
            self._newest = versions.newest
            self._asked[asked.query.tags, asked.days] = versions.of(asked.query.tags, asked.days)
            found = self._data.find(asked, versions, is_fresh=is_fresh)
            if found.source == STALE:
                return found, None
            found = found.after(earlier)
            if not found.is_as_asked:
                self._versions = None
            if found.is_of_one_state and (found.is_as_asked or not self._seen):
                self._seen[asked.query.tags, asked.days] = found.value.version
                return found, versions
            earlier = found
        raise DataMoved("The data changed again and again while it was read. Try again in a moment.")

    def _move(self) -> Versions:
        """Go on with the newest versions, if all that was answered before is of those, too."""
        newest = self._data.known.current()
        if any(newest.of(tags, span) != version for (tags, span), version in self._seen.items()):
            raise DataMoved("The data got a new version while this was read. Read it again.")
        self._versions = newest
        return newest

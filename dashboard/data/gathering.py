"""Puts an answer together, in one state of the data, from what the cache has and what it lacks."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import polars as pl

from dashboard.cache import Hit, Key, Reader, Value
from dashboard.data.answer import DATABASE, STALE
from dashboard.data.question import Part, Question, parts_of
from dashboard.data.statement import Source, Statement
from dashboard.errors import DatabaseUnavailable
from dashboard.versions import Versions
from dashboard.window import Span

# A larger answer is not kept beside its blocks: putting it together again is quick against using it.
_KEPT_WHOLE_BYTES = 256 * 1024

_BYPASS = "bypass"


class Found(NamedTuple):
    """An answer, how it was come by, and the milliseconds that it cost the database, or saved it."""

    value: Value
    source: str
    reason: str = ""
    is_coalesced: bool = False
    spent_ms: float = 0.0
    saved_ms: float = 0.0
    is_of_one_state: bool = True  # else the data got a new version while the answer was put together
    is_as_asked: bool = True  # else it is of a newer state, if of one
    name: Key | None = None  # of the whole answer, if it was found by that

    def after(self, earlier: "Found | None") -> "Found":
        """With what an earlier attempt cost, which read the database and found a newer state there."""
        if earlier is None:
            return self
        spent_ms = earlier.spent_ms + self.spent_ms
        return self._replace(
            source=DATABASE,
            reason=earlier.reason,
            is_coalesced=not spent_ms,
            spent_ms=spent_ms,
            saved_ms=max(0.0, self.saved_ms - earlier.spent_ms),
        )


class Gatherer:
    """Finds answers through the cache's reader, and has the database asked for what is missing."""

    def __init__(self, reader: Reader, source: Source) -> None:
        self.reader, self.source = reader, source

    def find(
        self, question: Question, versions: Versions, ttl_seconds: float, *, is_fresh: bool = False
    ) -> Found:
        """The answer in this state of the data, or in a newer one if there is one by now.

        If its parts are of several states the caller tries again. Raises DatabaseError. While the database is
        unreachable the last good answer is found.
        """
        whole = question.key(question.span, versions)
        if not is_fresh and (value := self.reader.recall(whole)) is not None:
            return Found(value, self.reader.levels.backends[0].name, saved_ms=value.database_ms, name=whole)
        gathering = _Gathering(self, question, versions, ttl_seconds)
        try:
            gathering.gather(is_fresh=is_fresh)
        except DatabaseUnavailable as error:
            return self.last_good(question, error)
        found = gathering.found()
        if question.span and found.is_of_one_state and found.value.rows.estimated_size() <= _KEPT_WHOLE_BYTES:
            self.reader.levels.remember(whole.at(found.value.version), found.value)
        return found

    def last_good(self, question: Question, error: DatabaseUnavailable) -> Found:
        """The last good answer, of whatever version; without one, the error that made us look for it."""
        parts = question.parts()
        smaller = {part: parts_of(part) for part in parts}
        keys = {
            part: question.whole(part)
            for part in {*parts, *(one for ones in smaller.values() for one in ones)}
        }
        good = self.reader.levels.last_good([*keys.values()])
        used = [one for part in parts for one in ([part] if keys[part] in good else smaller[part])]
        if any(keys[one] not in good for one in used):
            raise error
        values = [good[keys[one]] for one in used]
        if any(value.rows.schema != values[0].rows.schema for value in values):
            raise error  # a view got other columns between them
        value = replace(_answer(question, used, values), version=min(value.version for value in values))
        return Found(value, STALE, saved_ms=value.database_ms)


class _Gathering:
    """One answer on its way."""

    def __init__(self, of: Gatherer, question: Question, versions: Versions, ttl_seconds: float) -> None:
        self._reader, self._question, self._versions = of.reader, question, versions
        self._keys: dict[Part, Key] = {}
        self._parts: dict[Key, Part] = {}
        self._begin = partial(Statement, of.source, question, self._parts, ttl_seconds)
        self._values: dict[Part, Value] = {}
        self._sources: set[str] = set()
        self._reason = ""
        self._owes = self._is_computed = False
        self._is_as_asked, self._is_behind = True, False
        self._read_at: set[datetime] = set()
        self._spent_ms = self._saved_ms = 0.0

    def gather(self, *, is_fresh: bool) -> None:
        """Look for months and years in one go, then for the months of years that are missing, then ask."""
        units = self._question.parts()
        if is_fresh:
            self._reason, missing = _BYPASS, units
            smallest = [one for unit in units for one in parts_of(unit)]
        else:
            missing = self._look(units)
            in_years = [one for unit in missing for one in parts_of(unit) if one != unit]
            smallest = [unit for unit in missing if [unit] == parts_of(unit)] + self._look(in_years)
        if smallest:
            self._obtain(smallest, is_fresh=is_fresh)
        for unit in missing:
            if unit not in self._values:
                self._put_together(unit)

    def found(self) -> Found:
        units = self._question.parts()
        value = _answer(self._question, units, [self._values[unit] for unit in units])
        return Found(
            replace(value, version=self._version()),
            DATABASE if self._is_computed or "" in self._sources else self._lowest(),
            self._reason if self._is_computed or self._owes else "",  # months that make a year are no miss
            self._owes and not self._is_computed,
            self._spent_ms,
            self._saved_ms,
            self._is_as_asked or (len(self._read_at) == 1 and not self._is_behind),  # one snapshot's, or not
            self._is_as_asked,
        )

    def _version(self) -> int:
        """That of the range, which blocks reach over, and so may their versions."""
        if self._is_as_asked:
            return self._versions.of(self._question.query.tags, self._question.days)
        return max(
            self._values[part].version for part in parts_of(self._question.span) if part in self._values
        )

    def _key(self, part: Part) -> Key:
        key = self._keys.get(part)
        if key is None:
            key = self._keys[part] = self._question.key(part, self._versions)
            self._parts[key] = part
        return key

    def _look(self, parts: Sequence[Part]) -> list[Part]:
        """Take what the cache has; what it has not."""
        if not parts:
            return []
        for key, one in self._reader.look([self._key(part) for part in parts], self._begin).items():
            if isinstance(one, Hit):
                self._take(key, one.value)
                self._sources.add(one.source)
                self._saved_ms += one.value.database_ms
            else:
                self._reason = self._reason or one.reason
        return [part for part in parts if part not in self._values]

    def _obtain(self, parts: Sequence[Part], *, is_fresh: bool) -> None:
        keys = [self._key(part) for part in parts]
        values, owed = self._reader.obtain(keys, self._begin, is_fresh=is_fresh)
        for key, value in values.items():
            self._take(key, value)
            if key in owed:
                self._owes = True
                self._sources.add(owed[key])
                self._saved_ms += value.database_ms
            else:
                self._is_computed = True
                self._spent_ms += value.database_ms

    def _take(self, key: Key, value: Value) -> None:
        # Each part is looked at: a year of an old month and a new one has the version of a new year.
        self._is_as_asked &= value.version == key.version
        self._is_behind |= value.version < key.version
        self._read_at.add(value.created)
        self._values[self._parts[key]] = value

    def _put_together(self, year: Part) -> None:
        """Make a year of its months, and keep it if all is of the state that was asked for."""
        self._values[year] = _joined([self._values[month] for month in parts_of(year)])
        if self._is_as_asked:
            self._reader.levels.keep({self._key(year): self._values[year]})

    def _lowest(self) -> str:
        return next(
            backend.name
            for backend in reversed(self._reader.levels.backends)
            if backend.name in self._sources
        )


def _joined(values: Sequence[Value]) -> Value:
    """The answers of parts that follow one another, as old as the oldest and good until the first one ends."""
    if len(values) == 1:
        return values[0]
    created = min(value.created for value in values)
    ends = min(value.created + timedelta(seconds=value.ttl_seconds) for value in values)
    return Value(
        rows=_stacked([value.rows for value in values]),
        created=created,
        ttl_seconds=(ends - created).total_seconds(),
        version=max(value.version for value in values),
        database_ms=sum(value.database_ms for value in values),
        data_through=max((value.data_through for value in values if value.data_through), default=None),
    )


def _stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The frames one below the other. ``pl.concat`` takes twice as long for a few."""
    rows = frames[0].clone()
    for frame in frames[1:]:
        rows.vstack(frame, in_place=True)
    return rows


def _answer(question: Question, parts: Sequence[Part], values: Sequence[Value]) -> Value:
    """The values of parts, without the days of theirs that lie beyond the range that was asked for."""
    span, split = question.span, question.query.split
    if span is None or split is None:
        [value] = values
        return value
    return _joined(
        [
            value if _lies_within(part, span) else replace(value, rows=cut(value.rows, split, span))
            for part, value in zip(parts, values, strict=True)
        ]
    )


def _lies_within(part: Part, span: Span) -> bool:
    return part is not None and span.start <= part.start and part.end <= span.end


def cut(rows: pl.DataFrame, by: str, span: Span) -> pl.DataFrame:
    """The rows of some days, of rows in the order of theirs.

    Polars' own search makes a query of it, which takes ten times as long.
    """
    days = rows[by]
    start = bisect_left(days, span.start)
    return rows.slice(start, bisect_left(days, span.end) - start)

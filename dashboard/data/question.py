"""A query with its parameters, and the keys of its answer and of the blocks that the answer is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from dashboard.cache import Key, blocks, key, months
from dashboard.catalogue import Query
from dashboard.data.answer import Asked
from dashboard.errors import ParameterError
from dashboard.telemetry import Block, Recorded, block_name
from dashboard.versions import Versions
from dashboard.window import EARLIEST, LATEST, Span

EVER = Span(date(1, 1, 1), date(9999, 12, 31))

# A longer range is answered as a whole: most of its blocks would be empty.
_SPLIT_MAX_DAYS = 30 * 366

# A part of an answer: a month or a year of days; None is an answer that is not split.
Part = Span | None


@dataclass(frozen=True, slots=True)
class Question:
    """``values`` are in the order of the query's parameters; lists among them are tuples here.

    ``span`` is the range of days, if the answer is put together from blocks: then the values for start and
    end are those of each block, and None here. ``days`` are those whose changes concern the answer, None if any may.
    """

    query: Query
    values: tuple[Any, ...]
    span: Span | None
    days: Span | None
    asked: Asked

    def parts(self) -> Sequence[Part]:
        return _parts(self.span, self.query.is_large)

    def key(self, part: Part, versions: Versions) -> Key:
        """The key of a part, or of any other range of days, in a state of the data."""
        return self.whole(part).at(versions.of(self.query.tags, part or self.days))

    def whole(self, part: Part) -> Key:
        """The key of a part, of no version in particular."""
        return _key(self.query.name, self.query.sql, self.values, part)

    def recorded(self, versions: Versions) -> Recorded:
        """Of what its answer is put together, in a state of the data."""
        blocks = []
        for part in self.parts():
            months = [one for one in parts_of(part) if one != part]
            names = [block_name(*self.key(one, versions)[1:]) for one in (part, *months)]
            blocks.append(Block(names[0], tuple(names[1:])))
        name = block_name(*self.key(self.span, versions)[1:])
        return Recorded(name, self.query.name, self.query.ttl, tuple(blocks))

    def values_for(self, part: Part) -> list[Any]:
        """What PostgreSQL is given for a part."""
        edges = {"start": part.start, "end": part.end} if part else {}
        named = zip(self.query.params, self.values, strict=True)
        return [edges.get(name, list(value) if isinstance(value, tuple) else value) for name, value in named]


def question(query: Query, span: Span | None, params: Mapping[str, object]) -> Question:
    """Raises ParameterError. A query of days that gets no span is asked for all days."""
    if span and (twice := {"start", "end"} & params.keys()):
        named = " and ".join(sorted(twice, reverse=True))
        raise ParameterError(f"{query.name} got a range of days, and {named} besides: leave one of them out.")
    edges = {"start": (span or EVER).start, "end": (span or EVER).end}
    taken: dict[str, object] = {name: day for name, day in edges.items() if name in query.params}
    if span and not taken:
        raise ParameterError(f"{query.name} is not about a range of days: ask it without start and end.")
    values = query.bind({**taken, **params})
    blocks_of = Span(span.start, span.end) if span and query.split and _is_splittable(span) else None
    left_out = edges.keys() if blocks_of else ()
    return Question(
        query,
        tuple(
            None if name in left_out else _frozen(value)
            for name, value in zip(query.params, values, strict=True)
        ),
        blocks_of,
        blocks_of or (span and Span(span.start, span.end) if query.is_of_days else None),
        Asked(query.name, span, tuple((name, _frozen(value)) for name, value in params.items())),
    )


def parts_of(part: Part) -> list[Part]:
    """The smallest parts that a part is made of."""
    return [*months(part)] if part else [None]


@lru_cache(4_096)
def _parts(span: Part, is_large: bool) -> tuple[Part, ...]:
    if span is None:
        return (None,)
    return tuple(months(span) if is_large else blocks(span))


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _is_splittable(span: Span) -> bool:
    return span.days <= _SPLIT_MAX_DAYS and span.start >= EARLIEST and span.last <= LATEST


@lru_cache(16_384)  # hashing takes longer than a hit
def _key(tag: str, sql: str, values: tuple[Any, ...], part: Part) -> Key:
    return key(tag, sql, values, (part.start, part.end) if part else None)

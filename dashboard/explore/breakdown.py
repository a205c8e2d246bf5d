"""Measures by dimensions, over any window and under any filters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from dashboard.cache import Part, months, runs
from dashboard.data import Frame, Provenance, Reading, cut
from dashboard.explore import grouping, statement
from dashboard.explore.grouping import FactsOf, added_up, grouped, joined
from dashboard.explore.kept import asked_as, kept
from dashboard.explore.question import Breakdown, Filters
from dashboard.explore.statement import bound, facts_read, query, relations, statements
from dashboard.measures import CUSTOMERS, DAY, MONTH, Component, Dimension, Facts
from dashboard.window import ONE_DAY, Span, Unit

# What parts are told apart and cut by.
_DAY, _MONTH = replace(DAY, name="of_day"), replace(MONTH, name="of_month")


class Engine(StrEnum):
    """Where facts are grouped. Both give the same figures."""

    POLARS = "polars"
    SQL = "sql"


def breakdown(reading: Reading, span: Span, asked: Breakdown, engine: Engine | None = None) -> Frame:
    """The figures of all members that there are, in no order; without dimensions the total, which is one row.

    Columns: the dimensions, then the measures: Decimal for sums of money, Int64 for counts, Float64 for what is
    divided, which is null where there is nothing to divide by. The engine is chosen by the number of orders, unless
    it is given.
    """

    def computed() -> Frame:
        found = components(reading, span, asked, engine)
        return Frame(figures(found.rows, asked), found.provenance)

    return kept(reading, "breakdown", [span], (*asked_as(asked), engine), computed)


def components(reading: Reading, span: Span, asked: Breakdown, engine: Engine | None = None) -> Frame:
    """What ``breakdown`` computes its figures from: the dimensions, then the measures' components as Int64."""
    span = _known(reading, span)
    engine = engine or _chosen(reading, span)
    found = [
        part
        for facts, components in asked.by_facts().items()
        for part in _Grouping(reading, asked, facts, engine).over(span, components)
    ]
    rows = joined([frame.rows for frame in found], [one.name for one in asked.dimensions])
    return Frame(rows, Provenance.merged(*(frame.provenance for frame in found)))


def figures(components: pl.DataFrame, asked: Breakdown) -> pl.DataFrame:
    """The dimensions and the measures of components."""
    return components.select(
        *(one.name for one in asked.dimensions), **{one.name: one.value for one in asked.measures}
    )


def people(reading: Reading, span: Span, filters: Filters, engine: Engine | None = None) -> Frame:
    """Who ordered on which day: date (Date) and person (Int32), once each, in this order."""
    span = _known(reading, span)
    asked = Breakdown((CUSTOMERS,), (), filters)
    return _Grouping(reading, asked, Facts.ORDERS, engine or _chosen(reading, span)).people(span)


def _known(reading: Reading, span: Span) -> Span:
    """The days of it that there is data for; one of its days if there are none."""
    extent = reading.extent()
    if extent is None or span.end <= extent.first_day or span.start > extent.last_day:
        return span.head(1)
    return Span(max(span.start, extent.first_day), min(span.end, extent.last_day + ONE_DAY))


def _chosen(reading: Reading, span: Span) -> Engine:
    orders = reading.frame("business/daily_sales", span).rows["total_orders"].sum()
    return Engine.SQL if orders > reading.settings.explore_max_orders else Engine.POLARS


@dataclass(frozen=True, slots=True)
class _Grouping:
    """Components of one kind of facts."""

    reading: Reading
    asked: Breakdown
    facts: Facts
    engine: Engine

    def over(self, span: Span, components: Sequence[Component]) -> list[Frame]:
        """What adds up is kept by month, for the next window; different people are counted in each window."""
        named = sorted(components, key=lambda one: one.name)  # what is kept serves them in any order
        additive = [one for one in named if not one.are_people]
        people = [one for one in named if one.are_people]
        found = [self._added_up(span, additive)] if additive else []
        return found + ([self._grouped([span], people)] if people else [])

    def _added_up(self, span: Span, components: Sequence[Component]) -> Frame:
        parts = [*months(span)] if self._time is _DAY else [month.within(span) for month in months(span)]
        dimensions, filters = (*self.asked.dimensions, self._time), self.asked.filters
        identity: tuple[Part, ...] = (
            *statements(self.facts, components, dimensions, filters),
            *(one.texts for one in filters),
        )
        frames = self.reading.derived(
            f"explore/{self.facts}",
            identity,
            self._sources(components),
            relations(self.facts, components, filters),
            parts,
            lambda missing: self._by_month(missing, components),
        )
        rows = [
            frame.rows if part == part.within(span) else cut(frame.rows, self._time.name, span)
            for part, frame in zip(parts, frames, strict=True)
        ]
        by = [one.name for one in self.asked.dimensions]
        return Frame(
            added_up(rows, by, components), Provenance.merged(*(frame.provenance for frame in frames))
        )

    @property
    def _time(self) -> Dimension:
        """What is kept of a month by its days serves windows that cut it, too; it is not if that were very much."""
        others = [one for one in self.asked.dimensions if not one.dtype.is_temporal()]
        return _MONTH if len(others) > 1 or any(one.has_many for one in others) else _DAY

    def _by_month(self, parts: Sequence[Span], components: Sequence[Component]) -> dict[Span, Frame]:
        """Of each part alone, in the order of time."""
        found = self._grouped(runs(parts), components, self._time)
        rows = found.rows.sort(self._time.name)
        months_of = {part: cut(rows, self._time.name, Unit.MONTH.span(part.start)) for part in parts}
        return {part: Frame(of_month, found.provenance) for part, of_month in months_of.items()}

    def _sources(self, components: Sequence[Component]) -> tuple[str, ...]:
        """The queries of the catalogue that are grouped."""
        if self.engine is Engine.SQL:
            return ()
        return tuple(f"facts/{facts}" for facts in facts_read(self.facts, components, self.asked.filters))

    def people(self, span: Span) -> Frame:
        """Who ordered on which day."""
        if self.engine is Engine.SQL:
            [frame] = self._asked([statement.people(self.asked.filters)], span, ())
            return frame
        return self._of_facts([span], lambda facts_of: grouping.people(facts_of, self.asked.filters))

    def _grouped(self, spans: Sequence[Span], components: Sequence[Component], *besides: Dimension) -> Frame:
        """Of ranges of days together, of which no member may be in two."""
        dimensions, filters = (*self.asked.dimensions, *besides), self.asked.filters
        if self.engine is Engine.POLARS:
            return self._of_facts(
                spans, lambda facts_of: grouped(facts_of, self.facts, components, dimensions, filters)
            )
        by = [one.name for one in dimensions]
        sqls = statements(self.facts, components, dimensions, filters)
        frames = [self._asked(sqls, span, components) for span in spans]
        rows = [joined([frame.rows for frame in found], by) for found in frames]
        return Frame(
            pl.concat(rows).select(*by, *(one.name for one in components)),
            Provenance.merged(*(frame.provenance for found in frames for frame in found)),
        )

    def _of_facts(self, spans: Sequence[Span], compute: Callable[[FactsOf], pl.DataFrame]) -> Frame:
        used: list[Provenance] = []

        def facts_of(facts: Facts) -> pl.DataFrame:
            frames = [self.reading.frame(f"facts/{facts}", span) for span in spans]
            used.extend(frame.provenance for frame in frames)
            return pl.concat(frame.rows for frame in frames)

        rows = compute(facts_of)
        return Frame(rows, Provenance.merged(*used))

    def _asked(self, sqls: Sequence[str], span: Span, components: Sequence[Component]) -> list[Frame]:
        reads = relations(self.facts, components, self.asked.filters)
        return [
            self.reading.answer(
                query(self.facts, sql, reads, self.asked.filters), span, **bound(self.asked.filters)
            )
            for sql in sqls
        ]

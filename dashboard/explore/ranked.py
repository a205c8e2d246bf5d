"""The first members of a breakdown, in an order, with their comparison; the others together; and the total."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from dashboard.data import Frame, Provenance, Reading
from dashboard.explore.breakdown import breakdown, components, figures
from dashboard.explore.kept import asked_as, kept
from dashboard.explore.question import Breakdown
from dashboard.measures import Column, Dimension, Measure
from dashboard.notation import Format
from dashboard.once import once
from dashboard.window import Span


class Sort(StrEnum):
    """By what rows are put in order; the value is how a URL says it."""

    VALUE = "value"
    CHANGE = "change"
    RELATIVE = "relative"
    NAME = "name"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Sort.VALUE: "Greatest first",
    Sort.CHANGE: "Changed most",
    Sort.RELATIVE: "Changed most, relative",
    Sort.NAME: "By name",
}


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows of the dimensions, the measures, and the measures ``…_before`` and ``…_change`` (Float64, relative).

    The latter two are null without a comparison, of which there is none by day, week or month. ``members`` are all in
    order, ``named`` the first of them. ``rest`` is one row for the ``others``, without dimensions; it has null where
    the members' figures don't add up. ``total`` is one row for everything, exact for every measure.
    """

    members: pl.DataFrame
    top: int
    rest: pl.DataFrame
    total: pl.DataFrame
    provenance: Provenance

    @property
    def named(self) -> pl.DataFrame:
        return first(self.members, self.top)

    @property
    def others(self) -> int:
        return len(self.members) - len(self.named)

    @property
    def frame(self) -> Frame:
        return Frame(self.named, self.provenance)

    def figures(self, dimension: Dimension, measure: Measure) -> pl.DataFrame:
        """One measure of all members, as ``ranking`` has it."""
        return _figures(self.members, dimension, measure)

    def table(self, dimensions: Sequence[Dimension]) -> pl.DataFrame:
        """All of it, with the dimensions as people know them, the others and the total at the bottom; or nothing."""
        ends = {f"{self.others:,} others": self.rest} if self.others else {}
        return _table(self.named, dimensions, ends | {"Total": self.total}) if dimensions else self.total

    def label_of(self, dimensions: Sequence[Dimension]) -> Callable[[Any], str]:
        """How a member of the first dimension is known, by those of the others that it has: ``1bcb1e4d… · Toys``."""
        return _label_of(self.members, dimensions)


@once
def first(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """The first rows, which are the same frame each time that they are asked for."""
    return rows.head(most)


@once
def _figures(members: pl.DataFrame, dimension: Dimension, measure: Measure) -> pl.DataFrame:
    return members.select(member=dimension.name, value=measure.name, value_before=f"{measure.name}_before")


@once
def _table(
    named: pl.DataFrame, dimensions: Sequence[Dimension], ends: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    name, *more = (one.name for one in dimensions)
    labelled = named.with_columns(
        pl.Series(one.name, map(one.label_of, named[one.name]), dtype=pl.String) for one in dimensions
    )
    below = [
        rows.select(pl.lit(label).alias(name), *(pl.lit("").alias(each) for each in more), pl.all())
        for label, rows in ends.items()
    ]
    return pl.concat([labelled, *below], how="vertical_relaxed") if len(named) else labelled


@once
def _label_of(members: pl.DataFrame, dimensions: Sequence[Dimension]) -> Callable[[Any], str]:
    named = members.select(one.name for one in dimensions)
    known = dict(zip(named[dimensions[0].name], named.iter_rows(), strict=True))

    def label_of(member: Any) -> str:
        return " · ".join(one.brief_of(each) for one, each in zip(dimensions, known[member], strict=True))

    return label_of


def comparable(dimensions: Sequence[Dimension], compared: Span | None) -> Span | None:
    """The days to compare with; none where members are days themselves: there are others then."""
    return None if any(one.dtype.is_temporal() for one in dimensions) else compared


def ranked_columns(
    dimensions: Sequence[Dimension], measures: Sequence[Measure], compared: Span | None
) -> list[Column]:
    """The columns of ``Ranked`` as people see them."""
    columns = [Column(one.name, one.label, definition=one.definition) for one in dimensions]
    for one in measures:
        columns.append(Column(one.name, one.label, one.format, definition=one.definition))
        if comparable(dimensions, compared):
            columns += [
                Column(f"{one.name}_before", f"{one.label} then", one.format),
                Column(f"{one.name}_change", f"{one.label} change", Format.SHARE),
            ]
    return columns


def ranked(
    reading: Reading, span: Span, compared: Span | None, asked: Breakdown, sort: Sort, top: int
) -> Ranked:
    """The ``top`` members in an order that the first measure gives, and among equals the next one, or their names."""
    compared = comparable(asked.dimensions, compared)
    return kept(
        reading,
        "ranked",
        [span, compared],
        (*asked_as(asked), sort, top),
        lambda: _ranked(reading, span, compared, asked, sort, top),
    )


def _ranked(
    reading: Reading, span: Span, compared: Span | None, asked: Breakdown, sort: Sort, top: int
) -> Ranked:
    both = [components(reading, each, asked) for each in (span, compared) if each]
    by = [one.name for one in asked.dimensions]
    shown = _beside([figures(frame.rows, asked) for frame in both], asked, by)
    members = _in_order(shown, asked, sort)
    named = members.head(top).select(by)
    left = [frame.rows.join(named, on=by, how="anti") if by else frame.rows.clear() for frame in both]
    total = Breakdown(asked.measures, (), asked.filters)
    totals = [breakdown(reading, each, total) for each in (span, compared) if each]
    return Ranked(
        members,
        top,
        _beside([_together(rows, asked) for rows in left], total, []),
        _beside([frame.rows for frame in totals], total, []),
        Provenance.merged(*(frame.provenance for frame in (*both, *totals))),
    )


def _beside(frames: Sequence[pl.DataFrame], asked: Breakdown, by: Sequence[str]) -> pl.DataFrame:
    """The figures of the window and of its comparison; who is in one of them only has nothing in the other."""
    now, *others = frames
    before = (others[0] if others else now.clear(0 if by else 1)).rename(
        {one.name: f"{one.name}_before" for one in asked.measures}
    )
    if not by:
        return _with_changes(pl.concat([now, before], how="horizontal"), asked)
    rows = now.join(before, on=by, how="full", coalesce=True)
    additive = [one.name for one in asked.measures if one.adds_up]
    columns = additive + ([f"{name}_before" for name in additive] if others else [])
    return _with_changes(rows.with_columns(pl.col(columns).fill_null(0)), asked)


def _with_changes(rows: pl.DataFrame, asked: Breakdown) -> pl.DataFrame:
    """As ``measures.change`` has it: there is none where there was nothing, or nothing is known."""
    return rows.with_columns(_change(one.name) for one in asked.measures)


def _change(name: str) -> pl.Expr:
    now, before = (pl.col(each).cast(pl.Float64) for each in (name, f"{name}_before"))
    return pl.when(before != 0).then(now / before - 1).alias(f"{name}_change")


def _in_order(rows: pl.DataFrame, asked: Breakdown, sort: Sort) -> pl.DataFrame:
    measure, names = asked.measures[0], [one.name for one in asked.dimensions]
    if sort is Sort.NAME:
        return rows.sort(names)
    value, before = (pl.col(name).cast(pl.Float64) for name in (measure.name, f"{measure.name}_before"))
    key = {
        Sort.VALUE: value,
        Sort.CHANGE: (value - before).abs(),
        Sort.RELATIVE: pl.col(f"{measure.name}_change").abs(),
    }[sort]
    figures = [key, *(one.name for one in asked.measures)]
    descending = [True] * len(figures) + [False] * len(names)
    return rows.sort([*figures, *names], descending=descending, nulls_last=True)


def _together(rows: pl.DataFrame, asked: Breakdown) -> pl.DataFrame:
    """The figures of members taken together, where those can be added up."""
    sums = rows.select(
        pl.col(one.name).sum() if asked.comes_to_total(one) else pl.lit(None, pl.Int64).alias(one.name)
        for one in asked.components
    )
    return sums.select(**{one.name: one.value for one in asked.measures})

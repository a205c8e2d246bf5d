"""A breakdown as a table of rows and columns, with totals that are right for every measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from dashboard.data import Frame, Provenance, Reading
from dashboard.explore.breakdown import breakdown
from dashboard.explore.kept import asked_as, kept
from dashboard.explore.marks import labelled
from dashboard.explore.question import Breakdown, Filters
from dashboard.explore.ranked import Sort, ranked
from dashboard.measures import Column, Dimension, Measure
from dashboard.once import once
from dashboard.window import Span

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Pivot:
    """``rows``: the dimensions ``down``, a column for each of ``columns`` by its place (``"0"``, ``"1"`` …), and total.

    ``totals`` is one row of the same, without dimensions. Both totals are of everything, also of the ``more_rows`` and
    ``more_columns`` that are left out.
    """

    down: tuple[Dimension, ...]
    across: Dimension
    measure: Measure
    rows: pl.DataFrame
    columns: tuple[Any, ...]
    totals: pl.DataFrame
    more_rows: int
    more_columns: int
    provenance: Provenance

    @property
    def frame(self) -> Frame:
        """The rows under a ``label`` (String) instead of their dimensions, and the totals at the bottom."""
        return Frame(_with_totals(self.rows, self.down, self.totals), self.provenance)

    @property
    def table_columns(self) -> list[Column]:
        """The columns of ``frame`` as people see them."""
        across = [
            Column(str(place), self.across.label_of(member), self.measure.format)
            for place, member in enumerate(self.columns)
        ]
        label = Column("label", " · ".join(one.label for one in self.down))
        return [label, *across, Column(TOTAL, "Total", self.measure.format)]

    @property
    def cells(self) -> pl.DataFrame:
        """A row for each cell, in their order: row and column (String, as people know them), value (Float64)."""
        labels = {str(place): self.across.label_of(member) for place, member in enumerate(self.columns)}
        return _cells(self.rows, self.down, labels)


@once
def _with_totals(rows: pl.DataFrame, down: Sequence[Dimension], totals: pl.DataFrame) -> pl.DataFrame:
    rows = labelled(rows, down).drop(one.name for one in down)
    last = totals.select(pl.lit("Total").alias("label"), pl.all()).select(rows.columns)
    return pl.concat([rows, last], how="vertical_relaxed")


@once
def _cells(rows: pl.DataFrame, down: Sequence[Dimension], labels: Mapping[str, str]) -> pl.DataFrame:
    laid = labelled(rows, down).unpivot(
        list(labels), index="label", variable_name="column", value_name="value"
    )
    return laid.select(
        pl.col("label").alias("row"),
        pl.col("column").replace_strict(labels, return_dtype=pl.String),
        pl.col("value").cast(pl.Float64),
    )


def pivot(
    reading: Reading,
    span: Span,
    measure: Measure,
    down: Sequence[Dimension],
    across: Dimension,
    filters: Filters,
    sort: Sort,
    top: tuple[int, int],
) -> Pivot:
    """One measure by the dimensions of rows and the one of columns; ``top`` says how many of both."""
    asked = Breakdown((measure,), (*down, across), filters)
    return kept(
        reading,
        "pivot",
        [span],
        (*asked_as(asked), sort, *top),
        lambda: _pivot(reading, span, asked, sort, top),
    )


def _pivot(reading: Reading, span: Span, asked: Breakdown, sort: Sort, top: tuple[int, int]) -> Pivot:
    [measure], [*down, across] = asked.measures, asked.dimensions
    rows, columns = (
        ranked(reading, span, None, replace(asked, dimensions=tuple(by)), _natural(by, sort), most)
        for by, most in zip((down, [across]), top, strict=True)
    )
    cells = breakdown(reading, span, asked)
    by, members = [one.name for one in down], columns.named[across.name]
    places = pl.DataFrame({across.name: members, "place": [str(place) for place in range(len(members))]})
    laid = cells.rows.join(places, on=across.name).pivot("place", index=by, values=measure.name)
    named = rows.named.select(*by, pl.col(measure.name).alias(TOTAL))
    found = named.join(laid, on=by, how="left", maintain_order="left")
    totals = dict(zip(places["place"], columns.named[measure.name], strict=True))
    lacking = [pl.lit(None).alias(name) for name in places["place"] if name not in found.columns]
    return Pivot(
        tuple(down),
        across,
        measure,
        found.with_columns(lacking).select(*by, *places["place"], TOTAL),
        tuple(members),
        pl.DataFrame({**totals, TOTAL: rows.total[measure.name][0]}),
        rows.others,
        columns.others,
        Provenance.merged(rows.provenance, columns.provenance, cells.provenance),
    )


def _natural(dimensions: Sequence[Dimension], sort: Sort) -> Sort:
    """Times and numbers stand in their order."""
    return Sort.NAME if all(one.dtype != pl.String for one in dimensions) else sort

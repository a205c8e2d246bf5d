"""Figures over a window: totals, series by grain, and rankings of a dimension."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboard.data import Extent, Frame, Provenance, Reading
from dashboard.explore.breakdown import breakdown, people
from dashboard.explore.kept import asked_as, filtered_as, kept
from dashboard.explore.question import Breakdown, Filters
from dashboard.measures import CUSTOMERS, DAY, MEASURES, ORDERS, REVENUE, Column, Dimension, Measure
from dashboard.once import once
from dashboard.window import Span, Window

_FROM_DAYS = {name: measure.total for name, measure in MEASURES.items() if measure.total is not None}
_ADDITIVE = ("revenue", "orders")

# Ticking off a list of all people beats sorting those of a range down to a range of so many times fewer: measured
# on 1,000,000 pairs of day and person as 6 against 12 ms for one range, but 73 against 12 ms for each of 731 days.
# Next to that, polars' n_unique took 20 to 40 ms, and grouping after join_asof 20 to 30 ms.
_FEW = 32


def totals(reading: Reading, span: Span, filters: Filters = ()) -> Frame:
    """All measures over a range of days, of what passes the filters.

    One row: revenue (Decimal), orders, customers (Int64), average_order_value (Float64, null without orders).
    """
    return kept(
        reading,
        "totals",
        [span],
        (span.start, span.end, filtered_as(filters)),
        lambda: _measured(reading, [span], filters),
    )


def series(reading: Reading, window: Window, filters: Filters = ()) -> Frame:
    """All measures for each bucket of the window, and for the days that stand opposite it in the comparison.

    Columns: date (Date, the bucket's first day), is_complete (Boolean), revenue (Decimal), orders, customers
    (Int64), average_order_value (Float64, null without orders); and date_before, revenue_before, … which are
    null where there is no comparison, or no data for it. A bucket without orders has zeros; one outside of
    the data has no row.
    """
    return kept(
        reading,
        "series",
        [window.span, window.comparison_span()],
        (repr(window), filtered_as(filters)),
        lambda: over_buckets(reading, window, lambda spans: _measured(reading, spans, filters)),
    )


def over_buckets(reading: Reading, window: Window, measured: Callable[[Sequence[Span]], Frame]) -> Frame:
    """Figures for each bucket of the window, and for the days that stand opposite it in the comparison.

    ``measured`` gives them for ranges of days that follow one another: date, the range's first day, and a column for
    each figure. Columns: date, is_complete (Boolean), the figures, date_before, and each figure_before, as ``series``
    has them.
    """
    extent = reading.extent()
    pairs = [pair for pair in window.aligned_buckets() if overlaps(pair[0], extent)]
    buckets = [bucket for bucket, _ in pairs]
    # A 29 February has no opposite among others that have one, so each keeps the place of its bucket.
    opposite = {place: span for place, (_, span) in enumerate(pairs) if span and overlaps(span, extent)}
    now = measured(buckets or [window.span])
    before = measured([*opposite.values()]) if opposite else Frame(now.rows.clear(), now.provenance)
    rows = now.rows.head(len(buckets)).with_columns(
        is_complete=pl.Series([bucket.complete for bucket in buckets], dtype=pl.Boolean)
    )
    opposed = before.rows.rename(lambda name: f"{name}_before").with_columns(
        place=pl.Series([*opposite], dtype=pl.UInt32)
    )
    rows = rows.with_row_index("place").join(opposed, on="place", how="left", maintain_order="left")
    rows = rows.drop("place")
    return Frame(rows, Provenance.merged(now.provenance, before.provenance))


def cumulative(series: Frame, measure: Measure) -> Frame:
    """``series`` with a measure that adds up, and its comparison, added up from the window's first day."""
    return Frame(_added_up(series.rows, measure), series.provenance)


@once
def _added_up(rows: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    return rows.with_columns(pl.col(measure.name, f"{measure.name}_before").cum_sum())


def series_columns(
    window: Window, compared: Iterable[Measure], measures: Iterable[Measure] = tuple(MEASURES.values())
) -> list[Column]:
    """The columns of ``series`` that a reader wants beside each other: all measures, some with their comparison."""
    columns = [Column("date", f"{window.grain.capitalize()} from" if window.grain != "day" else "Day")]
    columns += [Column(each.name, each.label, each.format) for each in measures]
    if not all(bucket.complete for bucket in window.buckets()):
        columns += [Column("is_complete", "Complete")]
    if window.comparison_span():
        columns += [Column("date_before", "Compared with")]
        columns += [Column(f"{each.name}_before", f"{each.label} then", each.format) for each in compared]
    return columns


def cumulative_columns(window: Window, measure: Measure) -> list[Column]:
    """The columns of ``cumulative`` that are of its measure."""
    so_far = [replace(measure, label=f"{measure.label} so far")]
    return series_columns(window, so_far, so_far)


def ranking(
    reading: Reading, window: Window, dimension: Dimension, measure: Measure, filters: Filters = ()
) -> Frame:
    """The members of a dimension, greatest figure first.

    Columns: member (String), value, value_before, as ``breakdown`` gives the measure; the latter is null without a
    comparison. Who had nothing to add up has zero.
    """
    asked, compared = Breakdown((measure,), (dimension,), filters), window.comparison_span()
    return kept(
        reading,
        "ranking",
        [window.elapsed, compared],
        asked_as(asked),
        lambda: _ranking(reading, window.elapsed, compared, asked),
    )


def _ranking(reading: Reading, span: Span, compared: Span | None, asked: Breakdown) -> Frame:
    [measure], [dimension] = asked.measures, asked.dimensions
    names = {dimension.name: "member", measure.name: "value"}
    now = breakdown(reading, span, asked)
    before = breakdown(reading, compared, asked) if compared else Frame(now.rows.clear(), now.provenance)
    known = ["value", "value_before"] if compared else ["value"]
    rows = now.rows.rename(names).join(
        before.rows.rename(names).rename({"value": "value_before"}), on="member", how="full", coalesce=True
    )
    if measure.adds_up:
        rows = rows.with_columns(pl.col(known).fill_null(0))
    rows = rows.sort(["value", "member"], descending=[True, False], nulls_last=True)
    return Frame(rows, Provenance.merged(now.provenance, before.provenance))


def ranking_columns(window: Window, dimension: Dimension, measure: Measure) -> list[Column]:
    """The columns of ``ranking`` as people see them."""
    columns = [Column("member", dimension.label), Column("value", measure.label, measure.format)]
    if compared := window.comparison_span():
        columns += [Column("value_before", f"{measure.label}, {compared.label()}", measure.format)]
    return columns


def _measured(reading: Reading, spans: Sequence[Span], filters: Filters) -> Frame:
    """All measures for ranges of days that follow one another: date (the range's first day) and MEASURES."""
    around = Span(spans[0].start, spans[-1].end)
    daily, pairs = _by_day(reading, around, filters)
    ranges = pl.DataFrame(
        {"date": [span.start for span in spans], CUSTOMERS.name: _distinct_people(pairs.rows, spans)},
        schema={"date": pl.Date, CUSTOMERS.name: pl.Int64},
    )
    figures = (
        daily.rows.join_asof(ranges.select(start="date"), left_on="date", right_on="start")
        .group_by("start")
        .agg(**_FROM_DAYS)
    )
    rows = ranges.join(
        figures, left_on="date", right_on="start", how="left", maintain_order="left"
    ).with_columns(pl.col(_ADDITIVE).fill_null(0))
    return Frame(rows.select("date", *MEASURES), Provenance.merged(daily.provenance, pairs.provenance))


def _by_day(reading: Reading, span: Span, filters: Filters) -> tuple[Frame, Frame]:
    """What orders of each day come to, and who placed them: rows of date, revenue and orders, of date and person."""
    if not filters:
        return reading.frame("business/daily_sales", span), reading.frame("business/customer_days", span)
    daily = breakdown(reading, span, Breakdown((REVENUE, ORDERS), (DAY,), filters))
    rows = daily.rows.rename({"day": "date", "revenue": "total_revenue", "orders": "total_orders"}).sort(
        "date"
    )
    return Frame(rows, daily.provenance), people(reading, span, filters)


def _distinct_people(pairs: pl.DataFrame, spans: Sequence[Span]) -> list[int]:
    """How many different people each range has, from rows of ``business/customer_days``."""
    days, people = pairs["date"].to_physical().to_numpy(), pairs["person"].to_numpy()
    edges = np.array([(span.start, span.end) for span in spans], dtype="datetime64[D]").astype(days.dtype)
    seen = np.zeros(people.max(initial=0) + 1, dtype=np.bool_)
    return [_distinct(people[start:end], seen) for start, end in days.searchsorted(edges)]


def _distinct(people: NDArray[np.int32], seen: NDArray[np.bool_]) -> int:
    """How many different numbers there are; ``seen``, of any content, has a place for each that may be."""
    if people.size * _FEW < seen.size:
        ordered = np.sort(people)
        return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(people.size, 1)
    seen[:] = False
    seen[people] = True
    return int(np.count_nonzero(seen))


def overlaps(span: Span, extent: Extent | None) -> bool:
    """Whether there is data for a day of it."""
    return extent is not None and span.end > extent.first_day and span.start <= extent.last_day

"""Figures over a window: totals, series by grain, and rankings of a dimension."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboard.data import Extent, Frame, Provenance, Reading
from dashboard.measures import CUSTOMERS, MEASURES, Column, Dimension, Measure
from dashboard.window import Span, Window

_FROM_DAYS = {name: measure.total for name, measure in MEASURES.items() if measure.total is not None}
_ADDITIVE = ("revenue", "orders")

# Ticking off a list of all people beats sorting those of a range down to a range of so many times fewer: measured
# on 1,000,000 pairs of day and person as 6 against 12 ms for one range, but 73 against 12 ms for each of 731 days.
# Next to that, polars' n_unique took 20 to 40 ms, and grouping after join_asof 20 to 30 ms.
_FEW = 32


def totals(reading: Reading, span: Span) -> Frame:
    """All measures over a range of days.

    One row: revenue (Decimal), orders, customers (Int64), average_order_value (Float64, null without orders).
    """
    return _measured(reading, [span])


def series(reading: Reading, window: Window) -> Frame:
    """All measures for each bucket of the window, and for the days that stand opposite it in the comparison.

    Columns: date (Date, the bucket's first day), is_complete (Boolean), revenue (Decimal), orders, customers
    (Int64), average_order_value (Float64, null without orders); and date_before, revenue_before, … which are
    null where there is no comparison, or no data for it. A bucket without orders has zeros; one outside of
    the data has no row.
    """
    extent = reading.extent()
    pairs = [pair for pair in window.aligned_buckets() if _overlaps(pair[0], extent)]
    buckets = [bucket for bucket, _ in pairs]
    # A 29 February has no opposite among others that have one, so each keeps the place of its bucket.
    opposite = {place: span for place, (_, span) in enumerate(pairs) if span and _overlaps(span, extent)}
    now = _measured(reading, buckets or [window.span])
    before = _measured(reading, [*opposite.values()]) if opposite else Frame(now.rows.clear(), now.provenance)
    rows = now.rows.head(len(buckets)).with_columns(
        is_complete=pl.Series([bucket.complete for bucket in buckets], dtype=pl.Boolean)
    )
    opposed = before.rows.rename(lambda name: f"{name}_before").with_columns(
        place=pl.Series([*opposite], dtype=pl.UInt32)
    )
    rows = rows.with_row_index("place").join(opposed, on="place", how="left", maintain_order="left")
    rows = rows.drop("place")
    return Frame(rows, Provenance.merged(now.provenance, before.provenance))


def series_columns(window: Window, measure: Measure) -> list[Column]:
    """The columns of ``series`` that a reader wants beside each other: all measures, one with its comparison."""
    columns = [Column("date", f"{window.grain.capitalize()} from" if window.grain != "day" else "Day")]
    columns += [Column(each.name, each.label, each.format) for each in MEASURES.values()]
    if not all(bucket.complete for bucket in window.buckets()):
        columns += [Column("is_complete", "Complete")]
    if window.comparison_span():
        columns += [
            Column("date_before", "Compared with"),
            Column(f"{measure.name}_before", f"{measure.label} then", measure.format),
        ]
    return columns


def ranking(reading: Reading, window: Window, dimension: Dimension) -> Frame:
    """The members of a dimension, greatest figure first.

    Columns: member (String), value, value_before (Decimal; the latter null without a comparison). The values
    add up to the dimension's figure over the window.
    """
    now, compared = _by_member(reading, window.elapsed, dimension), window.comparison_span()
    before = _by_member(reading, compared, dimension) if compared else Frame(now.rows.clear(), now.provenance)
    known = ["value", "value_before"] if compared else ["value"]
    rows = now.rows.join(
        before.rows.rename({"value": "value_before"}), on="member", how="full", coalesce=True
    ).with_columns(pl.col(known).fill_null(0))
    rows = rows.sort(["value", "member"], descending=[True, False])
    return Frame(rows, Provenance.merged(now.provenance, before.provenance))


def _measured(reading: Reading, spans: Sequence[Span]) -> Frame:
    """All measures for ranges of days that follow one another: date (the range's first day) and MEASURES."""
    around = Span(spans[0].start, spans[-1].end)
    daily, pairs = (
        reading.frame("business/daily_sales", around),
        reading.frame("business/customer_days", around),
    )
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


def _overlaps(span: Span, extent: Extent | None) -> bool:
    return extent is not None and span.end > extent.first_day and span.start <= extent.last_day


def _by_member(reading: Reading, span: Span, dimension: Dimension) -> Frame:
    asked = reading.frame(dimension.query, span)
    rows = asked.rows.group_by(member=dimension.name).agg(value=pl.col(dimension.value).sum())
    return Frame(rows, asked.provenance)

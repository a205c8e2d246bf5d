"""Figures over a window: totals, series by grain, and rankings of a dimension."""

from collections.abc import Sequence

import polars as pl

from dashboard.data import Data, Extent, Frame, Provenance
from dashboard.measures import CUSTOMERS, MEASURES, Column, Dimension, Measure
from dashboard.window import Span, Window

_FROM_DAYS = {name: measure.total for name, measure in MEASURES.items() if measure.total is not None}
_ADDITIVE = ("revenue", "orders", "customers")


def totals(data: Data, span: Span) -> Frame:
    """All measures over a range of days.

    One row: revenue (Decimal), orders, customers (Int64), average_order_value (Float64, null without orders).
    """
    return _measured(data, [span])


def series(data: Data, window: Window) -> Frame:
    """All measures for each bucket of the window, and for the days that stand opposite it in the comparison.

    Columns: date (Date, the bucket's first day), is_complete (Boolean), revenue (Decimal), orders, customers
    (Int64), average_order_value (Float64, null without orders); and date_before, revenue_before, … which are
    null where there is no comparison, or no data for it. A bucket without orders has zeros; one outside of
    the data has no row.
    """
    extent = data.extent()
    pairs = [pair for pair in window.aligned_buckets() if _overlaps(pair[0], extent)]
    buckets = [bucket for bucket, _ in pairs]
    # A 29 February has no opposite among others that have one, so each keeps the place of its bucket.
    opposite = {place: span for place, (_, span) in enumerate(pairs) if span and _overlaps(span, extent)}
    now = _measured(data, buckets or [window.span])
    before = _measured(data, [*opposite.values()]) if opposite else Frame(now.rows.clear(), now.provenance)
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


def ranking(data: Data, window: Window, dimension: Dimension) -> Frame:
    """The members of a dimension, greatest figure first.

    Columns: member (String), value, value_before (Decimal; the latter null without a comparison). The values
    add up to the dimension's figure over the window.
    """
    now, compared = _by_member(data, window.elapsed, dimension), window.comparison_span()
    before = _by_member(data, compared, dimension) if compared else Frame(now.rows.clear(), now.provenance)
    known = ["value", "value_before"] if compared else ["value"]
    rows = now.rows.join(
        before.rows.rename({"value": "value_before"}), on="member", how="full", coalesce=True
    ).with_columns(pl.col(known).fill_null(0))
    rows = rows.sort(["value", "member"], descending=[True, False])
    return Frame(rows, Provenance.merged(now.provenance, before.provenance))


def _measured(data: Data, spans: Sequence[Span]) -> Frame:
    """All measures for ranges of days that follow one another: date (the range's first day) and MEASURES."""
    daily = data.frame("business/daily_sales", Span(spans[0].start, spans[-1].end))
    people = data.frame(
        "business/distinct_customers",
        starts=[span.start for span in spans],
        ends=[span.end for span in spans],
    )
    ranges = pl.DataFrame({"date": [span.start for span in spans]}, schema={"date": pl.Date})
    figures = (
        daily.rows.join_asof(ranges.rename({"date": "start"}), left_on="date", right_on="start")
        .group_by("start")
        .agg(**_FROM_DAYS)
    )
    customers = people.rows.rename({"unique_customers": CUSTOMERS.name})
    rows = (
        ranges.join(figures, left_on="date", right_on="start", how="left")
        .join(customers, left_on="date", right_on="start", how="left")
        .with_columns(pl.col(_ADDITIVE).fill_null(0))
        .sort("date")
    )
    return Frame(rows.select("date", *MEASURES), Provenance.merged(daily.provenance, people.provenance))


def _overlaps(span: Span, extent: Extent | None) -> bool:
    return extent is not None and span.end > extent.first_day and span.start <= extent.last_day


def _by_member(data: Data, span: Span, dimension: Dimension) -> Frame:
    asked = data.frame(dimension.query, span)
    rows = asked.rows.group_by(member=dimension.name).agg(value=pl.col(dimension.value).sum())
    return Frame(rows, asked.provenance)

"""New and returning customers, and what they pay."""

from collections.abc import Sequence

import polars as pl

from dashboard.customers.history import ever, first_days, kept, merged, orders
from dashboard.data import Frame, Reading
from dashboard.explore import Breakdown, Filters, breakdown, over_buckets
from dashboard.measures import DAY, ORDERS, REVENUE, Dimension, Measure
from dashboard.notation import Format
from dashboard.window import Span, Window

NEW = Measure(
    "new",
    "New customers",
    "People whose first order ever was placed on these days.",
    Format.COUNT,
    (),
    pl.col("person").filter("is_new").n_unique().cast(pl.Int64),
)
RETURNING = Measure(
    "returning",
    "Returning customers",
    "Different people who ordered on these days and had ordered on an earlier day, too. Somebody whose first order "
    "ever also lies within these days counts as new and as returning.",
    Format.COUNT,
    (),
    pl.col("person").filter(~pl.col("is_new")).n_unique().cast(pl.Int64),
    adds_up=False,
)
NEW_REVENUE = Measure(
    "new_revenue",
    "Revenue from new",
    "Payments for the orders that people placed on the day of their first order ever.",
    Format.MONEY,
    (),
    pl.col("revenue_cents").filter("is_new").sum().cast(pl.Decimal(38, 2)) / 100,
)
RETURNING_REVENUE = Measure(
    "returning_revenue",
    "Revenue from returning",
    "Payments for the orders of people who had ordered on an earlier day. With the revenue from new customers it "
    "comes to all revenue.",
    Format.MONEY,
    (),
    pl.col("revenue_cents").filter(~pl.col("is_new")).sum().cast(pl.Decimal(38, 2)) / 100,
)
PARTS = {"people": (NEW, RETURNING), "revenue": (NEW_REVENUE, RETURNING_REVENUE)}
ARRIVALS = (*PARTS["people"], *PARTS["revenue"])

_PERSON = Dimension("person", "Customer", "Who ordered, by their number.", dtype=pl.Int32(), has_many=True)


def totals(reading: Reading, span: Span, filters: Filters = ()) -> Frame:
    """New and returning customers of a range of days, by what passes the filters.

    Who is new is decided by all orders ever. One row: new, returning (Int64), new_revenue, returning_revenue (Decimal).
    """
    found = _measured(reading, [span], filters)
    return Frame(found.rows.drop("date"), found.provenance)


def series(reading: Reading, window: Window, filters: Filters = ()) -> Frame:
    """The same for each bucket of the window and for what stands opposite it, with the columns of ``explore.series``:
    date, is_complete, new, returning, new_revenue, returning_revenue, date_before, new_before, …
    """
    return over_buckets(reading, window, lambda spans: _measured(reading, spans, filters))


def _measured(reading: Reading, spans: Sequence[Span], filters: Filters) -> Frame:
    """Figures of ranges of days that follow one another: date (the range's first day) and those of ``ARRIVALS``."""
    always = ever(reading) or spans[0]  # an order of long ago can make somebody a returning customer today
    edges = tuple((span.start, span.end) for span in spans)
    return kept(
        reading, "arrivals", edges, always, lambda: _computed(reading, always, spans, filters), filters
    )


def _computed(reading: Reading, always: Span, spans: Sequence[Span], filters: Filters) -> Frame:
    firsts = first_days(reading, always)
    found = _passing(reading, Span(spans[0].start, spans[-1].end), filters)
    is_new = found.rows["date"] == firsts.rows["first_day"].gather(found.rows["person"])
    ranges = pl.DataFrame({"start": [span.start for span in spans]}, schema={"start": pl.Date})
    figures = {one.name: one.value for one in ARRIVALS}
    rows = (
        found.rows.with_columns(is_new=is_new)
        .join_asof(ranges.with_columns(date="start"), on="date")
        .group_by("start")
        .agg(**figures)
    )
    every = ranges.join(rows, on="start", how="left", maintain_order="left").rename({"start": "date"})
    return merged(every.with_columns(pl.col(figures).fill_null(0)), found, firsts)


def _passing(reading: Reading, span: Span, filters: Filters) -> Frame:
    """What people paid on each day for orders that pass, in the order of days: date, person, revenue_cents."""
    if not filters:
        return orders(reading, span)
    found = breakdown(reading, span, Breakdown((REVENUE, ORDERS), (DAY, _PERSON), filters))
    cents = (pl.col("revenue") * 100).cast(pl.Int64)
    return Frame(found.rows.select("person", date="day", revenue_cents=cents).sort("date"), found.provenance)

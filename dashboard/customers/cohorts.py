"""Whether people come back: those whose first order was in the same month, month by month."""

from datetime import date

import numpy as np
import polars as pl

from dashboard.customers.history import ever, first_days, kept, merged, orders, who
from dashboard.data import Frame, Reading
from dashboard.explore import Filters
from dashboard.window import Span, Unit, Window

DEFINITION = (
    "A row has the people whose first order ever was in that month, and their number. A column says how many of them "
    "ordered again so many calendar months later or, of revenue, how much they paid then against their first month."
)
LEAST, MOST = 12, 24
"""Cohorts: as many as the window has months, but not fewer than the one and not more than the other."""
FOLLOWED = 12
"""Months after the first one in which a cohort is looked at."""


def cohorts(reading: Reading, window: Window, filters: Filters = ()) -> Frame:
    """How many people of each cohort ordered again so many calendar months after their first order.

    With filters, of the people who placed an order that passes up to the end of the window.

    A row a cohort and month, in this order: cohort (Date, the first of its month), people (Int64), month (Int64, from 1
    to ``FOLLOWED`` at the most), returned (Int64), revenue (Decimal), share (Float64, of the people), revenue_share
    (Float64, of what they paid in their first month). Figures of a month that was not over by the end of the window are
    null, and so are shares of nothing. Cohorts of whom no month is over yet are left out.
    """
    day = min(window.elapsed.last, window.watermark)
    always, last = ever(reading) or Span.through(day, day), _last_month(day)
    wanted = min(max(_number(window.last) - _number(window.start) + 1, LEAST), MOST)
    first = min(max(_number(always.start), last - wanted), last)

    def computed() -> Frame:
        firsts = _first_days(reading, always, day, filters)
        found = orders(reading, Span(_first_day(first), _first_day(last + 1)))
        return merged(_followed(found.rows, firsts.rows["first_day"], first, last), found, firsts)

    return kept(reading, "cohorts", (first, last, *([day] if filters else [])), always, computed, filters)


def _first_days(reading: Reading, always: Span, day: date, filters: Filters) -> Frame:
    """``first_days``, but null for who has no order up to the day that passes the filters."""
    firsts = first_days(reading, always)
    if not filters:
        return firsts
    passing = who(reading, Span.through(always.start, day), filters)
    is_one = np.zeros(len(firsts.rows), dtype=np.bool_)
    is_one[passing.rows["person"].to_numpy()] = True
    return merged(
        firsts.rows.select(pl.when(pl.Series(is_one)).then("first_day").alias("first_day")), firsts, passing
    )


def _followed(orders: pl.DataFrame, firsts: pl.Series, first: int, last: int) -> pl.DataFrame:
    """Of the cohorts from the first month on; ``last`` is the last month that is over. Both are numbers of months."""
    begun = _numbers(firsts)
    cohort = begun.gather(orders["person"])
    found = orders.with_columns(cohort=cohort, month=_numbers(orders["date"]) - cohort)
    people = pl.DataFrame({"cohort": begun}).group_by("cohort").agg(people=pl.len().cast(pl.Int64))
    at_first = found.filter(month=0).group_by("cohort").agg(first_cents=pl.col("revenue_cents").sum())
    by_month = (
        found.filter(pl.col("month") > 0)  # few orders, so different people among them are quickly counted
        .group_by("cohort", "month")
        .agg(returned=pl.col("person").n_unique().cast(pl.Int64), cents=pl.col("revenue_cents").sum())
    )
    cohorts = pl.DataFrame({"cohort": range(first, last)}, schema={"cohort": pl.Int64})
    months = pl.DataFrame({"month": range(1, min(last - first, FOLLOWED) + 1)}, schema={"month": pl.Int64})
    rows = (
        cohorts.join(months, how="cross")
        .join(people, on="cohort", how="left", maintain_order="left")
        .join(at_first, on="cohort", how="left", maintain_order="left")
        .join(by_month, on=["cohort", "month"], how="left", maintain_order="left")
        .fill_null(0)
    )
    is_over = pl.col("cohort") + pl.col("month") <= last
    return rows.select(
        pl.date(pl.col("cohort") // 12, pl.col("cohort") % 12 + 1, 1).alias("cohort"),
        "people",
        "month",
        pl.when(is_over).then("returned").alias("returned"),
        pl.when(is_over).then(pl.col("cents").cast(pl.Decimal(38, 2)) / 100).alias("revenue"),
        share=pl.when(is_over, pl.col("people") > 0).then(pl.col("returned") / pl.col("people")),
        revenue_share=pl.when(is_over, pl.col("first_cents") > 0).then(
            pl.col("cents") / pl.col("first_cents")
        ),
    )


def _last_month(day: date) -> int:
    """The last month that was over by the end of a day."""
    this = _number(day)
    return this if Unit.MONTH.span(day).last == day else this - 1


def _number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _numbers(days: pl.Series) -> pl.Series:
    """The numbers of their months; of a null, one that no month has. Polars' own year and month take much longer."""
    return pl.Series(days.to_numpy().astype("datetime64[M]").astype(np.int64) + 1970 * 12)


def _first_day(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)

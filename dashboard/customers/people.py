"""Everybody who ever ordered, as of the end of some day: segments, spending, and the best of them."""

from collections.abc import Callable
from datetime import date
from functools import cached_property
from math import log10

import numpy as np
import polars as pl

from dashboard.customers.history import ever, kept, merged, orders, who
from dashboard.customers.segments import NAMES, SEGMENTS, much_spent, segment_of
from dashboard.data import Frame, Reading
from dashboard.explore import Filters
from dashboard.window import Span, Window

_BARS = 12  # of the distribution of spending, up to what nineteen in twenty spent
_MOST_SEEN = 0.95
_PEOPLE = {
    "person": pl.Int32,
    "first_order": pl.Date,
    "last_order": pl.Date,
    "orders": pl.Int64,
    "cents": pl.Int64,
}


class People:
    """Figures of all people with an order up to the end of ``day``; with filters, of those with one that passes.

    Whoever is one of them counts with all orders until then. Of 1,000,000 people nothing but figures is kept, in
    memory: they are put together once a page run at the most, and only when some figure is not there yet.
    """

    def __init__(self, reading: Reading, day: date, filters: Filters = ()) -> None:
        always = ever(reading)
        self._reading, self.day, self._filters = reading, day, filters
        self._span = Span.through(always.start, day) if always and always.start <= day else None

    @classmethod
    def of(cls, reading: Reading, window: Window, filters: Filters = ()) -> "People":
        """As of the last complete day of the window."""
        return cls(reading, min(window.elapsed.last, window.watermark), filters)

    def segments(self) -> Frame:
        """All segments, the best first, each person in one.

        Columns: member, definition (String), people (Int64), revenue (Decimal), people_share, revenue_share, average
        (Float64; null where there is nothing to divide by).
        """
        return self._kept("segments", _segments)

    def spending(self) -> Frame:
        """How many people spent how much until now: from (Int64), up_to (Int64, null in the last row), in whole units
        of the currency, from inclusive; people (Int64), revenue (Decimal), people_share (Float64).
        """
        return self._kept("spending", _spending)

    def typical(self) -> Frame:
        """One row: people (Int64), average, median, ninetieth, much (Float64), which are amounts of money.

        ``ninetieth`` is what one in ten spent at least, ``much`` what top spenders did; both null while nobody paid.
        """
        return self._kept("typical", _typical)

    def best(self, top: int) -> Frame:
        """Who spent most: customer_unique_id (String), orders (Int64), revenue (Decimal), first_order, last_order
        (Date), segment (String).
        """
        found = self._kept(f"best/{top}", lambda people: _best(people, top))
        numbers = found.rows["person"].cast(pl.String).to_list()
        ids = self._reading.frame("business/customer_ids", people=numbers)
        rows = found.rows.join(ids.rows, on="person", maintain_order="left")
        return merged(
            rows.select("customer_unique_id", "orders", "revenue", "first_order", "last_order", "segment"),
            found,
            ids,
        )

    def _kept(self, name: str, compute: Callable[[pl.DataFrame], pl.DataFrame]) -> Frame:
        if self._span is None:
            everybody = self._everybody
            return Frame(compute(everybody.rows).clear(), everybody.provenance)
        return kept(
            self._reading,
            name,
            (),
            self._span,
            lambda: Frame(compute(self._everybody.rows), self._everybody.provenance),
            self._filters,
        )

    @cached_property
    def _everybody(self) -> Frame:
        """One row a person: what ``_PEOPLE`` says, then recency_days (Int64), much_cents (Int64, the same in all rows),
        spends_much (Boolean), segment (Enum). Filters move nobody into another segment.
        """
        found = orders(self._reading, self._span or Span.through(self.day, self.day))
        people = _grouped(found.rows if self._span else found.rows.clear()).with_columns(
            recency_days=(pl.lit(self.day) - pl.col("last_order")).dt.total_days(),
            much_cents=much_spent(pl.col("cents")).cast(pl.Int64),
        )
        spends_much = (pl.col("cents") >= pl.col("much_cents")).fill_null(value=False)
        rows = people.with_columns(spends_much=spends_much).with_columns(segment=segment_of())
        if not self._filters or self._span is None:
            return Frame(rows, found.provenance)
        passing = who(self._reading, self._span, self._filters)
        return merged(rows.join(passing.rows, on="person", how="semi"), found, passing)


def _grouped(rows: pl.DataFrame) -> pl.DataFrame:
    """Orders, which come in the order of their days, by people: see history.first_days."""
    person, days = rows["person"].to_numpy(), rows["date"].to_physical().to_numpy()
    size = person.max(initial=0) + 1
    first, last = np.zeros(size, days.dtype), np.zeros(size, days.dtype)
    first[person[::-1]] = days[::-1]
    last[person] = days
    cents = np.bincount(person, rows["revenue_cents"].to_numpy(), size)  # exact up to 2^53 cents
    counted = np.bincount(person, minlength=size)
    columns = (np.arange(size), first, last, counted, cents)
    people = pl.DataFrame(dict(zip(_PEOPLE, columns, strict=True)))
    return people.filter(pl.col("orders") > 0).cast(_PEOPLE)  # type: ignore[arg-type]


def _segments(people: pl.DataFrame) -> pl.DataFrame:
    every = pl.DataFrame({"member": NAMES, "definition": [one.definition for one in SEGMENTS]})
    found = people.group_by(member=pl.col("segment").cast(pl.String)).agg(
        people=pl.len().cast(pl.Int64), cents=pl.col("cents").sum()
    )
    rows = every.join(found, on="member", how="left", maintain_order="left").fill_null(0)
    return rows.select(
        "member",
        "definition",
        "people",
        revenue=_money(pl.col("cents")),
        people_share=_share("people"),
        revenue_share=_share("cents"),
        average=pl.when(pl.col("people") > 0).then(pl.col("cents") / pl.col("people") / 100),
    )


def _typical(people: pl.DataFrame) -> pl.DataFrame:
    cents = pl.col("cents")
    return people.select(
        people=pl.len().cast(pl.Int64),
        average=cents.mean() / 100,
        median=cents.quantile(0.5, "equiprobable") / 100,
        ninetieth=cents.quantile(0.9, "equiprobable") / 100,
        much=pl.col("much_cents").first() / 100,
    )


def _spending(people: pl.DataFrame) -> pl.DataFrame:
    step = _round_step(people["cents"].quantile(_MOST_SEEN, "equiprobable") or 0)
    place = (pl.col("cents") // (step * 100)).clip(upper_bound=_BARS)
    found = people.group_by(place=place).agg(people=pl.len().cast(pl.Int64), cents=pl.col("cents").sum())
    places = pl.DataFrame({"place": range(_BARS + 1)}, schema={"place": pl.Int64})
    rows = places.join(found, on="place", how="left", maintain_order="left").with_columns(
        pl.col("people", "cents").fill_null(0)
    )
    return rows.select(
        (pl.col("place") * step).alias("from"),
        pl.when(pl.col("place") < _BARS).then((pl.col("place") + 1) * step).alias("up_to"),
        "people",
        revenue=_money(pl.col("cents")),
        people_share=_share("people"),
    )


def _round_step(most_cents: float) -> int:
    """The round number of whole units of money that cuts an amount into at most as many bars as there are."""
    least = max(most_cents / 100 / _BARS, 1.0)
    power = int(10 ** int(log10(least)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _best(people: pl.DataFrame, top: int) -> pl.DataFrame:
    best = people.top_k(
        top, by=["cents", "person"], reverse=[False, True]
    )  # sorting all takes several times as long
    best = best.sort(["cents", "person"], descending=[True, False])
    return best.with_columns(pl.col("segment").cast(pl.String), revenue=_money(pl.col("cents")))


def _money(cents: pl.Expr) -> pl.Expr:
    return cents.cast(pl.Decimal(38, 2)) / 100


def _share(name: str) -> pl.Expr:
    whole = pl.col(name).sum()
    return pl.when(whole > 0).then(pl.col(name) / whole)

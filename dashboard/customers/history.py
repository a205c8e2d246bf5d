"""All orders ever, with whoever placed them, and what is kept of what was computed from them."""

from collections.abc import Callable

import numpy as np
import polars as pl

from dashboard.cache import Part
from dashboard.data import Frame, Provenance, Reading
from dashboard.explore import Filters, filtered_as, people
from dashboard.window import ONE_DAY, Span

_ORDERS = "facts/spending"
_FACTS = ("item_facts", "order_facts", "payment_facts")


def ever(reading: Reading) -> Span | None:
    """All days with data, from the first order on; None while there is not an order."""
    extent = reading.extent()
    return Span(extent.first_day, extent.last_day + ONE_DAY) if extent else None


def orders(reading: Reading, span: Span) -> Frame:
    """One row an order, in the order of their days: date (Date), person (Int32), revenue_cents (Int64).

    They are cut out of all orders ever, which are needed anyway to tell who is new.
    """
    found = reading.frame(_ORDERS, ever(reading) or span)
    return Frame(
        found.rows.filter(pl.col("date").is_between(span.start, span.end, closed="left")), found.provenance
    )


def kept(
    reading: Reading,
    name: str,
    identity: tuple[Part, ...],
    span: Span,
    compute: Callable[[], Frame],
    filters: Filters = (),
) -> Frame:
    """What ``compute`` makes of the orders of these days and of filters, computed once for each state of them."""
    reads = _FACTS if filters else ("order_facts",)
    return reading.kept(
        f"customers/{name}", (*identity, *filtered_as(filters)), (_ORDERS, *reads), (span,), compute
    )


def first_days(reading: Reading, span: Span) -> Frame:
    """The day of everybody's first order ever. One column, first_day (Date), in which row n is that of person n.

    ``span`` is ``ever``. A number without an order has null.
    """
    return kept(reading, "first_days", (), span, lambda: _first_days(orders(reading, span)))


def _first_days(found: Frame) -> Frame:
    people, days = found.rows["person"].to_numpy(), found.rows["date"].to_physical().to_numpy()
    # Of a place that is written to several times the last one stays, so the days go backwards. People are numbered
    # without gaps to speak of; for 1,000,000 orders this takes a fifth of the time of grouping them.
    first = np.zeros(people.max(initial=0) + 1, dtype=days.dtype)
    first[people[::-1]] = days[::-1]
    known = np.zeros(len(first), dtype=np.bool_)
    known[people] = True
    day = pl.when(pl.Series(known)).then(pl.Series(first).cast(pl.Date))
    return Frame(pl.select(first_day=day), found.provenance)


def who(reading: Reading, span: Span, filters: Filters) -> Frame:
    """Who placed an order of these days that passes the filters. One column, person (Int32), each once."""

    def computed() -> Frame:
        found = people(reading, span, filters)
        return Frame(found.rows.select(pl.col("person").unique()), found.provenance)

    return kept(reading, "who", (), span, computed, filters)


def merged(rows: pl.DataFrame, *sources: Frame) -> Frame:
    """Rows that were made of several answers."""
    return Frame(rows, Provenance.merged(*(source.provenance for source in sources)))

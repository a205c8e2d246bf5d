"""Answers of this room, kept for the next run of a page that shows the same."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from dashboard.cache import Part
from dashboard.data import Reading, Sourced
from dashboard.explore.question import Breakdown, Filters
from dashboard.explore.statement import TABLES
from dashboard.window import Span

S = TypeVar("S", bound=Sourced)

_QUERIES = ("business/customer_days", "business/daily_sales", *(f"facts/{facts}" for facts in TABLES))
_READS = ("customer_days", "daily_sales_metrics", *TABLES.values(), *_QUERIES)


def kept(
    reading: Reading,
    name: str,
    spans: Iterable[Span | None],
    identity: tuple[Part, ...],
    compute: Callable[[], S],
) -> S:
    """What ``compute`` makes of these days, computed once for each state of them and of the days with data."""
    days = tuple(span for span in spans if span)
    return reading.kept(f"explore/{name}", (repr(reading.extent()), *identity), _READS, days, compute)


def asked_as(asked: Breakdown) -> tuple[Part, ...]:
    """All that tells it from others."""
    measures, dimensions = (tuple(one.name for one in each) for each in (asked.measures, asked.dimensions))
    return measures, dimensions, filtered_as(asked.filters)


def filtered_as(filters: Filters) -> tuple[Part, ...]:
    return tuple((one.dimension.name, *one.texts) for one in filters)

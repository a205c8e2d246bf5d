"""The orders behind a figure, newest first."""

# ruff: noqa: S608 - every name is one of ours, and values are parameters

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote, unquote

import polars as pl

from dashboard.catalogue import ParameterType, Query
from dashboard.data import Data, Frame, Provenance, Reading, Stream
from dashboard.database import Cancellation
from dashboard.errors import ParameterError
from dashboard.explore.kept import filtered_as, kept
from dashboard.explore.question import Filters
from dashboard.explore.statement import TABLES, bound, condition, query
from dashboard.measures import Column, Facts
from dashboard.notation import Format
from dashboard.window import Span

PAGE_ROWS = 50
ORDER_COLUMNS = (
    Column("date", "Day"),
    Column("hour", "Hour"),
    Column("status", "Status"),
    Column("state", "State"),
    Column("revenue", "Revenue", Format.MONEY),
    Column("items", "Items", Format.COUNT),
    Column("categories", "Categories"),
    Column("payment_types", "Payment types"),
    Column("review_score", "Review score", Format.SCORE),
    Column("delivery_days", "Delivery time", Format.DAYS),
    Column("late", "Late"),
    Column("order_id", "Order"),
)

_HOURS = range(24)
_PLACE: dict[str, ParameterType] = {"day": "date", "hour": "integer", "order_id": "text"}
_NEWEST_FIRST = "date DESC, hour DESC, order_key DESC"
_OLDEST_FIRST = "date, hour, order_key"

# Facts only: they are of one state of the shop, and of the one that the figures are of. The rows are joined one by
# one, so that a cursor gives the first ones at once and holds none.
_LISTED = f"""
WITH listed AS (
    SELECT * FROM dashboard.order_facts WHERE {{condition}} ORDER BY {{order}}{{limit}}
)
SELECT
    o.date, o.hour, o.order_id, o.status, o.state, (o.revenue_cents::numeric / 100)::numeric(14, 2) AS revenue,
    sold.items, sold.categories, paid.payment_types,
    o.stars::float8 / nullif(o.reviews, 0) AS review_score,
    CASE WHEN o.delivered = 1 THEN o.delivery_seconds / 86400::float8 END AS delivery_days,
    CASE WHEN o.delivered = 1 THEN o.late = 1 END AS late
FROM listed AS o
LEFT JOIN LATERAL (
    SELECT count(*) AS items, string_agg(DISTINCT category, ', ' ORDER BY category) AS categories
    FROM dashboard.item_facts AS i
    WHERE i.date = o.date AND i.order_key = o.order_key
) AS sold ON true
LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT payment_type, ', ' ORDER BY payment_type) AS payment_types
    FROM dashboard.payment_facts AS p
    WHERE p.date = o.date AND p.order_key = o.order_key
) AS paid ON true
ORDER BY {", ".join(f"o.{one}" for one in _NEWEST_FIRST.split(", "))}
"""
_OF_CUSTOMER = "person = (SELECT person FROM dashboard.people WHERE customer_unique_id = $1::text)"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list of orders, next to one of them: in the direction of the older ones, or of the newer.

    It holds in every state of the data, even if the order is gone: orders of an hour are in the order of their ids.
    """

    day: date
    hour: int
    order_id: str
    is_newer: bool = False

    def __str__(self) -> str:
        direction = "newer" if self.is_newer else "older"
        return f"{direction}.{self.day}.{self.hour}.{quote(self.order_id, safe='')}"

    @staticmethod
    def parse(text: str) -> "Place":
        """Raises ParameterError for what ``str`` of a place does not write."""
        try:
            direction, day, hour, order_id = text.split(".", 3)
            place = Place(date.fromisoformat(day), int(hour), unquote(order_id), direction == "newer")
        except ValueError:
            place = None
        if place is None or str(place) != text or place.hour not in _HOURS:
            raise ParameterError(f"{text!r} is no place in a list of orders: leave it out to see the newest.")
        return place


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of a list, ``rows`` of ``orders``, and where the pages next to it begin; None where there is none."""

    rows: pl.DataFrame
    newer: Place | None
    older: Place | None
    provenance: Provenance


def orders(
    reading: Reading, span: Span, filters: Filters = (), after: Place | None = None, limit: int = PAGE_ROWS
) -> Frame:
    """Orders of these days that pass the filters, newest first: the first ones, or those that are next to a place.

    An order passes a filter of payments or items if it has such a one. Columns: date (Date), hour (Int16), order_id,
    status, state (String), revenue (Decimal), items (Int64), categories, payment_types (String, each name once, null
    if there are none), review_score (Float64, 1 to 5), delivery_days (Float64), late (Boolean), which are null
    where there is no review or delivery. Orders of one hour are in the order of their ids.
    """
    members = bound(filters)
    place = {"day": after.day, "hour": after.hour, "order_id": after.order_id} if after else {}
    return reading.answer(_query(filters, after, limit), span, **members, **place)


def order_page(
    reading: Reading,
    span: Span,
    filters: Filters = (),
    place: Place | None = None,
    limit: int = PAGE_ROWS,
) -> OrderPage:
    """A page of ``orders``; the first one where there is none next to the place."""

    def turned() -> OrderPage:
        return _order_page(reading, span, filters, place, limit)

    return kept(reading, "order_page", [span], (filtered_as(filters), str(place), limit), turned)


def _order_page(reading: Reading, span: Span, filters: Filters, place: Place | None, limit: int) -> OrderPage:
    frame = orders(reading, span, filters, place, limit + 1)
    has_more = len(frame.rows) > limit
    is_backwards = place is not None and place.is_newer
    if place and not has_more and (is_backwards or frame.rows.is_empty()):
        return _order_page(reading, span, filters, None, limit)
    rows = frame.rows.tail(limit) if is_backwards else frame.rows.head(limit)
    return OrderPage(
        rows,
        newer=_place(rows, 0, is_newer=True) if place else None,
        older=_place(rows, -1) if has_more or is_backwards else None,
        provenance=frame.provenance,
    )


def orders_of(reading: Reading, customer: str) -> Frame:
    """All orders of a customer, by ``customer_unique_id``, as ``orders`` gives them; none if there is no such one."""
    sql = _LISTED.format(condition=_OF_CUSTOMER, order=_NEWEST_FIRST, limit="")
    return reading.answer(replace(_named(sql), params={"customer": "text"}), customer=customer)


@contextmanager
def streamed_orders(data: Data, span: Span, filters: Filters, cancellation: Cancellation) -> Iterator[Stream]:
    """All ``orders`` in one state of the data, for an export of any size."""
    count = f"SELECT count(*) FROM dashboard.order_facts WHERE {condition(Facts.ORDERS, filters)}"
    with data.stream(_query(filters), count, span, cancellation, **bound(filters)) as stream:
        yield stream


def _query(filters: Filters, after: Place | None = None, limit: int | None = None) -> Query:
    passing = condition(Facts.ORDERS, filters)
    is_backwards = after is not None and after.is_newer
    if after:
        day = 3 + len(filters)
        than = f"(${day}::date, ${day + 1}::integer, ${day + 2}::text)"
        passing += f' AND (date, hour, order_id COLLATE "C") {">" if is_backwards else "<"} {than}'
    sql = _LISTED.format(
        condition=passing,
        order=_OLDEST_FIRST if is_backwards else _NEWEST_FIRST,
        limit="" if limit is None else f" LIMIT {limit}",
    )
    asked = _named(sql, filters)
    return replace(asked, params=asked.params | _PLACE) if after else asked


def _named(sql: str, filters: Filters = ()) -> Query:
    """The statement as a query, of the days and with the members of the filters."""
    asked = query(Facts.ORDERS, sql, tuple(sorted(TABLES.values())), filters)
    return replace(asked, name="explore/orders_behind", title="Orders, newest first.")


def _place(rows: pl.DataFrame, number: int, *, is_newer: bool = False) -> Place:
    day, hour, order_id = rows.select("date", "hour", "order_id").row(number)
    return Place(day, hour, order_id, is_newer)

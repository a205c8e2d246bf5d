"""Breakdowns of real orders, against counting them one by one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dashboard.data import Data, opened
from dashboard.errors import ParameterError
from dashboard.explore import Breakdown, Engine, Filter, breakdown
from dashboard.measures import (
    ALL_MEASURES,
    DIMENSIONS,
    Dimension,
    Facts,
)
from dashboard.settings import Settings
from dashboard.window import Span

FIRST, LAST = date(2016, 10, 4), date(2018, 9, 20)
ALL = Span.through(FIRST, LAST)
CENT = Decimal("0.01")
VALUE_EDGES = ("0.01", "25", "50", "75", "100", "150", "200", "300", "500", "1000", "2000")
DELIVERY_EDGES = (2, 4, 6, 8, 10, 12, 15, 20, 30, 45)

ORDER_ROWS = """
SELECT order_id, order_status AS status, order_purchase_timestamp AS bought, customer_state AS state,
    customer_unique_id AS person, order_delivered_customer_date AS delivered, order_estimated_delivery_date AS promised
FROM shop.orders JOIN shop.customers USING (customer_id)
"""
PAYMENT_ROWS = """
SELECT order_id, payment_type, payment_installments AS installments, payment_value AS value FROM shop.order_payments
"""
ITEM_ROWS = """
SELECT order_id, product_id AS product, price, freight_value AS freight,
    initcap(left(name, 1)) || substr(replace(name, '_', ' '), 2) AS category
FROM shop.order_items, LATERAL (
    SELECT coalesce(
        (SELECT product_category_name_english FROM shop.category_translation AS t
         WHERE t.product_category_name = p.product_category_name), p.product_category_name, '(no category)'
    ) AS name
    FROM shop.products AS p WHERE p.product_id = order_items.product_id
) AS named
"""
REVIEW_ROWS = "SELECT order_id, review_score AS stars FROM shop.order_reviews"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    about: Row
    payments: Sequence[Row]
    items: Sequence[Row]
    stars: Sequence[int]

    def members(self, dimension: Dimension, row: Row) -> Any:
        bought: datetime = self.about["bought"]
        day = bought.date()
        match dimension.name:
            case "hour":
                return bought.hour
            case "weekday":
                return bought.isoweekday()
            case "day":
                return day
            case "week":
                return day - timedelta(days=day.weekday())
            case "month":
                return day.replace(day=1)
            case "order_value":
                paid = sum(payment["value"] for payment in self.payments)
                return sum(paid >= Decimal(edge) for edge in VALUE_EDGES)
            case "delivered_in":
                taken = self.about["delivered"] and self.about["delivered"] - bought
                return sum(taken >= timedelta(days=days) for days in DELIVERY_EDGES) + 1 if taken else 0
            case name:
                return {**self.about, **row}[name]


class Tally:
    """What one combination of members has."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.revenue = self.item_sales = self.prices = self.freight = Decimal(0)
        self.units = self.payments = 0

    def figure(self, measure: str) -> Any:
        orders = self.orders.values()
        if measure == "orders":
            return len(orders)
        if measure == "customers":
            return len({order.about["person"] for order in orders})
        if measure in SUMS:
            return getattr(self, measure)
        delivered = [order.about for order in orders if order.about["delivered"]]
        stars = [stars for order in orders for stars in order.stars]
        taken = [(one["delivered"] - one["bought"]) / timedelta(days=1) for one in delivered]
        late = [one for one in delivered if one["delivered"].date() > one["promised"].date()]
        ratios: Mapping[str, tuple[Any, Any]] = {
            "average_order_value": (self.revenue, len(orders)),
            "average_price": (self.prices, self.units),
            "freight_share": (self.freight, self.item_sales),
            "review_score": (sum(stars), len(stars)),
            "delivery_days": (sum(taken), len(taken)),
            "late_share": (len(late), len(delivered)),
        }
        of, to = ratios[measure]
        return float(of) / float(to) if to else None


class Shop:
    """All orders, to be gone through one by one."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        payments, items, reviews = (self._by_order(sql) for sql in (PAYMENT_ROWS, ITEM_ROWS, REVIEW_ROWS))
        self.orders = [
            Order(row, payments[key], items[key], [review["stars"] for review in reviews[key]])
            for key, [row] in self._by_order(ORDER_ROWS).items()
        ]

    def _by_order(self, sql: str) -> dict[str, list[Row]]:
        found = defaultdict(list)
        with self._connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            for row in cursor.execute(sql):
                found[row["order_id"]].append(row)
        return found

    def tallies(self, span: Span, asked: Breakdown) -> dict[tuple[Any, ...], Tally]:
        found: defaultdict[tuple[Any, ...], Tally] = defaultdict(Tally)
        if not asked.dimensions:
            found[()] = Tally()
        facts = {facts for one in asked.dimensions for facts in Facts if one.facts == (facts,)}
        filtered = {facts for one in asked.filters for facts in Facts if one.dimension.facts == (facts,)}
        for order in self.orders:
            if not span.contains(order.about["bought"].date()):
                continue
            payments = [row for row in order.payments if self._passes(order, row, Facts.PAYMENTS, asked)]
            items = [row for row in order.items if self._passes(order, row, Facts.ITEMS, asked)]
            if not self._passes(order, {}, Facts.ORDERS, asked):
                continue
            if (Facts.PAYMENTS in filtered and not payments) or (Facts.ITEMS in filtered and not items):
                continue
            rows: Sequence[Row] = (
                payments if Facts.PAYMENTS in facts else items if Facts.ITEMS in facts else [{}]
            )
            for row in rows:
                found[self._combination(order, row, asked)].orders[order.about["order_id"]] = order
            for row in payments if Facts.ITEMS not in facts else []:
                tally = found[self._combination(order, row, asked)]
                tally.revenue += row["value"]
                tally.payments += 1
            for row in items if Facts.PAYMENTS not in facts else []:
                tally = found[self._combination(order, row, asked)]
                tally.item_sales += row["price"] + row["freight"]
                tally.prices += row["price"]
                tally.freight += row["freight"]
                tally.units += 1
        return found

    def _combination(self, order: Order, row: Row, asked: Breakdown) -> tuple[Any, ...]:
        return tuple(order.members(dimension, row) for dimension in asked.dimensions)

    def _passes(self, order: Order, row: Row, facts: Facts, asked: Breakdown) -> bool:
        return all(
            order.members(one.dimension, row) in one.members
            for one in asked.filters
            if facts in one.dimension.facts and (row or Facts.ORDERS in one.dimension.facts)
        )


@pytest.fixture(scope="module")
def shop(olist_url: str) -> Iterator[Shop]:
    with psycopg.connect(olist_url, autocommit=True) as connection:
        yield Shop(connection)


@pytest.fixture(scope="module")
def engines(olist_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Engine, Data]]:
    """Each with a cache of its own: what was computed by month is kept for both."""
    with ExitStack() as stack:
        yield {
            engine: stack.enter_context(
                opened(
                    Settings(
                        _env_file=None,
                        database_url=olist_url,
                        data_dir=tmp_path_factory.mktemp(engine),
                        versions_poll_seconds=60,
                    )
                )
            )
            for engine in Engine
        }


@pytest.fixture(scope="module")
def data(engines: dict[Engine, Data]) -> Data:
    return engines[Engine.POLARS]


def members_of(dimension: Dimension) -> st.SearchStrategy[Any]:
    known = {
        "state": ["SP", "RJ", "MG", "no such"],
        "status": ["delivered", "shipped", "canceled"],
        "payment_type": ["boleto", "voucher", "credit_card"],
        "category": ["Toys", "Health beauty", "Bed bath table"],
        "product": ["no such"],
        "installments": [1, 2, 3],
        "weekday": [1, 6, 7],
        "hour": [0, 10, 15],
        "order_value": [2, 5],
        "delivered_in": [0, 6],
        "day": [date(2017, 11, 24)],
        "week": [date(2017, 11, 20), date(2018, 5, 7)],
        "month": [date(2017, 11, 1), date(2018, 1, 1)],
    }
    return st.sampled_from(known[dimension.name])


@st.composite
def breakdowns(draw: st.DrawFn) -> Breakdown:
    some = lambda known, least, most: st.lists(  # noqa: E731 - local to this strategy
        st.sampled_from(list(known.values())), min_size=least, max_size=most, unique=True
    )
    measures, dimensions = draw(some(ALL_MEASURES, 1, 4)), draw(some(DIMENSIONS, 0, 3))
    chosen = [
        Filter(one, tuple(draw(st.lists(members_of(one), min_size=1, max_size=2, unique=True))))
        for one in draw(some(DIMENSIONS, 0, 2))
    ]
    try:
        return Breakdown(tuple(measures), tuple(dimensions), tuple(chosen))
    except ParameterError:
        assume(False)
        raise


spans = st.tuples(st.dates(FIRST - timedelta(days=40), LAST + timedelta(days=9)), st.integers(1, 800)).map(
    lambda drawn: Span(drawn[0], drawn[0] + timedelta(days=drawn[1]))
)


@pytest.mark.parametrize("engine", Engine)
@examples(max_examples=150)
@given(breakdowns(), spans)
def test_any_figures_are_those_of_counting(
    shop: Shop, engines: dict[Engine, Data], engine: Engine, asked: Breakdown, span: Span
) -> None:
    rows = breakdown(engines[engine].reading(), span, asked, engine).rows
    by = [one.name for one in asked.dimensions]
    names = [one.name for one in asked.measures]
    assert rows.columns == [*by, *names]
    found = {tuple(row[: len(by)]): row[len(by) :] for row in rows.iter_rows()}
    assert len(found) == len(rows)
    expected = {
        members: [tally.figure(name) for name in names]
        for members, tally in shop.tallies(span, asked).items()
    }
    for members in expected.keys() | found.keys():
        ours = found.get(members) or [0 if name in SUMS else None for name in names]
        theirs = expected.get(members) or [0 if name in SUMS else None for name in names]
        assert [almost(each) for each in ours] == [almost(each) for each in theirs], members


SUMS = {"revenue", "orders", "customers", "item_sales", "units", "payments"}


def almost(figure: Any) -> Any:
    return pytest.approx(figure, rel=1e-9) if isinstance(figure, float) else figure


@pytest.mark.parametrize("engine", Engine)
def test_the_order_in_which_measures_are_asked_for_changes_no_figure(
    engines: dict[Engine, Data], engine: Engine
) -> None:
    """What was kept of some months for one order is put together with what is computed for another."""
    measures = [ALL_MEASURES[name] for name in ("review_score", "item_sales")]
    by = (DIMENSIONS["category"],)
    reading = engines[engine].reading()
    for last, order in ((date(2018, 2, 28), measures), (date(2018, 4, 30), measures[::-1])):
        rows = breakdown(
            reading, Span.through(date(2018, 1, 1), last), Breakdown(tuple(order), by), engine
        ).rows
        assert rows.columns == ["category", *(one.name for one in order)]
        assert len(rows) > 1

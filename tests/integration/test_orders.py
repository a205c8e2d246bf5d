"""The orders behind a figure, against SQL on the shop's own tables."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import psycopg
import pytest

from dashboard.data import Data, opened
from dashboard.database import Cancellation, Database
from dashboard.errors import ParameterError
from dashboard.explore import (
    ORDER_COLUMNS,
    Breakdown,
    Filters,
    Place,
    breakdown,
    filters,
    order_page,
    orders,
    orders_of,
    streamed_orders,
)
from dashboard.measures import ORDERS
from dashboard.settings import Settings
from dashboard.window import Span
from tests.reads import administering, opening, order, refresh

EVER = Span(date(2016, 1, 1), date(2019, 1, 1))
QUARTER = Span(date(2017, 10, 1), date(2018, 1, 1))

TRUTH = """
SELECT purchase_date, extract(hour FROM order_purchase_timestamp)::int, order_status, customer_state,
    coalesce((SELECT sum(payment_value) FROM shop.order_payments WHERE order_id = o.order_id), 0),
    (SELECT count(*) FROM shop.order_items WHERE order_id = o.order_id),
    (SELECT string_agg(name, ', ' ORDER BY name) FROM (SELECT DISTINCT
        initcap(left(category, 1)) || substr(replace(category, '_', ' '), 2) AS name
     FROM shop.order_items JOIN shop.products USING (product_id)
     LEFT JOIN shop.category_translation USING (product_category_name),
        coalesce(product_category_name_english, product_category_name, '(no category)') AS category
     WHERE order_id = o.order_id) AS named),
    (SELECT string_agg(DISTINCT payment_type, ', ' ORDER BY payment_type)
     FROM shop.order_payments WHERE order_id = o.order_id),
    (SELECT avg(review_score)::float8 FROM shop.order_reviews WHERE order_id = o.order_id),
    extract(epoch FROM order_delivered_customer_date - order_purchase_timestamp)::float8 / 86400,
    order_delivered_customer_date::date > order_estimated_delivery_date::date,
    order_id
FROM shop.orders AS o JOIN shop.customers USING (customer_id)
WHERE order_purchase_timestamp >= %(start)s AND order_purchase_timestamp < %(end)s AND {passing}
ORDER BY purchase_date DESC, 2 DESC, order_id COLLATE "C" DESC
"""

PAID = "EXISTS (SELECT FROM shop.order_payments AS p WHERE p.order_id = o.order_id AND {})"
SOLD = """EXISTS (SELECT FROM shop.order_items AS i JOIN shop.products USING (product_id)
    WHERE i.order_id = o.order_id AND product_category_name = 'brinquedos')"""
FILTERED = [
    ({}, "true"),
    ({"state": ["SP", "RJ"]}, "customer_state IN ('SP', 'RJ')"),
    ({"status": ["canceled"]}, "order_status = 'canceled'"),
    ({"hour": ["10"], "weekday": ["1"]},
     "extract(hour FROM order_purchase_timestamp) = 10 AND extract(isodow FROM order_purchase_timestamp) = 1"),
    ({"payment_type": ["boleto"]}, PAID.format("payment_type = 'boleto'")),
    ({"payment_type": ["credit_card"], "installments": ["2", "3"]},
     PAID.format("payment_type = 'credit_card' AND payment_installments IN (2, 3)")),
    ({"category": ["Toys"]}, SOLD),
    ({"category": ["Toys"], "payment_type": ["boleto"], "state": ["SP"]},
     f"{SOLD} AND customer_state = 'SP' AND " + PAID.format("payment_type = 'boleto'")),
    ({"state": ["no such"]}, "false"),
]  # fmt: skip


@pytest.fixture(scope="module")
def data(olist_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    settings = Settings(_env_file=None, database_url=olist_url, data_dir=tmp_path_factory.mktemp("orders"))
    with opened(settings) as data:
        yield data


@pytest.fixture(scope="module")
def shop(olist_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(olist_url, autocommit=True) as connection:
        yield connection


def truth(shop: psycopg.Connection[Any], span: Span, passing: str = "true") -> list[tuple[Any, ...]]:
    return shop.execute(TRUTH.format(passing=passing), {"start": span.start, "end": span.end}).fetchall()


def almost(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [
        [pytest.approx(value, rel=1e-9) if isinstance(value, float) else value for value in row]
        for row in rows
    ]


@pytest.mark.parametrize(("chosen", "passing"), FILTERED)
def test_orders_are_those_of_the_tables_newest_first(
    data: Data, shop: psycopg.Connection[Any], chosen: dict[str, list[str]], passing: str
) -> None:
    expected = truth(shop, QUARTER, passing)
    found = orders(data.reading(), QUARTER, filters(chosen), limit=10_000).rows
    assert [*map(list, found.select(column.name for column in ORDER_COLUMNS).iter_rows())] == almost(expected)
    asked = Breakdown((ORDERS,), (), filters(chosen))
    assert breakdown(data.reading(), QUARTER, asked).rows.item() == len(expected)


@pytest.mark.parametrize(("chosen", "passing"), FILTERED[:1] + FILTERED[4:5])
def test_the_stream_has_all_of_them(
    data: Data, shop: psycopg.Connection[Any], chosen: dict[str, list[str]], passing: str
) -> None:
    expected = [row[-1] for row in truth(shop, EVER, passing)]
    with streamed_orders(data, EVER, filters(chosen), Cancellation()) as stream:
        found = [one for frame in stream.frames for one in frame["order_id"]]
    assert found == expected
    assert stream.rows == len(expected)


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_there_and_back_hold_every_order_once(
    data: Data, shop: psycopg.Connection[Any], limit: int
) -> None:
    span = Span(date(2017, 11, 20), date(2017, 11, 27))
    expected = [row[-1] for row in truth(shop, span)]
    reading, pages = data.reading(), [order_page(data.reading(), span, limit=limit)]
    assert pages[0].newer is None
    while older := pages[-1].older:
        pages.append(order_page(reading, span, (), older, limit))
    assert [one for page in pages for one in page.rows["order_id"]] == expected
    for before, page in zip(reversed(pages[:-1]), reversed(pages), strict=False):
        assert page.newer is not None
        assert order_page(reading, span, (), page.newer, limit).rows.equals(before.rows)


def test_beyond_the_last_order_comes_the_first_page(data: Data) -> None:
    first = order_page(data.reading(), QUARTER, limit=5)
    for place in (Place(date(2016, 1, 1), 0, ""), Place(date(2020, 1, 1), 0, "", is_newer=True)):
        page = order_page(data.reading(), QUARTER, (), place, 5)
        assert page.rows.equals(first.rows)
        assert (page.newer, page.older) == (None, first.older)


def test_without_orders_there_is_nothing_to_turn_to(data: Data) -> None:
    page = order_page(data.reading(), QUARTER, filters({"state": ["no such"]}))
    assert page.rows.is_empty()
    assert (page.newer, page.older) == (None, None)


def test_a_page_that_was_read_is_not_read_again(data: Data) -> None:
    place = Place(date(2017, 12, 1), 12, "x")
    first = order_page(data.reading(), QUARTER, (), place)
    again = order_page(data.reading(), QUARTER, (), place)
    assert (first.provenance.source, again.provenance.source) == ("database", "memory")


@pytest.mark.parametrize("place", [
    Place(date(2018, 5, 7), 9, "7d1f0a"),
    Place(date(2018, 5, 7), 0, "a.b/c&d=é ?", is_newer=True),
    Place(date(2018, 5, 7), 23, ""),
])  # fmt: skip
def test_a_place_can_stand_in_an_address(place: Place) -> None:
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    ["", "older", "older.2018-05-07.9", "sideways.2018-05-07.9.a", "older.2018-02-30.9.a", "older.2018-05-07.24.a",
     "older.2018-05-07.-1.a", "older.20180507.9.a", "older.2018-05-07.9.a b", "older.2018-05-07.٣.a"],
)  # fmt: skip
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(ParameterError, match="no place in a list of orders"):
        Place.parse(text)


def test_a_customer_has_all_of_their_orders(data: Data, shop: psycopg.Connection[Any]) -> None:
    [(customer, number)] = shop.execute(
        "SELECT customer_unique_id, count(*) FROM shop.orders JOIN shop.customers USING (customer_id)"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    )
    assert number > 1
    found = orders_of(data.reading(), customer).rows
    expected = truth(shop, EVER, f"customer_unique_id = '{customer}'")
    assert [*map(list, found.select(column.name for column in ORDER_COLUMNS).iter_rows())] == almost(expected)
    assert orders_of(data.reading(), "nobody").rows.is_empty()


class TestWhileTheShopChanges:
    @pytest.mark.parametrize("is_newer", [False, True])
    def test_a_place_stays_though_orders_come_and_go(
        self, database_url: str, database: Database, settings: Settings, is_newer: bool
    ) -> None:
        day = date(2018, 1, 1)
        span: Span = Span.through(day, day)
        nothing: Filters = ()
        with administering(database_url) as admin, opening(settings) as open_data:
            for _ in range(6):
                order(admin, day, 10)
            refresh(database)
            data = open_data(database_url)
            place = Place(day, 12, "o3", is_newer)
            expected = ["o5", "o4"] if is_newer else ["o2", "o1", "o0"]
            assert [*orders(data.reading(), span, nothing, place).rows["order_id"]] == expected
            for table in ("order_payments", "orders"):
                admin(f"DELETE FROM shop.{table} WHERE order_id IN ('o0', 'o3')")
            refresh(database)
            data.known.expire()
            found = orders(data.reading(), span, nothing, place).rows["order_id"]
            assert [*found] == [one for one in expected if one != "o0"]

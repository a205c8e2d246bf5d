"""What each page says of real orders, the Olist sample, against SQL on the shop's own tables."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import app
from dashboard.data import Data, opened
from tests.pages import test_figures
from tests.pages.conftest import Ask, OpenPage, settings_for
from tests.pages.test_customers import ARRIVED, SPENT
from tests.pages.test_figures import DRIVERS, chart, numbers, plain, totals
from tests.pages.test_products import CATEGORIES

FIRST, LAST = "2018-02-01", "2018-02-28"
NOW, BEFORE = (FIRST, "2018-03-01"), ("2018-01-01", "2018-02-01")
WINDOW = {"range": "2018-02", "compare": "period"}
DELIVERED = """
SELECT customer_state, extract(epoch FROM avg(order_delivered_customer_date - order_purchase_timestamp)) / 86400,
    avg((order_delivered_customer_date::date > order_estimated_delivery_date::date)::int)
FROM shop.orders JOIN shop.customers USING (customer_id)
WHERE order_delivered_customer_date IS NOT NULL
    AND order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
GROUP BY 1
"""
SOLD = """
SELECT count(*), sum(price), sum(freight_value) FROM shop.order_items JOIN shop.orders USING (order_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
"""
REVIEWED = """
SELECT avg(review_score) FROM shop.order_reviews JOIN shop.orders USING (order_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
"""
CROSSED = """
SELECT customer_state, payment_type, sum(payment_value)
FROM shop.orders JOIN shop.customers USING (customer_id) JOIN shop.order_payments USING (order_id)
WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s GROUP BY 1, 2
"""


@pytest.fixture(scope="module")
def data(olist_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with opened(settings_for(olist_url, tmp_path_factory.mktemp("olist_pages"))) as data:
        yield data


@pytest.fixture(autouse=True)
def _shown(monkeypatch: pytest.MonkeyPatch, data: Data) -> None:
    monkeypatch.setattr(app, "process_data", lambda: data)


@pytest.fixture
def ask(olist_url: str) -> Iterator[Ask]:
    with psycopg.connect(olist_url) as connection:
        yield lambda sql, *params: connection.execute(sql, params).fetchall()


def exactly(page: AppTest) -> list[str]:
    return [plain(tile.help).rpartition("Exactly ")[2].rstrip(".") for tile in page.metric]


def written(figure: Any) -> str:
    return f"R${figure:,.2f}" if isinstance(figure, Decimal) else f"{figure:,}"


def test_overview(open_page: OpenPage, ask: Ask) -> None:
    page = open_page("overview", **WINDOW)
    now, before = totals(ask, (FIRST, LAST)), totals(ask, ("2018-01-01", "2018-01-31"))
    assert exactly(page) == [written(figure) for figure in now.values()]
    assert [tile.delta for tile in page.metric] == [f"{now[name] / before[name] - 1:+.1%}" for name in now]
    for place, sql in DRIVERS:
        both = [dict(ask(sql, *days)) for days in (NOW, BEFORE)]
        difference = sum(both[0].values()) - sum(both[1].values())
        assert sum(numbers(chart(page, place)["data"][0]["x"])) == pytest.approx(float(difference))


def test_sales(open_page: OpenPage, ask: Ask) -> None:
    page = open_page("sales", **WINDOW, grain="day")
    days = [date.fromisoformat(FIRST) + timedelta(days=n) for n in range(28)]
    truth = [totals(ask, (day, day)) for day in days]
    table = page.dataframe[0].value
    for name in ("revenue", "orders", "customers"):
        assert list(table[name]) == pytest.approx([float(each[name]) for each in truth]), name
    so_far = numbers(chart(open_page("sales", **WINDOW, grain="day", view="cumulative"), 0)["data"][-1]["y"])
    assert so_far == pytest.approx(list(np.cumsum([float(each["revenue"]) for each in truth])))


def test_sales_by_hour_and_value(open_page: OpenPage, ask: Ask) -> None:
    heat = chart(open_page("sales", **WINDOW, view="hours", measure="orders"), 0)["data"][0]["z"]
    truth = np.zeros((7, 24))
    for weekday, hour, orders in ask(test_figures.HOURS, *NOW):
        truth[weekday - 1, hour] = orders
    drawn = np.nan_to_num(numbers(heat)).reshape(7, -1)
    assert drawn == pytest.approx(truth[:, truth.any(axis=0)])
    values = chart(open_page("sales", **WINDOW, view="values"), 0)
    counts = dict(zip(values["layout"]["xaxis"]["ticktext"], numbers(values["data"][1]["y"]), strict=True))
    known = dict(ask(test_figures.VALUES, *NOW))
    assert (counts["50 – 75"], sum(counts.values())) == (known[3], sum(known.values()))


def test_deliveries(open_page: OpenPage, ask: Ask) -> None:
    page, truth = open_page("sales", **WINDOW, view="delivery"), ask(DELIVERED, *NOW)
    for place, column in ((1, 1), (2, 2)):
        figures = sorted((float(row[column]) for row in truth), reverse=True)[:15]
        assert numbers(chart(page, place)["data"][1]["x"])[::-1] == pytest.approx(figures)


def test_products(open_page: OpenPage, ask: Ask) -> None:
    total = open_page("products", **WINDOW).dataframe[0].value.iloc[-1]
    [(units, price, freight)], [(stars,)] = ask(SOLD, *NOW), ask(REVIEWED, *NOW)
    assert total["units"] == units
    assert total["item_sales"] == pytest.approx(float(price + freight))
    assert total["average_price"] == pytest.approx(float(price / units))
    assert total["freight_share"] == pytest.approx(float(freight / (price + freight)))
    assert total["review_score"] == pytest.approx(float(stars))
    categories = ask(CATEGORIES, *NOW)
    drawn = numbers(chart(open_page("products", **WINDOW), 0)["data"][1]["x"])[::-1]
    assert drawn == pytest.approx([float(value) for _, value in categories[:24]])


def test_customers(open_page: OpenPage, ask: Ask) -> None:
    page = open_page("customers", **WINDOW)
    [arrived], people = ask(ARRIVED, *NOW), ask(SPENT, NOW[1])
    assert exactly(page)[:4] == [written(figure) for figure in arrived]
    segments, best = (page.dataframe[place].value for place in (0, 1))
    assert sum(segments["people"]) == len(people)
    assert sum(segments["revenue"]) == pytest.approx(float(sum(row[2] for row in people)))
    assert list(best["revenue"]) == pytest.approx([float(row[2]) for row in people[:20]])


def test_customer(open_page: OpenPage, ask: Ask) -> None:
    person, orders, paid, *_ = max(ask(SPENT, "2030-01-01"), key=lambda row: (row[1], row[0]))
    table = open_page("customer", id=person).dataframe[0].value
    assert len(table) == orders
    assert sum(table["revenue"]) == pytest.approx(float(paid))


@pytest.mark.parametrize("only", [{}, {"state": "SP"}, {"payment_type": "voucher"}], ids=str)
def test_explore(open_page: OpenPage, ask: Ask, only: dict[str, str]) -> None:
    page = open_page("explore", **WINDOW, **only, by=["state", "payment_type"], look="table", top="200")
    table = page.dataframe[-2].value
    found = {
        (row["state"], row["payment_type"].lower().replace(" ", "_")): row["revenue"]
        for row in table.iloc[:-1].to_dict("records")
        if row["revenue"]
    }
    truth = {
        (state, kind): float(paid)
        for state, kind, paid in ask(CROSSED, *NOW)
        if only in ({}, {"state": state}, {"payment_type": kind}) and paid
    }
    assert found == pytest.approx(truth)
    assert table["revenue"].iloc[-1] == pytest.approx(sum(truth.values()))

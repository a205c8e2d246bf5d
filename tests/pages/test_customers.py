"""What the pages of customers say, against SQL on the shop's own tables."""

from contextlib import closing
from decimal import Decimal
from urllib.parse import quote

import psycopg
import pytest

from dashboard.database import Database
from dashboard.settings import Settings
from tests.pages.conftest import Ask, OpenPage, Show
from tests.pages.test_figures import chart, numbers, plain
from tests.reads import refresh

SPENT = """
SELECT customer_unique_id, count(DISTINCT order_id), coalesce(sum(payment_value), 0),
    min(order_purchase_timestamp)::date, max(order_purchase_timestamp)::date
FROM shop.customers JOIN shop.orders USING (customer_id) LEFT JOIN shop.order_payments USING (order_id)
WHERE order_purchase_timestamp < %s
GROUP BY customer_unique_id
ORDER BY 3 DESC
"""
ARRIVED = """
WITH firsts AS (
    SELECT customer_unique_id, min(order_purchase_timestamp)::date AS first_day
    FROM shop.customers JOIN shop.orders USING (customer_id) GROUP BY customer_unique_id
), orders AS (
    SELECT customer_unique_id, order_purchase_timestamp::date > first_day AS is_again,
        (SELECT coalesce(sum(payment_value), 0) FROM shop.order_payments AS p WHERE p.order_id = o.order_id) AS paid
    FROM shop.orders AS o JOIN shop.customers USING (customer_id) JOIN firsts USING (customer_unique_id)
    WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
)
SELECT count(DISTINCT customer_unique_id) FILTER (WHERE NOT is_again),
    count(DISTINCT customer_unique_id) FILTER (WHERE is_again),
    coalesce(sum(paid) FILTER (WHERE NOT is_again), 0), coalesce(sum(paid) FILTER (WHERE is_again), 0)
FROM orders
"""
HOSTILE = ["nobody", "<b>x</b> $y$ **z** :smile: `q`", "' OR 1=1 --", "☃" * 2_000, "../customers"]


@pytest.mark.usefixtures("shown")
class TestCustomers:
    def test_tiles_say_who_is_new_and_who_returns(self, open_page: OpenPage, ask: Ask) -> None:
        page = open_page("customers", range="2025-02", compare="period")
        [now], [before] = ask(ARRIVED, "2025-02-01", "2025-03-01"), ask(ARRIVED, "2025-01-01", "2025-02-01")
        for tile, value, value_before in zip(page.metric[:4], now, before, strict=True):
            written = f"R${value:,.2f}" if isinstance(value, Decimal) else f"{value:,}"
            assert plain(tile.help).endswith(f"Exactly {written}.")
            assert tile.delta == f"{value / value_before - 1:+.1%}"

    @pytest.mark.parametrize(("by", "columns"), [("people", (0, 1)), ("revenue", (2, 3))])
    def test_chart_has_both_parts_of_each_bucket(
        self, open_page: OpenPage, ask: Ask, by: str, columns: tuple[int, int]
    ) -> None:
        page = open_page("customers", range="2025-01-01..2025-02-28", compare="none", grain="month", by=by)
        months = [("2025-01-01", "2025-02-01"), ("2025-02-01", "2025-03-01")]
        truth = [ask(ARRIVED, *month)[0] for month in months]
        for trace, column in zip(chart(page, 0)["data"], columns, strict=True):
            assert numbers(trace["y"]) == pytest.approx([float(figures[column]) for figures in truth])

    def test_segments_and_distribution_have_everybody_until_the_end_of_the_window(
        self, open_page: OpenPage, ask: Ask
    ) -> None:
        page = open_page("customers", range="2024-11")
        people = ask(SPENT, "2024-12-01")
        segments = page.dataframe[0].value
        assert sum(segments["people"]) == len(people)
        assert sum(segments["revenue"]) == pytest.approx(float(sum(row[2] for row in people)))
        assert sum(numbers(chart(page, 2)["data"][0]["y"])) == len(people)
        assert "Segments on 30 Nov 2024" in [
            plain(said.value).split("**")[1] for said in page.markdown if "**" in said.value
        ]

    def test_best_customers_lead_to_their_pages(self, open_page: OpenPage, ask: Ask) -> None:
        page = open_page("customers")
        best = page.dataframe[1].value
        truth = {row[0]: row for row in ask(SPENT, "2025-03-20")}
        assert list(best["revenue"]) == pytest.approx(
            sorted((float(row[2]) for row in truth.values()), reverse=True)[:20]
        )
        for address, revenue, orders in best[["customer_unique_id", "revenue", "orders"]].itertuples(
            index=False
        ):
            path, _, person = address.partition("?id=")
            assert path == "customer"
            assert (float(truth[person][2]), truth[person][1]) == (revenue, orders)


@pytest.mark.usefixtures("shown")
class TestCustomer:
    def test_page_has_figures_and_all_orders(self, open_page: OpenPage, ask: Ask) -> None:
        person, orders, paid, first, last = max(ask(SPENT, "2030-01-01"), key=lambda row: row[1])
        page = open_page("customer", id=person)
        assert not page.exception
        said = {metric.label: plain(metric.value) for metric in page.metric}
        assert said["Orders"] == str(orders)
        assert said["Revenue"] == f"R${paid:,.2f}"
        assert (said["First order"], said["Last order"]) == (f"{first:%-d %b %Y}", f"{last:%-d %b %Y}")
        table = page.dataframe[0].value
        assert len(table) == orders > 1
        assert sum(table["revenue"]) == pytest.approx(float(paid))
        assert list(table["date"]) == sorted(table["date"], reverse=True)
        units = ask(
            "SELECT count(*) FROM shop.order_items WHERE order_id = ANY (%s)", list(table["order_id"])
        )
        assert sum(table["items"]) == units[0][0]

    @pytest.mark.parametrize("person", HOSTILE, ids=range(len(HOSTILE)))
    def test_an_id_that_nobody_has_is_said_as_it_is(self, open_page: OpenPage, person: str) -> None:
        page = open_page("customer", id=person)
        assert not page.exception
        assert not page.error
        [said] = page.info
        assert plain(said.value).replace("\u2060", "") == f"There is no customer {person}."
        assert not page.metric

    def test_what_postgresql_cannot_be_sent_is_an_error_with_words(self, open_page: OpenPage) -> None:
        page = open_page("customer", id="\0")
        assert not page.exception
        assert "customer is '\\x00', which is no text" in plain(page.error[0].value)

    def test_without_an_id_the_page_says_what_is_missing(self, open_page: OpenPage) -> None:
        page = open_page("customer")
        assert not page.exception
        assert "names no customer" in page.info[0].value


def test_ids_from_the_shop_are_never_markup_or_another_address(
    open_page: OpenPage, show: Show, own_shop_url: str, settings: Settings
) -> None:
    evil = "**x** $y$ &id=2#/<b>?"
    with psycopg.connect(own_shop_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE shop.order_payments SET payment_value = 1e6 WHERE order_id = "
            "(SELECT min(order_id) FROM shop.order_payments)"
        )
        connection.execute(
            "UPDATE shop.customers SET customer_unique_id = %s WHERE customer_id = (SELECT customer_id "
            "FROM shop.orders WHERE order_id = (SELECT min(order_id) FROM shop.order_payments))",
            (evil,),
        )
    with closing(Database(own_shop_url, settings)) as database:
        refresh(database)
    show(own_shop_url)
    best = open_page("customers").dataframe[1].value
    assert best["customer_unique_id"][0] == f"customer?id={quote(evil, safe='')}"
    page = open_page("customer", id=evil)
    assert not page.error
    assert plain(page.markdown[0].value) == f"**Customer {evil}**"
    assert len(page.dataframe[0].value) == 1

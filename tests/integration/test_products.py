"""What categories and products sold, against SQL that is written here, over the shop's own tables."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl
import psycopg
import pytest

from dashboard import explore
from dashboard.data import Reading, opened
from dashboard.explore import Breakdown, Filter, Sort
from dashboard.measures import (
    AVERAGE_PRICE,
    CATEGORY,
    FREIGHT_SHARE,
    ITEM_SALES,
    LATE_SHARE,
    ORDERS,
    PRODUCT,
    REVIEW_SCORE,
    STATE,
    UNITS,
    Dimension,
)
from dashboard.settings import Settings
from dashboard.window import Comparison, Grain, Window

MEASURES = (ITEM_SALES, UNITS, AVERAGE_PRICE, FREIGHT_SHARE, REVIEW_SCORE, LATE_SHARE, ORDERS)
LAST = date(2018, 9, 20)
YEAR = Window(date(2017, 9, 1), date(2018, 8, 1), LAST, Grain.WEEK, Comparison.PREVIOUS_YEAR)
KINDS = {"category": (CATEGORY,), "product": (PRODUCT, CATEGORY)}

# Pieces under the names that people see, and the orders that have any of a member, each once.
NAMED = """
WITH piece AS (
    SELECT o.order_id, o.order_purchase_timestamp::date AS day, i.product_id AS product, i.price, i.freight_value,
        (SELECT upper(left(name, 1)) || substr(name, 2) FROM replace(coalesce(
            t.product_category_name_english, p.product_category_name, '(no category)'), '_', ' ') AS name) AS category
    FROM shop.orders AS o
    JOIN shop.order_items AS i USING (order_id)
    JOIN shop.products AS p USING (product_id)
    LEFT JOIN shop.category_translation AS t USING (product_category_name)
    WHERE o.order_purchase_timestamp >= %(start)s AND o.order_purchase_timestamp < %(end)s
)
"""
FIGURES = (
    NAMED
    + """, sold AS (
    SELECT {by} AS member, sum(price + freight_value) AS item_sales, count(*) AS units, avg(price) AS average_price,
        sum(freight_value) / nullif(sum(price + freight_value), 0) AS freight_share
    FROM piece GROUP BY {by}
), placed AS (
    SELECT DISTINCT {by} AS member, order_id FROM piece
), judged AS (
    SELECT member, avg(review_score) AS review_score
    FROM placed JOIN shop.order_reviews USING (order_id) GROUP BY member
), arrived AS (
    SELECT member, count(*) AS orders,
        avg((order_delivered_customer_date::date > order_estimated_delivery_date::date)::int)
            FILTER (WHERE order_delivered_customer_date IS NOT NULL) AS late_share
    FROM placed JOIN shop.orders USING (order_id) GROUP BY member
)
SELECT member, item_sales, units, average_price, freight_share, review_score, late_share, orders
FROM sold JOIN arrived USING (member) LEFT JOIN judged USING (member)
"""
)
PARETO = (
    NAMED
    + """, member AS (
    SELECT {by} AS member, sum(price + freight_value) AS sales FROM piece GROUP BY {by}
), together AS (
    SELECT sum(sales) OVER (ORDER BY sales DESC, member COLLATE "C" ROWS UNBOUNDED PRECEDING) AS sales FROM member
)
SELECT count(*) FILTER (WHERE sales < 0.8 * (SELECT sum(sales) FROM member)) + 1, count(*), max(sales) FROM together
"""
)
WEEKS = (
    NAMED
    + """
SELECT date_trunc('week', day)::date, category, sum(price + freight_value), avg(price)
FROM piece WHERE category = ANY (%(members)s) GROUP BY 1, 2
"""
)


@pytest.fixture(scope="module")
def data(olist_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    folder = tmp_path_factory.mktemp("data")
    with opened(
        Settings(_env_file=None, database_url=olist_url, data_dir=folder, versions_poll_seconds=60)
    ) as data:
        yield data.reading()


@pytest.fixture(scope="module")
def connection(olist_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(olist_url, autocommit=True) as connection:
        yield connection


def same(ours: Iterable[Any], theirs: Iterable[Any]) -> bool:
    """Money to the cent, counts to the one; what was divided almost."""
    return all(
        one == pytest.approx(float(other), rel=1e-9) if isinstance(one, float) else one == other
        for one, other in zip(ours, theirs, strict=True)
    )


class Truth:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def figures(self, by: Dimension, window: Any) -> dict[str, tuple[Any, ...]]:
        rows = self._asked(FIGURES.format(by=by.name), window)
        return {member: figures for member, *figures in rows}

    def pareto(self, by: Dimension, window: Any) -> tuple[Any, ...]:
        [row] = self._asked(PARETO.format(by=by.name), window)
        return row

    def weeks(self, members: list[str], window: Any) -> dict[tuple[date, str], tuple[Any, ...]]:
        rows = self._asked(WEEKS, window, members=members)
        return {(week, member): tuple(figures) for week, member, *figures in rows}

    def _asked(self, sql: str, window: Any, **params: Any) -> list[Any]:
        return self._connection.execute(sql, {"start": window.start, "end": window.end, **params}).fetchall()


@pytest.fixture(scope="module")
def truth(connection: psycopg.Connection[Any]) -> Truth:
    return Truth(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_figures_of_every_member_and_of_its_comparison(data: Reading, truth: Truth, kind: str) -> None:
    dimensions, compared = KINDS[kind], YEAR.comparison_span()
    asked = Breakdown(MEASURES, dimensions)
    found = explore.ranked(data, YEAR.elapsed, compared, asked, Sort.VALUE, 10)
    now, before = truth.figures(dimensions[0], YEAR), truth.figures(dimensions[0], compared)
    names = [one.name for one in MEASURES]
    nothing = [0 if one.adds_up else None for one in MEASURES]
    assert set(found.members[kind]) == now.keys() | before.keys()
    assert found.others == len(found.members) - 10
    for row in found.members.iter_rows(named=True):
        for suffix, known in (("", now), ("_before", before)):
            figures = known.get(row[kind], nothing)
            assert same([row[f"{name}{suffix}"] for name in names], figures), row[kind]
        for name in names:
            value, then = row[name], row[f"{name}_before"]
            change = float(value) / float(then) - 1 if then and value is not None else None
            assert row[f"{name}_change"] == (None if change is None else pytest.approx(change))
    sales = [float(value) for value in found.members["item_sales"]]
    assert sales == sorted(sales, reverse=True)


@pytest.mark.parametrize("kind", KINDS)
def test_rest_and_total_are_exact_or_not_said(data: Reading, truth: Truth, kind: str) -> None:
    dimensions = KINDS[kind]
    found = explore.ranked(data, YEAR.elapsed, None, Breakdown(MEASURES, dimensions), Sort.VALUE, 10)
    others = found.members.slice(10)
    assert found.rest["item_sales"].to_list() == [others["item_sales"].sum()]
    assert found.rest["units"].to_list() == [others["units"].sum()]
    assert found.rest["average_price"][0] == pytest.approx(
        float((others["average_price"] * others["units"]).sum() / others["units"].sum())
    )
    assert [found.rest[one.name][0] for one in (REVIEW_SCORE, LATE_SHARE, ORDERS)] == [None] * 3
    table = found.table(dimensions)
    assert table[kind].to_list()[-2:] == [f"{found.others:,} others", "Total"]
    assert table["item_sales"].to_list()[-1] == sum(
        figures[0] for figures in truth.figures(dimensions[0], YEAR).values()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_so_many_make_four_fifths(data: Reading, truth: Truth, kind: str) -> None:
    by = KINDS[kind][0]
    rows = explore.pareto(explore.ranking(data, YEAR, by, ITEM_SALES).rows)
    assert (explore.needed(rows), len(rows), rows["together"][-1]) == truth.pareto(by, YEAR)
    assert rows["share_together"][-1] == pytest.approx(1)


def test_products_are_named_by_the_beginning_of_their_id_and_their_category(data: Reading) -> None:
    found = explore.ranked(data, YEAR.elapsed, None, Breakdown((UNITS,), KINDS["product"]), Sort.VALUE, 1)
    [[product, category]] = found.named.select("product", "category").rows()
    assert found.label_of(KINDS["product"])(product) == f"{product[:8]}… · {category}"
    assert found.table(KINDS["product"])["product"][0] == product


MEMBERS = ["Toys", "Auto", "Nonsense"]


class TestCourses:
    def found(self, data: Reading, window: Window, asked: Breakdown) -> pl.DataFrame:
        members = pl.DataFrame({"category": MEMBERS})
        return explore.courses(data, window, asked, members).rows

    def test_every_week_of_every_member(self, data: Reading, truth: Truth) -> None:
        asked = Breakdown((ITEM_SALES, AVERAGE_PRICE), (CATEGORY,), (Filter(CATEGORY, tuple(MEMBERS)),))
        rows = self.found(data, YEAR, asked)
        known = truth.weeks(MEMBERS, YEAR)
        weeks = [bucket.start - timedelta(days=bucket.start.weekday()) for bucket in YEAR.buckets()]
        assert [*rows.select("date", "category").iter_rows()] == [
            (week, member) for week in weeks for member in MEMBERS
        ]
        for week, member, *figures in rows.select(
            "date", "category", "item_sales", "average_price"
        ).iter_rows():
            assert same(figures, known.get((week, member), (0, None)))

    def test_weeks_that_the_window_cuts_off_are_incomplete(self, data: Reading) -> None:
        rows = self.found(data, YEAR, Breakdown((ITEM_SALES,), (CATEGORY,)))
        toys = rows.filter(category="Toys")["is_complete"].to_list()
        assert toys == [False, *[True] * (len(toys) - 2), False]

    def test_days_beyond_the_data_have_no_point(self, data: Reading) -> None:
        window = Window(date(2018, 9, 15), date(2018, 10, 15), LAST, Grain.DAY)
        rows = self.found(data, window, Breakdown((ITEM_SALES,), (CATEGORY,)))
        assert rows["date"].max() == LAST

    def test_without_dimensions_there_is_one_course(self, data: Reading) -> None:
        only = (Filter(STATE, ("SP",)),)
        rows = explore.courses(data, YEAR, Breakdown((UNITS,), (), only), pl.DataFrame()).rows
        assert rows.columns == ["date", "is_complete", "units"]
        total = explore.breakdown(data, YEAR.span, Breakdown((UNITS,), (), only)).rows
        assert rows["units"].sum() == total["units"][0]


def test_equals_stand_in_the_order_of_the_next_measure(data: Reading) -> None:
    asked = Breakdown((REVIEW_SCORE, ITEM_SALES), (PRODUCT,))
    rows = explore.ranked(data, YEAR.elapsed, None, asked, Sort.VALUE, 50).named
    assert set(rows["review_score"]) == {5.0}
    assert rows["item_sales"].is_sorted(descending=True)

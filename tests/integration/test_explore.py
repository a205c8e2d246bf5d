"""Real orders, counted by our queries and by SQL that is written here and knows none of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard import explore
from dashboard.data import DATABASE, Data, Extent, Reading, opened
from dashboard.measures import CATEGORY, CUSTOMERS, ITEM_SALES, MEASURES, REVENUE, STATE, Dimension
from dashboard.refresh import refresh_views
from dashboard.settings import Settings
from dashboard.window import Comparison, Grain, Span, Window
from tests import shop
from tests.reads import catch_up

FIRST, LAST = date(2016, 10, 4), date(2018, 9, 20)
ALL = Span.through(FIRST, LAST)

FIGURES = """
SELECT
    (SELECT coalesce(sum(payment_value), 0) FROM shop.order_payments JOIN shop.orders USING (order_id)
     WHERE order_purchase_timestamp >= first AND order_purchase_timestamp < stop),
    (SELECT count(*) FROM shop.orders
     WHERE order_purchase_timestamp >= first AND order_purchase_timestamp < stop),
    (SELECT count(DISTINCT customer_unique_id) FROM shop.customers JOIN shop.orders USING (customer_id)
     WHERE order_purchase_timestamp >= first AND order_purchase_timestamp < stop)
FROM unnest(%s::date[], %s::date[]) WITH ORDINALITY AS span (first, stop, number)
ORDER BY number
"""
MEMBERS = {
    STATE.name: """
        SELECT customer_state, coalesce(sum(payment_value), 0)
        FROM shop.customers
        JOIN shop.orders USING (customer_id)
        LEFT JOIN shop.order_payments USING (order_id)
        WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
        GROUP BY customer_state
    """,
    CATEGORY.name: """
        SELECT coalesce(
            (SELECT product_category_name_english FROM shop.category_translation AS t
             WHERE t.product_category_name = p.product_category_name),
            product_category_name,
            '(no category)'
        ) AS category, sum(price) + sum(freight_value)
        FROM shop.orders
        JOIN shop.order_items USING (order_id)
        JOIN shop.products AS p USING (product_id)
        WHERE order_purchase_timestamp >= %s AND order_purchase_timestamp < %s
        GROUP BY category
    """,
}


@dataclass(frozen=True)
class Figures:
    revenue: Decimal
    orders: int
    customers: int

    @property
    def average_order_value(self) -> float | None:
        return float(self.revenue) / self.orders if self.orders else None

    @staticmethod
    def of(row: dict[str, Any], suffix: str = "") -> "Figures | None":
        """What one of our rows says; checks the average against the rest."""
        if row[f"orders{suffix}"] is None:
            assert all(row[f"{name}{suffix}"] is None for name in ("date", *MEASURES))
            return None
        figures = Figures(*(row[f"{name}{suffix}"] for name in ("revenue", "orders", "customers")))
        assert row[f"average_order_value{suffix}"] == figures.average_order_value
        return figures


class Oracle:
    """The truth, from the shop's own tables."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def figures(self, spans: Sequence[Span]) -> list[Figures]:
        edges = [span.start for span in spans], [span.end for span in spans]
        return [Figures(*row) for row in self._connection.execute(FIGURES, edges)]

    def members(self, dimension: Dimension, span: Span | None) -> dict[str, Decimal]:
        """Figures of the members that sold anything, named as people see them."""
        if span is None:
            return {}
        rows = self._connection.execute(MEMBERS[dimension.name], (span.start, span.end))
        return {
            name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:]: value for name, value in rows
        }


@pytest.fixture(scope="module")
def data(olist_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    folder = tmp_path_factory.mktemp("data")
    with opened(
        Settings(_env_file=None, database_url=olist_url, data_dir=folder, versions_poll_seconds=60)
    ) as data:
        yield data.reading()


@pytest.fixture(scope="module")
def oracle(olist_url: str) -> Iterator[Oracle]:
    with psycopg.connect(olist_url, autocommit=True) as connection:
        yield Oracle(connection)


@pytest.fixture
def fresh(database_url: str, tmp_path: Path) -> Iterator[Data]:
    """Of a shop without orders; it knows at once of new data."""
    with opened(
        Settings(_env_file=None, database_url=database_url, data_dir=tmp_path, versions_poll_seconds=1e-6)
    ) as data:
        yield data


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """Ranges in, across and outside of the data; most of them short."""
    reach = timedelta(days=500)
    start = draw(st.dates(FIRST - reach, LAST + reach))
    days = draw(st.one_of(st.just(1), st.integers(1, 40), st.integers(1, 1_000)))
    return Span(start, start + timedelta(days=days))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    span = draw(spans())
    comparison = draw(st.sampled_from(Comparison))
    return Window(
        span.start,
        span.end,
        watermark=draw(st.one_of(st.just(LAST), st.dates(FIRST, LAST))),
        chosen_grain=draw(st.sampled_from([*Grain, None])),
        comparison=comparison,
        compared=draw(spans()) if comparison is Comparison.CUSTOM else None,
    )


random_windows = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.usefixtures("olist_sample")
class TestReadme:
    """The totals that the sample's README lists."""

    def test_totals_over_all_dates(self, data: Reading) -> None:
        [row] = explore.totals(data, ALL).rows.to_dicts()
        assert Figures.of(row) == Figures(Decimal("659682.58"), 4_071, 4_066)
        assert data.frame("business/daily_sales").rows.select(
            pl.col("total_orders").sum(), pl.col("total_revenue").sum()
        ).row(0) == (4_071, Decimal("659682.58"))

    def test_extent(self, data: Reading) -> None:
        assert data.extent() == Extent(FIRST, LAST)

    def test_busiest_day(self, data: Reading) -> None:
        daily = data.frame("business/daily_sales").rows
        assert daily.sort("total_orders")["date"][-1] == date(2017, 11, 24)
        black_friday = Span(date(2017, 11, 24), date(2017, 11, 25))
        assert data.frame("business/daily_sales", black_friday).rows["total_orders"].to_list() == [49]

    @pytest.mark.parametrize(
        ("month", "revenue"),
        [
            (date(2017, 10, 1), "28803.44"),
            (date(2017, 11, 1), "55040.69"),
            (date(2017, 12, 1), "31353.73"),
            (date(2018, 1, 1), "43220.18"),
            (date(2018, 7, 1), "49646.84"),
            (date(2018, 9, 1), "191.46"),
        ],
    )
    def test_monthly_revenue(self, data: Reading, month: date, revenue: str) -> None:
        series = explore.series(data, Window(ALL.start, ALL.end, LAST, Grain.MONTH))
        assert series.rows.filter(date=month)["revenue"].to_list() == [Decimal(revenue)]
        assert explore.totals(data, Grain.MONTH.span(month)).rows["revenue"][0] == Decimal(revenue)

    def test_orders_by_state(self, data: Reading) -> None:
        states = (
            data.frame("business/sales_by_state").rows.group_by("state").agg(pl.col("total_orders").sum())
        )
        orders = dict(states.iter_rows())
        assert sum(orders.values()) == 4_071
        assert [orders[state] for state in ("SP", "RJ", "MG", "RS")] == [1_727, 522, 453, 220]

    def test_items(self, data: Reading) -> None:
        categories = data.frame("business/sales_by_category").rows
        assert categories["units"].sum() == 4_567
        assert categories["item_sales"].sum() == Decimal("561316.40") + Decimal("91181.30")
        names = set(categories["category"])
        assert {"Pc gamer", "Portateis cozinha e preparadores de alimentos", "(no category)"} & names
        assert "Health beauty" in names

    def test_customers_are_persons(self, data: Reading) -> None:
        customers = data.frame("business/customers", top=10_000).rows
        assert customers["customer_unique_id"].n_unique() == len(customers) == 4_066
        assert customers["total_orders"].sum() == 4_071
        assert customers["total_spent"].sum() == Decimal("659682.58")


@given(span=spans())
@random_windows
def test_totals_are_those_of_the_shop(data: Reading, oracle: Oracle, span: Span) -> None:
    [row] = explore.totals(data, span).rows.to_dicts()
    assert [Figures.of(row)] == oracle.figures([span])


@given(window=windows())
@random_windows
def test_series_is_that_of_the_shop_bucket_by_bucket(data: Reading, oracle: Oracle, window: Window) -> None:
    extent = data.extent()
    pairs = [
        (bucket, opposite if opposite and overlaps(opposite, extent) else None)
        for bucket, opposite in window.aligned_buckets()
        if overlaps(bucket, extent)
    ]
    rows = explore.series(data, window).rows.to_dicts()
    assert [(row["date"], row["is_complete"]) for row in rows] == [(b.start, b.complete) for b, _ in pairs]
    assert [row["date_before"] for row in rows] == [span and span.start for _, span in pairs]
    assert [Figures.of(row) for row in rows] == oracle.figures([bucket for bucket, _ in pairs])
    before = iter(oracle.figures([span for _, span in pairs if span]))
    assert [Figures.of(row, "_before") for row in rows] == [span and next(before) for _, span in pairs]


def overlaps(span: Span, extent: Extent | None) -> bool:
    assert extent
    return span.start <= extent.last_day and span.end > extent.first_day


@given(window=windows())
@random_windows
def test_additive_measures_of_a_series_add_up_to_the_total(data: Reading, window: Window) -> None:
    series = explore.series(data, window).rows
    total = explore.totals(data, window.span).rows
    for name in ("revenue", "orders"):
        assert series[name].sum() == total[name][0]
    assert series[CUSTOMERS.name].sum() >= total[CUSTOMERS.name][0]


@given(window=windows(), dimension=st.sampled_from([STATE, CATEGORY]))
@random_windows
def test_ranking_is_that_of_the_shop(
    data: Reading, oracle: Oracle, window: Window, dimension: Dimension
) -> None:
    compared = window.comparison_span()
    now, before = oracle.members(dimension, window.elapsed), oracle.members(dimension, compared)
    measure = REVENUE if dimension is STATE else ITEM_SALES
    rows = explore.ranking(data, window, dimension, measure).rows
    nothing = Decimal(0) if compared else None
    assert {member: (value, value_before) for member, value, value_before in rows.iter_rows()} == {
        member: (now.get(member, Decimal(0)), before.get(member, nothing)) for member in now.keys() | before
    }
    assert list(rows.iter_rows()) == sorted(rows.iter_rows(), key=lambda row: (-row[1], row[0]))
    if dimension is STATE:
        assert rows["value"].sum() == explore.totals(data, window.elapsed).rows["revenue"][0]


NUMBERS = "SELECT customer_unique_id, person FROM dashboard.people"


@pytest.fixture
def growing(fresh: Data, tmp_path: Path) -> Data:
    """A shop to be added to."""
    shop.fill_like_olist(fresh.database, tmp_path)
    return fresh


def test_customers_are_those_of_the_shop_while_it_grows(growing: Data, database_url: str) -> None:
    """Months that were cached before and after people got their numbers are counted together."""
    orders, connection = count(), psycopg.connect(database_url, autocommit=True)
    oracle = Oracle(connection)
    known = [
        person for (person,) in connection.execute("SELECT customer_unique_id FROM shop.customers LIMIT 20")
    ]

    def order(person: str, day: date) -> None:
        number = f"new-{next(orders)}"
        connection.execute("INSERT INTO shop.customers VALUES (%s, %s)", (number, person))
        connection.execute("INSERT INTO shop.orders VALUES (%s, %s, 'created', %s)", (number, number, day))

    people = st.sampled_from([*known, *(f"new person {n}" for n in range(20))])
    batches = st.lists(st.tuples(people, st.dates(FIRST, LAST)), max_size=8)

    @given(batch=batches, window=windows(), seen_before=spans())
    @settings(random_windows, max_examples=40)
    def run(batch: list[tuple[str, date]], window: Window, seen_before: Span) -> None:
        explore.totals(growing.reading(), seen_before)
        numbers = dict(connection.execute(NUMBERS).fetchall())
        for person, day in batch:
            order(person, day)
        with growing.database.writer() as writer:
            refresh_views(writer, reason="test", views=[growing.catalogue.view("customer_days")])
        catch_up(growing)
        rows = explore.series(growing.reading(), window).rows.to_dicts()
        buckets = [bucket for bucket in window.buckets() if overlaps(bucket, growing.reading().extent())]
        found = [row[CUSTOMERS.name] for row in rows]
        assert found == [figures.customers for figures in oracle.figures(buckets)]
        [total] = explore.totals(growing.reading(), window.span).rows[CUSTOMERS.name]
        assert total == oracle.figures([window.span])[0].customers
        assert numbers.items() <= dict(connection.execute(NUMBERS).fetchall()).items()

    with connection:
        run()


MONEY = pl.Decimal(38, 2)
ROW = {
    "date": pl.Date,
    "revenue": MONEY,
    "orders": pl.Int64,
    "customers": pl.Int64,
    "average_order_value": pl.Float64,
}


class TestShape:
    @pytest.mark.parametrize("span", [ALL, Span(date(2010, 1, 1), date(2010, 1, 2))])
    def test_totals_have_the_same_columns_in_any_range(self, data: Reading, span: Span) -> None:
        rows = explore.totals(data, span).rows
        assert rows.schema == ROW
        assert len(rows) == 1

    @pytest.mark.parametrize("span", [ALL, Span(date(2010, 1, 1), date(2010, 3, 2))])
    @pytest.mark.parametrize("comparison", [Comparison.NONE, Comparison.PREVIOUS_PERIOD])
    def test_series_has_the_same_columns_in_any_range(
        self, data: Reading, span: Span, comparison: Comparison
    ) -> None:
        rows = explore.series(data, Window(span.start, span.end, LAST, None, comparison)).rows
        before = {f"{name}_before": dtype for name, dtype in ROW.items()}
        assert rows.schema == {**ROW, "is_complete": pl.Boolean, **before}

    @pytest.mark.parametrize("comparison", [Comparison.NONE, Comparison.PREVIOUS_PERIOD])
    def test_ranking_has_the_same_columns_in_any_range(self, data: Reading, comparison: Comparison) -> None:
        for span in (ALL, Span(date(2010, 1, 1), date(2010, 3, 2))):
            rows = explore.ranking(
                data, Window(span.start, span.end, LAST, None, comparison), STATE, REVENUE
            ).rows
            assert rows.schema == {"member": pl.String, "value": MONEY, "value_before": MONEY}

    def test_columns_for_readers_exist_in_the_series(self, data: Reading) -> None:
        for comparison in (Comparison.NONE, Comparison.PREVIOUS_YEAR):
            window = Window(date(2017, 1, 5), date(2017, 3, 7), LAST, Grain.WEEK, comparison)
            columns = [column.name for column in explore.series_columns(window, [REVENUE])]
            assert set(columns) <= set(explore.series(data, window).rows.columns)
            assert "is_complete" in columns
            assert ("revenue_before" in columns) == (comparison is not Comparison.NONE)


class TestEdges:
    def test_leap_day_has_no_opposite_and_its_neighbours_keep_theirs(self, fresh: Data) -> None:
        with fresh.database.writer() as writer:
            for n, day in enumerate(
                ("2023-02-28", "2023-03-01", "2024-02-28", "2024-02-29", "2024-03-01"), 1
            ):
                writer.execute(f"INSERT INTO shop.customers VALUES ('c{n}', 'p{n}')")
                writer.execute(f"INSERT INTO shop.orders VALUES ('o{n}', 'c{n}', 'shipped', '{day}')")
                writer.execute(f"INSERT INTO shop.order_payments VALUES ('o{n}', 1, 'boleto', 1, {n})")
            refresh_views(writer, reason="test")
        window = Window(
            date(2024, 2, 27), date(2024, 3, 3), date(2024, 3, 1), Grain.DAY, Comparison.PREVIOUS_YEAR
        )
        rows = explore.series(fresh.reading(), window).rows
        assert rows.select("date", "revenue", "date_before", "revenue_before").rows() == [
            (date(2024, 2, 27), 0, None, None),  # before the data
            (date(2024, 2, 28), 3, date(2023, 2, 28), 1),
            (date(2024, 2, 29), 4, None, None),
            (date(2024, 3, 1), 5, date(2023, 3, 1), 2),
        ]

    def test_shop_without_orders_has_zero_totals_and_empty_series(self, fresh: Data) -> None:
        window = Window(ALL.start, ALL.end, LAST, None, Comparison.PREVIOUS_YEAR)
        assert Figures.of(explore.totals(fresh.reading(), ALL).rows.row(0, named=True)) == Figures(
            Decimal(0), 0, 0
        )
        assert explore.series(fresh.reading(), window).rows.is_empty()
        assert explore.ranking(fresh.reading(), window, STATE, REVENUE).rows.is_empty()

    def test_answer_from_the_database_in_part_is_called_that(self, fresh: Data) -> None:
        reading, span = fresh.reading(), Span(date(2017, 5, 3), date(2017, 5, 9))
        reading.frame("business/daily_sales", span)
        found = [explore.totals(reading, span).provenance for _ in range(2)]
        assert [provenance.source for provenance in found] == [DATABASE, "memory"]
        assert found[0].queries == found[1].queries == ("business/daily_sales", "business/customer_days")

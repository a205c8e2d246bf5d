"""Answers that are put together from blocks, against SQL that knows no blocks; and what they spare the database."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import explore
from dashboard.cache import blocks, months
from dashboard.catalogue import catalogue
from dashboard.data import DATABASE, EVER, Data
from dashboard.database import Database, Snapshot
from dashboard.settings import Settings
from dashboard.versions import invalidate, read_versions
from dashboard.window import EARLIEST, LATEST, Comparison, Grain, Span, Window
from tests.reads import (
    Admin,
    Opener,
    Statements,
    Watched,
    Work,
    administering,
    bump_months,
    catch_up,
    copied,
    name_of,
    opening,
    order,
    refresh,
    watch,
)

FIRST, LAST = date(2016, 10, 4), date(2018, 9, 20)
DAILY = "business/daily_sales"
SPLIT = sorted(name for name, query in catalogue().queries.items() if query.split)
ONE_DAY, YEAR_2017 = timedelta(days=1), Span(date(2017, 1, 1), date(2018, 1, 1))

# Days where ranges go wrong: ends of months and years, leap days, the data's own and the calendar's edges.
_EDGES = [
    *(FIRST, LAST, EARLIEST, LATEST, date(1899, 12, 31), date(2200, 1, 1)),
    *(date(2016, 2, 29), date(2016, 12, 31), date(2017, 2, 28), date(2020, 2, 29), date(2000, 2, 29)),
    *(date(year, month, 1) for year in (2015, 2016, 2017, 2018, 2019) for month in (1, 2, 3, 11, 12)),
]
_NEAR_EDGES = [edge + days * ONE_DAY for edge in _EDGES for days in (-1, 0, 1)] + [EVER.start]
_REACH = timedelta(days=900)

_BUCKETS = """
WITH orders AS (
    SELECT
        order_purchase_timestamp::date AS day,
        customer_unique_id,
        (SELECT coalesce(sum(payment_value), 0) FROM shop.order_payments AS p WHERE p.order_id = o.order_id) AS paid
    FROM shop.orders AS o JOIN shop.customers AS c USING (customer_id)
    WHERE order_purchase_timestamp >= %(start)s AND order_purchase_timestamp < %(end)s
)
SELECT
    greatest(date_trunc(%(grain)s, day)::date, %(start)s::date) AS bucket,
    sum(paid), count(*), count(DISTINCT customer_unique_id)
FROM orders GROUP BY bucket
"""


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """Ranges in, across and outside of the data, down to a day and up to all of time."""
    edges = st.sampled_from(_NEAR_EDGES)
    start = draw(st.one_of(st.dates(FIRST - _REACH, LAST + _REACH), edges))
    longest = (EVER.end - start).days
    days = st.one_of(st.just(1), st.integers(1, 45), st.integers(1, 1_500)).map(
        lambda days: min(days, longest)
    )
    end = draw(st.one_of(days.map(lambda days: start + days * ONE_DAY), edges))
    return Span(min(start, end), max(start, end) if start != end else start + ONE_DAY)


def examples(number: int) -> Any:
    return settings(max_examples=number, deadline=None, database=None)


@pytest.fixture
def copy_url(server: str, olist_url: str) -> Iterator[str]:
    """URL of a copy of the sample, to be changed."""
    with copied(server, name_of(olist_url)) as url:
        yield url


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def connection(olist_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(olist_url, autocommit=True) as connection:
        yield connection


def assert_right(data: Data, connection: psycopg.Connection[Any], name: str, span: Span) -> None:
    """The answer is what the query gives PostgreSQL for just this range: rows, their order and their types."""
    query = catalogue()[name]
    expected = Snapshot(connection).frame(query.sql, query.bind({"start": span.start, "end": span.end}))
    rows = data.frame(name, span).rows
    assert rows.schema == expected.schema | dict.fromkeys(query.categories, pl.Categorical())
    assert rows.cast(dict(expected.schema)).equals(expected), (name, span)


class TestRandomRanges:
    def test_blocks_in_memory_and_on_disk(
        self, open_data: Opener, olist_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        data = open_data(olist_url)

        @examples(800)
        @given(st.sampled_from(SPLIT), spans())
        def check(name: str, span: Span) -> None:
            assert_right(data, connection, name, span)

        check()
        assert data.reader.levels.backends[0].stats().hits > 100

    def test_blocks_from_the_second_level_only(
        self, open_data: Opener, olist_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        data = open_data(olist_url, cache_memory_max_bytes=9_000)

        @examples(450)
        @given(st.sampled_from(SPLIT), spans())
        def check(name: str, span: Span) -> None:
            assert_right(data, connection, name, span)

        check()
        assert data.reader.levels.backends[1].stats().hits > 500

    def test_blocks_that_two_processes_left(
        self, open_data: Opener, olist_url: str, connection: psycopg.Connection[Any]
    ) -> None:
        both = [open_data(olist_url), open_data(olist_url)]

        @examples(450)
        @given(st.sampled_from(SPLIT), spans(), st.sampled_from([0, 1]))
        def check(name: str, span: Span, which: int) -> None:
            assert_right(both[which], connection, name, span)

        check()
        assert all(data.reader.levels.backends[1].stats().hits > 10 for data in both)

    def test_blocks_of_many_versions(self, open_data: Opener, copy_url: str) -> None:
        data = open_data(copy_url, versions_poll_seconds=1e-9)
        with psycopg.connect(copy_url, autocommit=True) as connection, administering(copy_url) as admin:
            change = Change(data.database, admin)

            @examples(300)
            @given(st.sampled_from(SPLIT), spans(), changes)
            def check(name: str, span: Span, what: tuple[str, date]) -> None:
                change(name, *what)
                catch_up(data)
                assert_right(data, connection, name, span)
                with data.database.snapshot() as snapshot:
                    version = read_versions(snapshot).of(catalogue()[name].tags, _asked(span))
                assert data.frame(name, span).provenance.version == version

            check()
        assert change.made.keys() == {"nothing", "month", "relation", "query", "prefix", "order"}

    @pytest.mark.parametrize("grain", Grain)
    def test_buckets_on_top(
        self, open_data: Opener, olist_url: str, connection: psycopg.Connection[Any], grain: Grain
    ) -> None:
        data = open_data(olist_url)

        @examples(120)
        @given(spans().filter(lambda span: span.start >= EARLIEST and span.last <= LATEST))
        def check(span: Span) -> None:
            # A window of centuries has more buckets than a page.
            span = span.head(1_500)
            window = Window(span.start, span.end, LAST, grain, Comparison.NONE)
            expected = {
                bucket: figures
                for bucket, *figures in connection.execute(
                    _BUCKETS, {"start": span.start, "end": span.end, "grain": str(grain)}
                )
            }
            rows = explore.series(data.reading(), window).rows
            found = {
                row["date"]: [row["revenue"], row["orders"], row["customers"]] for row in rows.to_dicts()
            }
            assert found == {bucket: expected.get(bucket, [Decimal(0), 0, 0]) for bucket in found}
            assert expected.keys() <= found.keys()
            assert rows["date"].is_sorted()

        check()


changes = st.tuples(
    st.sampled_from(["nothing"] * 10 + ["month"] * 12 + ["relation", "query", "prefix", "order"]),
    st.dates(FIRST - timedelta(days=60), LAST + timedelta(days=60)),
)


class Change:
    """What happens to the data between two reads."""

    def __init__(self, database: Database, admin: Admin) -> None:
        self._database, self._admin = database, admin
        self.made: dict[str, int] = {}

    def __call__(self, name: str, what: str, day: date) -> None:
        self.made[what] = self.made.get(what, 0) + 1
        [relation] = catalogue()[name].reads
        match what:
            case "month":
                with self._database.writer() as writer:
                    bump_months(writer, relation, [day.replace(day=1)])
            case "order":
                order(self._admin, day, 10)
                refresh(self._database, relation)
            case "relation" | "query" | "prefix":
                tag = {"relation": relation, "query": name, "prefix": f"{name[:12]}*"}[what]
                invalidate(self._database, tag)


def _asked(span: Span) -> Span | None:
    """The range whose months count, or None for all."""
    is_split = span.days <= 30 * 366 and span.start >= EARLIEST and span.last <= LATEST
    return span if is_split else None


class TestStatements:
    """What PostgreSQL is asked."""

    @pytest.fixture
    def data(self, open_data: Opener, olist_url: str) -> Data:
        data = open_data(olist_url)
        data.known.current()  # its snapshot does not count
        return data

    @pytest.fixture
    def statements(self, connection: psycopg.Connection[Any]) -> Statements:
        return Statements(connection, DAILY)

    @pytest.fixture
    def rows_of(self, connection: psycopg.Connection[Any]) -> Callable[[str], int]:
        """How many days with an order there are in months, as in ``2017-03 2017-04``."""
        sql = """
            SELECT count(DISTINCT purchase_date)::int FROM shop.orders
            WHERE to_char(purchase_date, 'YYYY-MM') = ANY (string_to_array(%s, ' '))
        """
        return lambda months: connection.execute(sql, (months,)).fetchall()[0][0]

    def test_first_read_is_one_statement_of_whole_months(
        self, data: Data, statements: Statements, rows_of: Callable[[str], int]
    ) -> None:
        data.frame(DAILY, Span(date(2017, 3, 15), date(2017, 5, 2)))
        assert statements.since() == Work(calls=1, rows=rows_of("2017-03 2017-04 2017-05"), snapshots=1)

    def test_a_new_range_over_known_months_is_none(self, data: Data, statements: Statements) -> None:
        data.frame(DAILY, Span(date(2017, 3, 15), date(2017, 8, 2)))
        statements.since()
        for start, end in [("03-01", "09-01"), ("04-01", "05-01"), ("06-07", "06-08"), ("08-31", "09-01")]:
            data.frame(DAILY, Span(date.fromisoformat(f"2017-{start}"), date.fromisoformat(f"2017-{end}")))
        assert statements.since() == Work(0, 0, 0)

    def test_a_year_s_window_moved_day_by_day_is_none(self, data: Data, statements: Statements) -> None:
        data.frame(DAILY, Span(date(2017, 6, 1), date(2018, 6, 2)))
        statements.since()
        for days in range(29):
            data.frame(DAILY, Span(date(2017, 6, 1), date(2018, 6, 1)).shift(days))
        assert statements.since() == Work(0, 0, 0)

    def test_a_calendar_year_moved_by_a_day_is_one_of_the_new_month(
        self, data: Data, statements: Statements, rows_of: Callable[[str], int]
    ) -> None:
        data.frame(DAILY, YEAR_2017)
        statements.since()
        data.frame(DAILY, YEAR_2017.shift(1))
        assert statements.since() == Work(calls=1, rows=rows_of("2018-01"), snapshots=1)
        data.frame(DAILY, YEAR_2017)
        assert statements.since() == Work(0, 0, 0)

    def test_missing_neighbours_are_one(
        self, data: Data, statements: Statements, rows_of: Callable[[str], int]
    ) -> None:
        data.frame(DAILY, Span(date(2017, 1, 1), date(2017, 2, 1)))
        statements.since()
        data.frame(DAILY, Span(date(2017, 1, 10), date(2017, 5, 10)))
        rows = rows_of("2017-02 2017-03 2017-04 2017-05")
        assert statements.since() == Work(calls=1, rows=rows, snapshots=1)

    def test_two_holes_are_two_in_one_snapshot(
        self, data: Data, statements: Statements, rows_of: Callable[[str], int]
    ) -> None:
        data.frame(DAILY, Span(date(2017, 4, 1), date(2017, 5, 1)))
        statements.since()
        data.frame(DAILY, Span(date(2017, 2, 1), date(2017, 7, 1)))
        assert statements.since() == Work(
            calls=2, rows=rows_of("2017-02 2017-03 2017-05 2017-06"), snapshots=1
        )

    def test_months_without_an_order_are_known_too(self, data: Data, statements: Statements) -> None:
        span = Span(date(2011, 1, 15), date(2011, 3, 15))
        assert data.frame(DAILY, span).rows.is_empty()
        assert statements.since() == Work(calls=1, rows=0, snapshots=1)
        assert data.frame(DAILY, Span(date(2011, 2, 1), date(2011, 4, 1))).rows.is_empty()
        assert statements.since() == Work(0, 0, 0)

    def test_a_fresh_read_is_one_statement_whatever_is_known(
        self, data: Data, statements: Statements
    ) -> None:
        rows = len(data.frame(DAILY, YEAR_2017).rows)
        statements.since()
        assert data.frame(DAILY, YEAR_2017, True).provenance.source == DATABASE
        assert statements.since() == Work(calls=1, rows=rows, snapshots=1)

    def test_only_the_month_that_changed_is_read_again(self, open_data: Opener, copy_url: str) -> None:
        data = open_data(copy_url)
        before = data.frame(DAILY, YEAR_2017)
        rows_in_may = before.rows.filter(pl.col("date").dt.month() == 5).height
        with psycopg.connect(copy_url, autocommit=True) as connection:
            statements = Statements(connection, DAILY)
            with data.database.writer() as writer:
                version = bump_months(writer, "daily_sales_metrics", [date(2017, 5, 1)])
            data.known.expire()
            for span in (YEAR_2017, Span(date(2017, 4, 15), date(2017, 6, 15))):
                assert data.frame(DAILY, span).provenance.version == version
            work = statements.since()
            assert (work.calls, work.rows) == (1, rows_in_may)
            unchanged = Span(date(2017, 6, 1), date(2018, 1, 1))
            assert data.frame(DAILY, unchanged).provenance.version == before.provenance.version
            assert statements.since() == Work(0, 0, 0)


class TestRoundTrips:
    """What the second level is asked by a process that has nothing in memory."""

    @pytest.fixture
    def fresh(self, open_data: Opener, olist_url: str) -> Callable[[], tuple[Data, Watched]]:
        def made() -> tuple[Data, Watched]:
            data = open_data(olist_url)
            return data, watch(data)

        return made

    @pytest.mark.parametrize(
        "span",
        [
            Span(date(2017, 2, 3), date(2017, 2, 4)),
            Span(date(2016, 11, 24), date(2017, 11, 24)),
            Span(date(2016, 10, 4), date(2018, 9, 20)),
            YEAR_2017,
        ],
        ids=["a day", "a year's days", "two years", "a year"],
    )
    def test_all_blocks_come_in_one(self, fresh: Callable[[], tuple[Data, Watched]], span: Span) -> None:
        fresh()[0].frame(DAILY, span)
        data, store = fresh()
        assert data.frame(DAILY, span).provenance.source == "disk"
        assert [len(keys) for keys in store.asked] == [len(blocks(span))]
        data.frame(DAILY, span)
        assert len(store.asked) == 1

    def test_a_year_is_kept_as_one_and_its_months_still_serve(
        self, fresh: Callable[[], tuple[Data, Watched]], connection: psycopg.Connection[Any]
    ) -> None:
        fresh()[0].frame(DAILY, YEAR_2017)
        statements = Statements(connection, DAILY)
        data, store = fresh()
        data.frame(DAILY, YEAR_2017)
        assert len(store.found) == 1
        store.forget()
        data.frame(DAILY, Span(date(2017, 7, 1), date(2017, 10, 1)))
        assert len(store.found) == 3
        assert statements.since().calls == 0

    def test_months_that_were_read_one_by_one_become_a_year(
        self, fresh: Callable[[], tuple[Data, Watched]], connection: psycopg.Connection[Any]
    ) -> None:
        data, _ = fresh()
        for month in months(YEAR_2017):
            data.frame(DAILY, month)
        statements = Statements(connection, DAILY)
        data, store = fresh()
        first = data.frame(DAILY, YEAR_2017)
        assert [len(keys) for keys in store.asked] == [1, 12]
        assert len(store.given) == 1
        data, store = fresh()
        again = data.frame(DAILY, YEAR_2017)
        assert [len(keys) for keys in store.asked] == [1]
        assert again.rows.equals(first.rows)
        assert again.provenance == first.provenance
        assert statements.since().calls == 0

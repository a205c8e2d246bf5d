"""Answers that are ready before anybody asks, and what people asked, by which they are chosen."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy as sa

from dashboard import cli, explore, warming
from dashboard.cache import months
from dashboard.catalogue import catalogue
from dashboard.data import Data
from dashboard.database import READER_ROLE, Cancellation, Database
from dashboard.demand import RETENTION_DAYS, Demand
from dashboard.errors import DatabaseUnavailable, StatementCancelled
from dashboard.settings import Settings
from dashboard.telemetry import Statistics, flushing, prune
from dashboard.warming import WarmUp, warm_up
from dashboard.window import Span, Window
from tests import servers
from tests.reads import (
    Admin,
    Opener,
    Statements,
    Unconfirmed,
    administering,
    copied,
    down,
    held_up,
    name_of,
    opening,
    order,
    refresh,
    wait_until,
)

DAILY, STATES, CUSTOMERS = "business/daily_sales", "business/sales_by_state", "business/customers"
QUERIES = [name for name in catalogue().queries if name.startswith("business/")]
YEAR, MARCH = Span(date(2018, 1, 1), date(2019, 1, 1)), Span(date(2018, 3, 1), date(2018, 4, 1))
LAST_DAY = date(2018, 12, 30)
PLENTY_SECONDS = 60.0


@pytest.fixture(scope="module")
def filled(server: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a shop, to be copied, with an order in each month of 2018, and a last one on 30 December."""
    with copied(server, _template) as url:
        folder = tmp_path_factory.mktemp("filled")
        with (
            administering(url) as run,
            closing(Database(url, Settings(_env_file=None, data_dir=folder))) as one,
        ):
            for day in [*(month.start for month in months(YEAR)), LAST_DAY]:
                order(run, day, 100)
            refresh(one)
        yield name_of(url)


@pytest.fixture
def filled_url(server: str, filled: str) -> Iterator[str]:
    with copied(server, filled) as url:
        yield url


@pytest.fixture
def database(filled_url: str, settings: Settings) -> Iterator[Database]:
    with closing(Database(filled_url, settings)) as database:
        yield database


@pytest.fixture
def admin(filled_url: str) -> Iterator[Admin]:
    with administering(filled_url) as run:
        yield run


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def data(filled_url: str, open_data: Opener) -> Data:
    return open_data(filled_url)


@pytest.fixture
def statements(filled_url: str) -> Iterator[Callable[[], int]]:
    """How many statements of the catalogue's queries PostgreSQL ran since this was asked last."""
    with psycopg.connect(filled_url, autocommit=True) as connection:
        counts = [Statements(connection, name) for name in QUERIES]
        yield lambda: sum(count.since().calls for count in counts)


def look(data: Data, **query: str) -> set[str]:
    """Read what the pages read; where the answers came from."""
    reading = data.reading()
    extent = reading.extent()
    assert extent is not None
    window = Window.from_query(query, extent.watermark, extent.first_day)
    compared = window.comparison_span()
    assert compared is not None
    frames = [explore.totals(reading, span) for span in (window.elapsed, compared)]
    frames += [explore.series(reading, window)]
    frames += [
        reading.frame(name, span)
        for name in ("business/sales_by_category", STATES)
        for span in (window.elapsed, compared)
    ]
    frames += [reading.frame(CUSTOMERS, top="20")]
    return {frame.provenance.source for frame in frames}


def looked(data: Data, *ranges: str) -> None:
    """People look at pages, and what they asked is written."""
    for text in ranges:
        look(data, range=text)
    data.statistics.flush(data.database)
    data.statistics.demand.flush(data.database)


def asked(admin: Admin) -> dict[tuple[str, str], int]:
    rows = admin("SELECT query, days::text, sum(reads)::int FROM dashboard.asked_questions GROUP BY 1, 2")
    return {(query, days): reads for query, days, reads in rows}


class TestWarmUp:
    RANGES = ("28d", "mtd", "12m", "last_month", "all", "2018-02")

    @pytest.mark.parametrize(("shared", "days_later"), [("disk", 0), ("redis", 1), ("disk", 3)])
    def test_after_a_refresh_other_processes_read_what_people_asked_without_a_statement(
        self,
        filled_url: str,
        database: Database,
        admin: Admin,
        settings: Settings,
        statements: Callable[[], int],
        shared: str,
        days_later: int,
        tmp_path: Path,
    ) -> None:
        with ExitStack() as stack:
            if shared == "redis":
                redis = stack.enter_context(servers.single(tmp_path / "redis"))
                chosen = {"REDIS_URL": f"redis://127.0.0.1:{redis.port}", "redis_timeout_seconds": 5.0}
                settings = Settings(_env_file=None, data_dir=tmp_path / "data", **chosen)
            open_data = stack.enter_context(opening(settings))
            visitor, warmer = open_data(filled_url), open_data(filled_url)
            looked(visitor, *self.RANGES)
            look(warmer)  # so it knows the versions of before
            order(admin, LAST_DAY + timedelta(days=days_later), 70)
            refresh(database)
            statements()
            outcome = warm_up(warmer, budget_seconds=PLENTY_SECONDS)
            assert outcome.computed > 0 == outcome.failed == outcome.left_out
            assert statements() > 0

            later = open_data(filled_url)
            for text in self.RANGES:
                assert look(later, range=text) <= {shared, "memory"}
                assert look(warmer, range=text) == {"memory"}
            assert statements() == 0

    def test_asks_the_database_only_for_what_changed(
        self, data: Data, database: Database, admin: Admin, statements: Callable[[], int]
    ) -> None:
        looked(data, "all", "28d")
        statements()
        again = warm_up(data, budget_seconds=PLENTY_SECONDS)
        assert (again.asked, again.computed, statements()) == (again.cached, 0, 0)
        order(admin, MARCH.start, 70)
        refresh(database, "daily_sales_metrics")
        outcome = warm_up(data, budget_seconds=PLENTY_SECONDS)
        # March for all time, after which days there are; both have data through a day, which is asked with them.
        assert (outcome.computed, statements()) == (1, 4)

    def test_counts_as_nobodys_reads(
        self, data: Data, filled_url: str, open_data: Opener, admin: Admin
    ) -> None:
        looked(data, "28d")
        before = asked(admin), admin("SELECT sum(reads) FROM dashboard.read_statistics")
        warmer = open_data(filled_url)
        assert warm_up(warmer, budget_seconds=PLENTY_SECONDS).asked > 0
        admin("ALTER MATERIALIZED VIEW dashboard.daily_sales_by_state RENAME COLUMN total_orders TO orders")
        warmer.invalidate(STATES)
        assert warm_up(warmer, budget_seconds=PLENTY_SECONDS).failed > 0
        assert (
            warmer.statistics.flush(warmer.database) == warmer.statistics.demand.flush(warmer.database) == 0
        )
        assert (asked(admin), admin("SELECT sum(reads) FROM dashboard.read_statistics")) == before

    def test_a_question_that_fails_does_not_stop_the_others(
        self, data: Data, filled_url: str, open_data: Opener, admin: Admin, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            data.frame(STATES, YEAR)
        data.frame(DAILY, YEAR)
        looked(data)
        admin("ALTER MATERIALIZED VIEW dashboard.daily_sales_by_state RENAME COLUMN total_orders TO orders")
        data.invalidate(STATES)
        data.invalidate(DAILY)
        outcome = warm_up(open_data(filled_url), budget_seconds=PLENTY_SECONDS)
        assert (outcome.asked, outcome.failed, outcome.computed) == (2, 1, 1)
        [message] = [said for said in caplog.messages if "made ready" in said]
        assert message.startswith("business/sales_by_state can't be made ready: ")
        assert "total_orders" in message

    def test_a_database_that_goes_away_stops_it(
        self, server: str, filled_url: str, data: Data, database: Database, admin: Admin
    ) -> None:
        for _ in range(3):
            data.frame(STATES, YEAR)
        data.frame(DAILY, YEAR)
        looked(data)
        data.invalidate(STATES)
        warm = partial(warm_up, data, budget_seconds=PLENTY_SECONDS)
        with (
            suppress(DatabaseUnavailable),  # whoever held it up is cut off, too
            held_up(database, admin, "daily_sales_by_state", warm) as (warmed, _),
            down(server, filled_url),
        ):
            outcome = warmed.result(PLENTY_SECONDS)
        assert (outcome.asked, outcome.left_out) == (0, 2)

    def test_a_database_that_is_away_is_an_error(self, server: str, filled_url: str, data: Data) -> None:
        looked(data, "28d")
        with down(server, filled_url), pytest.raises(DatabaseUnavailable):
            warm_up(data, budget_seconds=PLENTY_SECONDS)

    def test_begins_nothing_after_its_time_and_lets_the_read_under_way_end(
        self, data: Data, database: Database, admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            data.frame(STATES, YEAR)
        data.frame(DAILY, YEAR)
        looked(data)
        for name in (STATES, DAILY):
            data.invalidate(name)
        clock = SimpleNamespace(now=0.0)
        monkeypatch.setattr(warming, "time", SimpleNamespace(monotonic=lambda: clock.now))
        warm = partial(warm_up, data, budget_seconds=PLENTY_SECONDS)
        with held_up(database, admin, "daily_sales_by_state", warm) as (warmed, _):
            clock.now += PLENTY_SECONDS
        outcome = warmed.result()
        assert (outcome.asked, outcome.computed, outcome.left_out) == (1, 1, 1)
        assert data.frame(STATES, YEAR).provenance.source == "memory"
        assert data.frame(DAILY, YEAR).provenance.source == "database"

    def test_given_up_it_begins_nothing(self, data: Data, statements: Callable[[], int]) -> None:
        looked(data, "28d")
        data.invalidate(DAILY)
        statements()
        cancellation = Cancellation()
        cancellation.cancel()
        with pytest.raises(StatementCancelled):
            warm_up(data, budget_seconds=PLENTY_SECONDS, cancellation=cancellation)
        assert statements() == 0

    def test_data_that_is_closed_ends_it(self, data: Data, database: Database, admin: Admin) -> None:
        looked(data, "28d")
        data.frame(STATES, YEAR)
        looked(data)
        data.invalidate(STATES)
        warm = partial(warm_up, data, budget_seconds=PLENTY_SECONDS)
        with held_up(database, admin, "daily_sales_by_state", warm) as (warmed, _):
            data.close()
            with pytest.raises(StatementCancelled):
                warmed.result(PLENTY_SECONDS)

    def test_without_time_nothing_is_asked(self, data: Data, statements: Callable[[], int]) -> None:
        looked(data, "28d")
        data.invalidate(DAILY)
        statements()
        outcome = warm_up(data, budget_seconds=0)
        assert (outcome.asked, statements()) == (0, 0)
        assert outcome.left_out > 0

    def test_without_a_cache_nothing_is_asked(
        self, filled_url: str, open_data: Opener, statements: Callable[[], int]
    ) -> None:
        data = open_data(filled_url, cache="null")
        looked(data, "28d")
        statements()
        assert warm_up(data, budget_seconds=PLENTY_SECONDS) == WarmUp()
        assert statements() == 0

    def test_without_an_order_there_is_only_that_to_know(self, database_url: str, open_data: Opener) -> None:
        data = open_data(database_url)
        assert data.extent() is None
        looked(data)
        assert warm_up(data, budget_seconds=PLENTY_SECONDS).cached == 1

    def test_what_can_not_be_asked_any_more_is_forgotten(self, data: Data, admin: Admin) -> None:
        looked(data, "28d")
        known = asked(admin)
        for number, (query, params, days) in enumerate(
            [
                ("business/gone", "{}", "NULL"),
                ("business/gone", "{}", "'[2018-01-01,2018-02-01)'"),
                (CUSTOMERS, '{"bottom": 3}', "NULL"),
                (CUSTOMERS, '{"top": "many"}', "NULL"),
                (CUSTOMERS, '{"top": {"unheard-of": "3"}}', "NULL"),
                (CUSTOMERS, '{"top": "20"}', "'[2018-01-01,2018-02-01)'"),
            ]
        ):
            admin(
                "INSERT INTO dashboard.asked_questions VALUES "
                f"(current_date, 'other', '{number}', '{query}', '{params}', {days}, NULL, 1)"
            )
        outcome = warm_up(data, budget_seconds=PLENTY_SECONDS)
        assert (outcome.forgotten, outcome.failed) == (6, 0)
        assert asked(admin) == known

    def test_who_may_not_forget_is_warmed_all_the_same(
        self, data: Data, filled_url: str, open_data: Opener, admin: Admin
    ) -> None:
        looked(data, "28d")
        admin(
            "INSERT INTO dashboard.asked_questions "
            "VALUES (current_date, 'other', '', 'business/gone', '{}', NULL, NULL, 1)"
        )
        user = f"watcher_{name_of(filled_url)}"
        admin(f"CREATE ROLE {user} LOGIN PASSWORD 'watcher' IN ROLE {READER_ROLE}")
        url = sa.make_url(filled_url).set(username=user, password="watcher")
        try:
            watching = open_data(url.render_as_string(hide_password=False))
            outcome = warm_up(watching, budget_seconds=PLENTY_SECONDS)
            watching.database.close()
        finally:
            admin(f"DROP ROLE {user}")
        assert (outcome.cached, outcome.forgotten) == (outcome.asked, 1)


class TestAsked:
    def test_reads_of_people_are_counted_by_question(self, data: Data, admin: Admin) -> None:
        for _ in range(2):
            data.frame(DAILY, MARCH)
        data.frame(DAILY, YEAR, True)
        data.frame(CUSTOMERS, top=3)
        looked(data)
        assert asked(admin) == {
            (DAILY, "[2018-03-01,2018-04-01)"): 2,
            (DAILY, "[2018-01-01,2019-01-01)"): 1,
            (CUSTOMERS, None): 1,
        }

    def test_a_range_comes_with_the_day_that_it_was_counted_from(self, data: Data, admin: Admin) -> None:
        data.frame(DAILY, MARCH)
        reading = data.reading()
        reading.extent()
        reading.frame(DAILY, YEAR)
        looked(data)
        watermarks = admin(
            "SELECT days::text, watermark FROM dashboard.asked_questions WHERE days IS NOT NULL"
        )
        assert {*watermarks} == {("[2018-01-01,2019-01-01)", LAST_DAY), ("[2018-03-01,2018-04-01)", None)}

    def test_reads_that_failed_are_not_asked_again(self, data: Data, admin: Admin) -> None:
        admin("ALTER MATERIALIZED VIEW dashboard.daily_sales_by_state RENAME COLUMN total_orders TO orders")
        with pytest.raises(Exception, match="total_orders"):
            data.frame(STATES, YEAR)
        looked(data)
        assert asked(admin) == {}

    def test_renewals_behind_a_reader_are_nobodys_reads(
        self, filled_url: str, open_data: Opener, admin: Admin, statements: Callable[[], int]
    ) -> None:
        data = open_data(filled_url, cache_soft_share=0.0)
        data.frame(DAILY, MARCH)
        statements()
        data.frame(DAILY, MARCH)
        wait_until(lambda: statements() > 0, "it is renewed")
        data.close()
        looked(data)
        assert asked(admin) == {(DAILY, "[2018-03-01,2018-04-01)"): 2}
        assert admin("SELECT sum(reads)::int FROM dashboard.read_statistics") == [(2,)]

    def test_a_write_whose_commit_was_not_confirmed_counts_once(
        self, database: Database, admin: Admin
    ) -> None:
        demand = Demand("host:1:2", time.time)
        demand.count((DAILY, MARCH, ()), LAST_DAY)
        with pytest.raises(DatabaseUnavailable):
            demand.flush(Unconfirmed(database))
        demand.count((DAILY, MARCH, ()), LAST_DAY)
        demand.flush(database)
        assert [*asked(admin).values()] == [2]

    def test_a_process_writes_them_with_its_statistics_and_at_its_end(
        self, database: Database, settings: Settings, admin: Admin
    ) -> None:
        statistics = Statistics()
        with flushing(statistics, database, settings.model_copy(update={"statistics_flush_seconds": 0.01})):
            statistics.demand.count((DAILY, MARCH, ()), LAST_DAY)
            wait_until(lambda: asked(admin), "they are written")
            statistics.demand.count((DAILY, MARCH, ()), LAST_DAY)
        assert [*asked(admin).values()] == [2]

    def test_what_was_asked_too_long_ago_is_deleted(self, database: Database, admin: Admin) -> None:
        now = datetime.now(UTC)
        for days in (RETENTION_DAYS + 1, RETENTION_DAYS - 2):
            demand = Demand("host:1:2", lambda then=now - timedelta(days=days): then.timestamp())
            demand.count((DAILY, MARCH, ()), LAST_DAY)
            demand.flush(database)
        prune(database)
        [(day,)] = admin("SELECT day FROM dashboard.asked_questions")
        assert day == (now - timedelta(days=RETENTION_DAYS - 2)).date()

    def test_what_was_asked_earlier_than_in_the_last_days_is_left_cold(
        self, data: Data, admin: Admin
    ) -> None:
        looked(data, "28d")
        admin("UPDATE dashboard.asked_questions SET day = day - 8")
        assert warm_up(data, budget_seconds=PLENTY_SECONDS).asked == 0


def test_command_prints_what_became_of_the_questions(
    data: Data, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looked(data, "28d")
    monkeypatch.setattr(cli, "_opened", lambda: nullcontext(data))
    cli.warm()
    assert capsys.readouterr().out.endswith(" 0 failed. 0 left out, 0 forgotten.\n")

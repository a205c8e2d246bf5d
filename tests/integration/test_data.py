"""The one door: where an answer comes from, which version it is of, and what happens when things fail."""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from dashboard.catalogue import catalogue
from dashboard.data import DATABASE, STALE, Asked, Data, Extent, Provenance, opened
from dashboard.database import Database
from dashboard.errors import (
    DatabaseError,
    DatabaseUnavailable,
    NewerSchema,
    ParameterError,
    SettingsError,
    UnknownQuery,
)
from dashboard.refresh import refresh_views
from dashboard.settings import ROOT, Settings
from dashboard.telemetry import asking
from dashboard.window import EARLIEST, LATEST, Span
from tests.reads import (
    PATIENCE_SECONDS,
    Admin,
    Opener,
    catch_up,
    down,
    held_up,
    opening,
    order,
    refresh,
    revenue,
    rounds_until,
    wait_until,
)

DAILY, CUSTOMERS, STATES = "business/daily_sales", "business/customers", "business/sales_by_state"
FIRST, SECOND, THIRD = date(2018, 1, 31), date(2018, 2, 1), date(2018, 2, 2)
NOWHERE = "postgresql://daybook:hunter2@127.0.0.1:1/shop"
SOON_SECONDS = 0.05
VERSION = "SELECT max(version) FROM dashboard.versions WHERE relation = '{}'"


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def filled_url(database_url: str, database: Database, admin: Admin) -> str:
    """URL of a shop with one order on each of three days."""
    for day in (FIRST, SECOND, THIRD):
        order(admin, day, 100)
    refresh(database)
    return database_url


@pytest.fixture
def data(filled_url: str, open_data: Opener) -> Data:
    return open_data(filled_url)


class TestSource:
    def test_first_read_comes_from_the_database_and_says_so(self, data: Data) -> None:
        before = datetime.now(UTC)
        frame = data.frame(DAILY)
        assert frame.rows["date"].to_list() == [FIRST, SECOND, THIRD]
        assert frame.provenance.source == DATABASE
        assert before <= frame.provenance.computed_at <= datetime.now(UTC)
        assert frame.provenance.data_through == THIRD
        assert frame.provenance.queries == (DAILY,)
        assert 0 < frame.provenance.database_ms < PATIENCE_SECONDS * 1_000

    def test_second_read_comes_from_the_cache_with_the_same_rows_and_facts(self, data: Data) -> None:
        first, second = data.frame(DAILY), data.frame(DAILY)
        assert second.rows.equals(first.rows)
        assert second.rows.schema == first.rows.schema
        assert second.provenance == Provenance(
            "memory",
            first.provenance.version,
            first.provenance.computed_at,
            first.provenance.data_through,
            first.provenance.database_ms,
            first.provenance.asked,
        )

    def test_each_read_is_one_line_of_the_log(self, data: Data, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "dashboard.data")
        with asking("page /sales"):
            data.frame(DAILY)
            data.frame(DAILY)
        told = [vars(record) for record in caplog.records]
        assert {(one["levelname"], one["message"], one["query"]) for one in told} == {
            ("DEBUG", "read", DAILY)
        }
        assert [(one["source"], one.get("reason")) for one in told] == [
            ("database", "cold"),
            ("memory", None),
        ]
        assert all(one["elapsed_ms"] > 0 for one in told)

    def test_version_is_the_one_that_the_database_gives_the_relation(self, data: Data, admin: Admin) -> None:
        [(version,)] = admin(VERSION.format("daily_sales_metrics"))
        assert data.frame(DAILY).provenance.version == version
        assert data.frame(DAILY).provenance.version == version

    def test_null_cache_asks_the_database_every_time(self, filled_url: str, open_data: Opener) -> None:
        data = open_data(filled_url, cache="null")
        assert [data.frame(DAILY).provenance.source for _ in range(2)] == [DATABASE, DATABASE]

    def test_answer_past_its_lifetime_is_read_anew(self, filled_url: str, open_data: Opener) -> None:
        data = open_data(filled_url, cache_analytics_ttl_seconds=0.000_001)
        assert [data.frame(DAILY).provenance.source for _ in range(2)] == [DATABASE, DATABASE]

    def test_other_processes_share_the_cache_on_disk(
        self, data: Data, filled_url: str, settings: Settings
    ) -> None:
        data.frame(DAILY, Span(FIRST, THIRD))
        environment = os.environ | {"DATABASE_URL": filled_url, "DASHBOARD_DATA_DIR": str(settings.data_dir)}
        command = [sys.executable, "-m", "dashboard", "query", DAILY, "--format", "json"]
        command += ["--start", str(FIRST), "--end", str(THIRD)]
        answered = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True)
        assert json.loads(answered.stdout)["provenance"]["source"] == "disk"

    def test_what_a_caller_does_to_its_frame_reaches_nobody_else(self, data: Data) -> None:
        for _ in range(3):  # from the database, and from the cache
            rows = data.frame(DAILY).rows
            assert rows["total_orders"].to_list() == [1, 1, 1]
            rows[0, "total_orders"] = 1_000

    def test_many_threads_get_the_same_right_answer(self, data: Data) -> None:
        spans = [Span(FIRST, FIRST + timedelta(days=n)) for n in (1, 2, 3)]
        with ThreadPoolExecutor(8) as pool:
            frames = list(pool.map(lambda n: data.frame(DAILY, spans[n % 3]), range(60)))
        assert [revenue(frame) for frame in frames] == [100 * (n % 3 + 1) for n in range(60)]


class TestVersion:
    def test_new_version_is_read_soon_and_once(
        self, filled_url: str, open_data: Opener, database: Database, admin: Admin
    ) -> None:
        data = open_data(filled_url, versions_poll_seconds=SOON_SECONDS)
        old = data.frame(DAILY)
        order(admin, THIRD, 50)
        refresh(database)
        seen = [old]
        wait_until(lambda: revenue(seen[-1]) == 350 or bool(seen.append(data.frame(DAILY))), "it is known")
        new = seen[-1]
        assert {revenue(frame) for frame in seen} == {300, 350}
        assert new.provenance.source == DATABASE
        assert new.provenance.version > old.provenance.version

    def test_until_then_the_old_answer_stays_under_its_old_version(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        old = data.frame(DAILY)
        order(admin, THIRD, 50)
        refresh(database)
        again = data.frame(DAILY)
        assert (revenue(again), again.provenance.version) == (300, old.provenance.version)

    def test_version_found_with_one_answer_counts_for_all_others(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        data.frame(DAILY)
        order(admin, THIRD, 50)
        refresh(database)
        assert revenue(data.frame(STATES)) == 350
        assert revenue(data.frame(DAILY)) == 350

    def test_answers_that_read_something_else_stay_cached(
        self, filled_url: str, open_data: Opener, database: Database, admin: Admin
    ) -> None:
        data = open_data(filled_url, versions_poll_seconds=SOON_SECONDS)
        for name in (DAILY, STATES):
            data.frame(name)
        order(admin, THIRD, 50)
        refresh(database, "daily_sales_by_state")
        catch_up(data)
        assert data.frame(DAILY).provenance.source == "memory"
        assert data.frame(STATES).provenance.source == DATABASE

    def test_rows_are_those_of_the_version_though_a_refresh_commits_between_reading_both(
        self, data: Data, open_data: Opener, database: Database, admin: Admin, filled_url: str
    ) -> None:
        old = data.frame(DAILY)
        order(admin, THIRD, 50)
        with held_up(database, admin, "daily_sales_by_state", lambda: data.frame(STATES)) as (read, writer):
            refresh_views(writer, reason="test")
        [(version,)] = admin(VERSION.format("daily_sales_by_state"))
        assert revenue(read.result()) == 300
        assert read.result().provenance.version < version
        assert read.result().provenance.data_through == old.provenance.data_through
        later = open_data(filled_url).frame(STATES)  # knows the new version, and may not find the old rows
        assert (later.provenance.source, later.provenance.version, revenue(later)) == (DATABASE, version, 350)

    def test_slow_read_of_an_old_version_does_not_bring_it_back(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        data.frame(DAILY)
        order(admin, THIRD, 50)
        with held_up(database, admin, "customer_metrics", lambda: data.frame(CUSTOMERS, top=9)):
            with database.writer() as writer:
                views = [catalogue().view(name) for name in ("daily_sales_metrics", "daily_sales_by_state")]
                refresh_views(writer, reason="test", views=views)
            assert revenue(data.frame(STATES)) == 350  # so the new version is known
        assert revenue(data.frame(DAILY)) == 350

    def test_writers_and_readers_at_once_never_mix_rows_and_versions(
        self, filled_url: str, open_data: Opener, database: Database, admin: Admin
    ) -> None:
        data = open_data(filled_url, versions_poll_seconds=0.001)
        seen: set[tuple[int, Decimal]] = set()
        is_over = threading.Event()

        def read() -> None:
            while not is_over.is_set():
                frame = data.frame(DAILY)
                seen.add((frame.provenance.version, revenue(frame)))

        truth = {}
        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(read) for _ in range(3)]
            try:
                for _ in rounds_until(lambda: len(seen) > 9):
                    order(admin, THIRD, 1)
                    refresh(database, "daily_sales_metrics")
                    [(version,)] = admin(VERSION.format("daily_sales_metrics"))
                    [(truth[version],)] = admin(
                        "SELECT sum(total_revenue) FROM dashboard.daily_sales_metrics"
                    )
            finally:
                is_over.set()
            for reader in readers:
                reader.result(PATIENCE_SECONDS)
        oldest = min(version for version, _ in seen)
        assert {pair for pair in seen if pair[0] != oldest or oldest in truth} <= set(truth.items())
        assert {total for version, total in seen if version not in truth} <= {300}


class TestParameters:
    def test_span_is_half_open(self, data: Data) -> None:
        assert data.frame(DAILY, Span(FIRST, THIRD)).rows["date"].to_list() == [FIRST, SECOND]
        assert data.frame(DAILY, Span(SECOND, THIRD)).rows["date"].to_list() == [SECOND]
        assert data.frame(DAILY, Span(date(2030, 1, 1), date(2030, 1, 2))).rows.is_empty()

    def test_no_span_means_all_days(self, data: Data, admin: Admin, database: Database) -> None:
        for day in (EARLIEST, LATEST):
            order(admin, day, 1)
        refresh(database)
        assert len(data.frame(DAILY).rows) == 5

    def test_one_end_can_be_left_open(self, data: Data) -> None:
        assert data.frame(DAILY, start=SECOND).rows["date"].to_list() == [SECOND, THIRD]
        assert data.frame(DAILY, end="2018-02-01").rows["date"].to_list() == [FIRST]

    def test_text_is_read_as_the_type_of_the_parameter(self, data: Data) -> None:
        assert len(data.frame(CUSTOMERS, top="2").rows) == 2
        assert data.frame(CUSTOMERS, top=2).provenance.source == "memory"

    @pytest.mark.parametrize(
        ("name", "params", "words"),
        [
            ("business/nothing", {}, ["business/nothing", DAILY]),
            (CUSTOMERS, {}, [CUSTOMERS, "top"]),
            (CUSTOMERS, {"top": "1", "bottom": "1"}, [CUSTOMERS, "bottom", "it takes top"]),
            (CUSTOMERS, {"top": "many"}, [CUSTOMERS, "top", "'many'", "integer"]),
            (CUSTOMERS, {"top": "99999999999"}, [CUSTOMERS, "top", "integer"]),
            (DAILY, {"start": "yesterday"}, [DAILY, "start", "'yesterday'", "date"]),
            (DAILY, {"name": "x", "span": "x", "self": "x"}, [DAILY, "name, self, span"]),
        ],
    )
    def test_wrong_parameters_are_named(
        self, open_data: Opener, name: str, params: dict[str, object], words: list[str]
    ) -> None:
        with pytest.raises((ParameterError, UnknownQuery)) as caught:
            open_data(NOWHERE).frame(name, **params)
        assert all(word in str(caught.value) for word in words), caught.value

    def test_days_are_not_ignored_by_a_query_that_has_none(self, open_data: Opener) -> None:
        with pytest.raises(ParameterError, match="business/customers is not about a range of days"):
            open_data(NOWHERE).frame(CUSTOMERS, Span(FIRST, THIRD), top=3)


class TestExtent:
    def test_extent_is_the_first_and_last_day_with_an_order(self, data: Data) -> None:
        assert data.extent() == Extent(FIRST, THIRD)

    def test_extent_of_nothing_is_none(self, database_url: str, open_data: Opener) -> None:
        data = open_data(database_url)
        assert data.extent() is None
        assert data.frame(DAILY).provenance.data_through is None

    def test_watermark_is_the_last_day_unless_that_is_not_over(self) -> None:
        today = date.today()
        assert Extent(FIRST, THIRD).watermark == THIRD
        assert Extent(FIRST, today).watermark in (today - timedelta(days=1), date.today() - timedelta(days=1))


class TestInvalidation:
    def test_invalidated_query_is_read_anew_and_others_are_not(self, data: Data) -> None:
        for name in (DAILY, STATES):
            data.frame(name)
        data.invalidate(DAILY)
        assert [data.frame(name).provenance.source for name in (DAILY, STATES)] == [DATABASE, "memory"]

    def test_answer_that_an_invalidation_overtook_is_not_served(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        with held_up(database, admin, "daily_sales_by_state", lambda: data.frame(STATES)):
            data.invalidate(STATES)
        assert [data.frame(STATES).provenance.source for _ in range(2)] == [DATABASE, "memory"]


class TestFaults:
    def test_cached_answers_come_while_the_database_is_down(
        self, server: str, filled_url: str, open_data: Opener
    ) -> None:
        data = open_data(filled_url, versions_poll_seconds=SOON_SECONDS)
        data.frame(DAILY)
        with down(server, filled_url):
            time.sleep(SOON_SECONDS)  # so that it would ask for versions
            assert data.frame(DAILY).provenance.source == "memory"
            with pytest.raises(DatabaseUnavailable, match="DATABASE_URL"):
                data.frame(STATES)
            with pytest.raises(DatabaseUnavailable):
                data.check()
        assert data.frame(STATES).provenance.source == DATABASE
        data.check()

    def test_expired_answer_comes_as_stale_while_the_database_is_down_and_only_then(
        self, server: str, filled_url: str, open_data: Opener
    ) -> None:
        data = open_data(filled_url, cache_analytics_ttl_seconds=0.000_001)
        first = data.frame(DAILY)
        with down(server, filled_url):
            stale = data.frame(DAILY)
        assert stale.rows.equals(first.rows)
        assert stale.provenance == replace(first.provenance, source=STALE)
        assert data.frame(DAILY).provenance.source == DATABASE

    def test_stale_answer_is_not_served_beyond_the_time_that_the_setting_says(
        self, server: str, filled_url: str, open_data: Opener
    ) -> None:
        data = open_data(filled_url, cache_analytics_ttl_seconds=0.01, cache_max_stale_seconds=0.01)
        data.frame(DAILY)
        time.sleep(0.02)  # not to wait for something: the promise is about this time
        with down(server, filled_url), pytest.raises(DatabaseUnavailable):
            data.frame(DAILY)

    def test_process_that_never_reached_the_database_says_so(
        self, server: str, filled_url: str, open_data: Opener
    ) -> None:
        with down(server, filled_url), pytest.raises(DatabaseUnavailable, match="Check that it runs"):
            open_data(filled_url).frame(DAILY)

    def test_failed_answer_is_not_cached(self, data: Data) -> None:
        for _ in range(2):
            with pytest.raises(DatabaseError, match="LIMIT must not be negative"):
                data.frame(CUSTOMERS, top=-1)
        assert data.reader.levels.backends[0].stats().stored == 0

    def test_cache_folder_removed_while_running_costs_a_read_and_nothing_else(
        self, data: Data, settings: Settings
    ) -> None:
        data.frame(DAILY)
        shutil.rmtree(settings.data_dir / "cache")
        assert data.frame(DAILY).provenance.source == "memory"
        assert [data.frame(STATES).provenance.source for _ in range(2)] == [DATABASE, "memory"]

    def test_cache_folder_that_can_not_be_made_costs_reads_and_nothing_else(
        self, filled_url: str, open_data: Opener, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        data = open_data(filled_url, data_dir=tmp_path / "file")
        assert [revenue(data.frame(DAILY)) for _ in range(2)] == [300, 300]


class TestOpened:
    def connected(self, url: str, settings: Settings, **chosen: Any) -> Settings:
        return Settings(_env_file=None, DATABASE_URL=url, data_dir=settings.data_dir, **chosen)

    def assert_nobody_is_connected(self, server: str, url: str) -> None:
        name = sa.make_url(url).database
        with closing(psycopg.connect(server, autocommit=True)) as connection:
            sql = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'"
            wait_until(lambda: not connection.execute(sql).fetchall())

    def test_everything_is_closed_at_the_end(self, server: str, empty_url: str, settings: Settings) -> None:
        with opened(self.connected(empty_url, settings)) as data:
            assert data.extent() is None
        self.assert_nobody_is_connected(server, empty_url)

    def test_everything_is_closed_when_the_block_raises(
        self, server: str, empty_url: str, settings: Settings
    ) -> None:
        with (
            pytest.raises(DatabaseError, match="LIMIT"),
            opened(self.connected(empty_url, settings)) as data,
        ):
            data.frame(CUSTOMERS, top=-1)
        self.assert_nobody_is_connected(server, empty_url)

    def test_everything_is_closed_when_the_database_does_not_fit(
        self, server: str, empty_url: str, settings: Settings
    ) -> None:
        with psycopg.connect(empty_url) as connection:
            connection.execute("CREATE SCHEMA dashboard")
            connection.execute("CREATE TABLE dashboard.schema_revision AS SELECT '9999' AS version_num")
        with pytest.raises(NewerSchema), opened(self.connected(empty_url, settings)):
            raise AssertionError
        self.assert_nobody_is_connected(server, empty_url)

    def test_unreadable_address_of_the_cache_stops_before_the_database_is_touched(
        self, empty_url: str, settings: Settings
    ) -> None:
        with (
            pytest.raises(SettingsError, match="REDIS_URL"),
            opened(self.connected(empty_url, settings, REDIS_URL="http://localhost")),
        ):
            raise AssertionError
        with psycopg.connect(empty_url) as connection:
            assert connection.execute("SELECT to_regnamespace('dashboard')").fetchone() == (None,)

    def test_database_that_is_down_is_an_error_without_its_password(self, settings: Settings) -> None:
        with (
            pytest.raises(DatabaseUnavailable, match="Connection refused") as caught,
            opened(self.connected(NOWHERE, settings)),
        ):
            raise AssertionError
        assert "hunter2" not in str(caught.value)


def test_merged_provenance_is_that_of_the_oldest_part() -> None:
    noon = datetime(2018, 9, 1, 12, tzinfo=UTC)
    daily, states, customers = (Asked(name, None, ()) for name in (DAILY, STATES, CUSTOMERS))
    old = Provenance("disk", 7, noon, THIRD, 2.0, (daily,))
    new = Provenance("disk", 8, noon + timedelta(hours=1), THIRD, 3.0, (states, daily))
    fresh = Provenance(DATABASE, 8, noon + timedelta(hours=2), THIRD, 4.0, (customers,))
    assert Provenance.merged(new, old) == Provenance("disk", 7, noon, THIRD, 5.0, (states, daily))
    assert Provenance.merged(old, fresh) == Provenance(DATABASE, 7, noon, THIRD, 6.0, (daily, customers))
    assert Provenance.merged(old) == old
    assert Provenance.merged(new, old, fresh).queries == (STATES, DAILY, CUSTOMERS)

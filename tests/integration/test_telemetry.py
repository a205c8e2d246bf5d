import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from dashboard.cache.contract import Reason
from dashboard.catalogue import catalogue
from dashboard.database import READER_ROLE, Database, LockTaken
from dashboard.errors import DatabaseUnavailable
from dashboard.settings import ROOT, Settings
from dashboard.telemetry import ELAPSED_BOUNDS_MS, RETENTION_DAYS, Statistics, flushing, recent
from tests.reads import Unconfirmed
from tests.servers import wait_until

Admin = Callable[..., list[tuple[object, ...]]]

DAILY, CUSTOMERS = "business/daily_sales", "business/customers"
PATIENCE_SECONDS = 60
PROCESS = f"""
import sys
from dashboard.database import Database
from dashboard.settings import Settings
from dashboard.telemetry import Statistics, flushing

settings = Settings(_env_file=None)
statistics = Statistics()
with flushing(statistics, Database(sys.argv[1], settings), settings):
    statistics.record("{DAILY}", "database", "cold", elapsed_ms=30, size_bytes=1_000, spent_ms=20)
    for _ in range(9):
        statistics.record("{DAILY}", "memory", elapsed_ms=0.1, size_bytes=1_000, saved_ms=20)
"""


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


@pytest.fixture
def often(settings: Settings) -> Settings:
    """Settings of a process that writes all the time, and waits for nobody when it ends."""
    return settings.model_copy(update={"statistics_flush_seconds": 0.01, "connect_timeout_seconds": 0.2})


def of_last_hour(database: Database) -> pl.DataFrame:
    with database.snapshot() as snapshot:
        return recent(snapshot, minutes=60)


def reads(admin: Admin) -> int:
    [(total,)] = admin("SELECT coalesce(sum(reads), 0)::int FROM dashboard.read_statistics")
    assert isinstance(total, int)
    return total


@contextmanager
def down(server: str, url: str) -> Iterator[None]:
    """While the block lasts, the database breaks its connections and takes no new ones."""
    name = sa.make_url(url).database
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Whoever writes waits until the end of this."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE dashboard.read_statistics IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


class TestRecent:
    def test_the_reads_of_all_processes_add_up(self, database: Database, database_url: str) -> None:
        command = [sys.executable, "-c", PROCESS, database_url]
        processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
        assert [process.wait(PATIENCE_SECONDS) for process in processes] == [0, 0]
        [row] = of_last_hour(database).to_dicts()
        counts = {"reads": 20, "hits": 18, "hit_share": 0.9, "cold": 2, "size_bytes": 20_000}
        assert {name: row[name] for name in counts} == counts
        assert (row["spent_ms"], row["saved_ms"]) == (40.0, 360.0)
        assert row["mean_elapsed_ms"] == pytest.approx(3.09)

    def test_each_outcome_is_told_apart(self, database: Database, statistics: Statistics) -> None:
        for level in ("memory", "redis", "disk"):
            statistics.record(DAILY, level, elapsed_ms=1)
        statistics.record(DAILY, "database", "version", elapsed_ms=1)
        statistics.record(DAILY, "database", "version", elapsed_ms=1, is_coalesced=True)
        statistics.record(DAILY, "database", "evicted", elapsed_ms=1)
        statistics.record(DAILY, "stale", "expired", elapsed_ms=1)
        statistics.record(DAILY, "error", "bypass", elapsed_ms=1)
        statistics.record(CUSTOMERS, "database", "damaged", elapsed_ms=1)
        statistics.record(CUSTOMERS, "database", "unavailable", elapsed_ms=1)
        statistics.flush(database)
        daily, customers = of_last_hour(database).to_dicts()
        told = ("query", "reads", "hit_share", "stale_share", "errors", "coalesced")
        assert [daily[name] for name in told] == [DAILY, 8, 3 / 8, 1 / 8, 1, 1]
        assert [customers[name] for name in told] == [CUSTOMERS, 2, 0.0, 0.0, 0, 0]
        reasons = ("cold", "expired", "version", "evicted", "damaged", "unavailable", "bypass")
        assert [daily[name] for name in reasons] == [0, 1, 2, 1, 0, 0, 1]
        assert [customers[name] for name in reasons] == [0, 0, 0, 0, 1, 1, 0]

    def test_without_reads_there_are_columns_and_no_rows(self, database: Database) -> None:
        frame = of_last_hour(database)
        assert frame.is_empty()
        assert {frame.schema[name] for name in ("reads", "hits", "errors", *Reason)} == {pl.Int64()}
        assert {frame.schema[name] for name in ("hit_share", "saved_ms", "mean_elapsed_ms")} == {pl.Float64()}

    def test_older_minutes_are_left_out(self, database: Database) -> None:
        an_hour_ago = datetime.now(UTC).timestamp() - 3_600
        old = Statistics(clock=lambda: an_hour_ago)
        old.record(DAILY, "memory", elapsed_ms=1)
        old.flush(database)
        assert of_last_hour(database).is_empty()
        with database.snapshot() as snapshot:
            assert recent(snapshot, minutes=62)["reads"].to_list() == [1]

    def test_the_reader_may_read_and_not_write_them(self, admin: Admin) -> None:
        rights = [
            admin(f"SELECT has_table_privilege('{READER_ROLE}', 'dashboard.read_statistics', '{right}')")
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
        ]
        assert rights == [[(True,)], [(False,)], [(False,)], [(False,)]]

    def test_the_table_names_the_bounds_of_its_buckets(
        self, database: Database, statistics: Statistics, admin: Admin
    ) -> None:
        [(comment,)] = admin(
            "SELECT col_description(attrelid, attnum) FROM pg_attribute"
            " WHERE attrelid = 'dashboard.read_statistics'::regclass AND attname = 'elapsed_buckets'"
        )
        assert ", ".join(f"{bound:g}" for bound in ELAPSED_BOUNDS_MS) in str(comment)
        statistics.record(DAILY, "memory", elapsed_ms=0.3)
        statistics.flush(database)
        [(buckets,)] = admin("SELECT elapsed_buckets FROM dashboard.read_statistics")
        assert buckets == [int(bound == 0.5) for bound in ELAPSED_BOUNDS_MS] + [0]


class TestFlush:
    def test_a_write_whose_commit_was_not_confirmed_counts_once(
        self, database: Database, statistics: Statistics, admin: Admin
    ) -> None:
        statistics.record(DAILY, "memory", elapsed_ms=1)
        with pytest.raises(DatabaseUnavailable):
            statistics.flush(Unconfirmed(database))
        statistics.record(DAILY, "memory", elapsed_ms=1)
        statistics.flush(database)
        assert reads(admin) == 2

    def test_reads_are_counted_while_others_are_written(
        self, database: Database, database_url: str, statistics: Statistics, admin: Admin
    ) -> None:
        def write() -> None:
            while True:
                with suppress(LockTaken):
                    statistics.flush(database)
                    return

        statistics.record(DAILY, "memory", elapsed_ms=1)
        writing = threading.Thread(target=write)
        waiting = (
            "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'dashboard.read_statistics'::regclass"
        )
        with locked(database_url):
            writing.start()
            wait_until(lambda: bool(admin(waiting)), "the write has begun")
            statistics.record(DAILY, "memory", elapsed_ms=1)
        writing.join(PATIENCE_SECONDS)
        statistics.flush(database)
        assert reads(admin) == 2


class TestFlushing:
    def test_reads_are_written_while_it_lasts_and_the_rest_at_its_end(
        self, database: Database, statistics: Statistics, often: Settings, settings: Settings, admin: Admin
    ) -> None:
        with flushing(statistics, database, often):
            statistics.record(DAILY, "memory", elapsed_ms=1)
            wait_until(lambda: reads(admin) == 1, "it is written")
        with flushing(
            statistics, database, settings.model_copy(update={"statistics_flush_seconds": 3_600.0})
        ):
            statistics.record(DAILY, "memory", elapsed_ms=1)
            assert reads(admin) == 1
        assert reads(admin) == 2

    def test_nothing_is_lost_while_the_database_is_down(
        self,
        database: Database,
        database_url: str,
        server: str,
        statistics: Statistics,
        often: Settings,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with flushing(statistics, database, often):
            statistics.record(DAILY, "memory", elapsed_ms=1)
            with down(server, database_url):
                for _ in range(100):
                    statistics.record(DAILY, "disk", elapsed_ms=1)
                wait_until(lambda: bool(caplog.messages), "the trouble is told")
            with psycopg.connect(database_url, autocommit=True) as connection:
                count = "SELECT sum(reads) FROM dashboard.read_statistics"
                wait_until(lambda: connection.execute(count).fetchone() == (101,), "all are written")
        assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1

    def test_a_write_that_waits_holds_up_the_end_no_longer_than_a_connection_may(
        self,
        database: Database,
        database_url: str,
        statistics: Statistics,
        often: Settings,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with locked(database_url):
            with flushing(statistics, database, often):
                statistics.record(DAILY, "memory", elapsed_ms=1)
            assert "the last statistics of reads are not waited for any longer" in caplog.text
        wait_until(lambda: "statistics" not in {thread.name for thread in threading.enumerate()}, "it ends")

    def test_a_table_that_is_locked_is_told_of_and_holds_up_neither_others_nor_the_end(
        self,
        database: Database,
        database_url: str,
        statistics: Statistics,
        often: Settings,
        admin: Admin,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        patient = often.model_copy(update={"connect_timeout_seconds": PATIENCE_SECONDS})
        with locked(database_url):
            with flushing(statistics, database, patient):
                statistics.record(DAILY, "memory", elapsed_ms=1)
                statistics.statements.record(catalogue()[DAILY], (), 1, 0.0, 1e6, "", None)
            assert "statistics of reads can't be written: Another transaction is at work" in caplog.text
            assert "waited for" not in caplog.text
            assert admin("SELECT query FROM dashboard.slow_statements") == [(DAILY,)]
        statistics.flush(database)
        assert reads(admin) == 1

    def test_what_is_too_old_is_deleted(
        self, database: Database, statistics: Statistics, often: Settings, admin: Admin
    ) -> None:
        day_seconds = 86_400
        now = datetime.now(UTC).timestamp()
        for days in (RETENTION_DAYS + 1, RETENTION_DAYS - 1):
            old = Statistics(clock=lambda then=now - days * day_seconds: then)
            old.record(DAILY, "memory", elapsed_ms=1)
            old.flush(database)
        ages = "SELECT extract(day FROM now() - minute)::int FROM dashboard.read_statistics ORDER BY 1"
        rarely = often.model_copy(update={"statistics_flush_seconds": 3_600.0})
        with flushing(statistics, database, rarely):
            statistics.record(DAILY, "memory", elapsed_ms=1)
        wait_until(
            lambda: admin(ages) == [(0,), (RETENTION_DAYS - 1,), (RETENTION_DAYS + 1,)],
            "the new one is written; nobody waits for more at the end",
        )
        with flushing(statistics, database, often):
            statistics.record(DAILY, "memory", elapsed_ms=1)
            wait_until(lambda: admin(ages) == [(0,), (RETENTION_DAYS - 1,)], "the old one is gone")

    def test_a_standby_that_becomes_the_primary_is_written_to_soon(
        self,
        database: Database,
        database_url: str,
        server: str,
        statistics: Statistics,
        often: Settings,
        admin: Admin,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(import_module("dashboard.telemetry.flushing"), "FAILED_RETRY_SECONDS", 0.1)
        name = sa.make_url(database_url).database
        admin(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with flushing(statistics, database, often):
            statistics.record(DAILY, "memory", elapsed_ms=1)
            wait_until(lambda: "in a read-only transaction" in caplog.text, "it is refused")
            admin(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            with down(server, database_url):
                pass
            with psycopg.connect(database_url, autocommit=True) as connection:
                count = "SELECT sum(reads) FROM dashboard.read_statistics"
                wait_until(lambda: connection.execute(count).fetchone() == (1,), "it is written")

    def test_a_user_who_may_not_write_is_told_once_and_can_read(
        self,
        database_url: str,
        admin: Admin,
        statistics: Statistics,
        often: Settings,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        user = f"watcher_{sa.make_url(database_url).database}"
        admin(f"CREATE ROLE {user} LOGIN PASSWORD 'watcher' IN ROLE {READER_ROLE}")
        url = sa.make_url(database_url).set(username=user, password="watcher")
        watching = Database(url.render_as_string(hide_password=False), often)
        try:
            with flushing(statistics, watching, often):
                statistics.record(DAILY, "memory", elapsed_ms=1)
                wait_until(lambda: bool(caplog.messages), "it was tried")
            assert of_last_hour(watching).is_empty()
        finally:
            watching.close()
            admin(f"DROP ROLE {user}")
        [message] = caplog.messages
        assert message.startswith("statistics of reads can't be written: The database user lacks a right")

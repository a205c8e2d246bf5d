"""Reads that must fit together, while the data changes, readers leave and servers fail."""

import itertools
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import psycopg
import pytest

from dashboard.cache import Hit, Key, Miss, months
from dashboard.data import DATABASE, STALE, Data, Frame
from dashboard.data.question import question
from dashboard.database import Database
from dashboard.errors import DatabaseUnavailable, DataMoved, ParameterError
from dashboard.settings import Settings
from dashboard.versions import Versions, invalidate, read_versions
from dashboard.window import Span
from tests import servers
from tests.reads import (
    Admin,
    Opener,
    Statements,
    administering,
    bump_months,
    copied,
    down,
    held_up,
    name_of,
    opening,
    order,
    refresh,
    revenue,
    rounds_until,
    shut,
    wait_until,
    waiting,
)

DAILY, STATES, CUSTOMERS = "business/daily_sales", "business/sales_by_state", "business/customers"
JANUARY, MARCH = Span(date(2018, 1, 1), date(2018, 2, 1)), Span(date(2018, 3, 1), date(2018, 4, 1))
YEAR = Span(date(2018, 1, 1), date(2019, 1, 1))
READERS = 200


class Left(Exception):
    """A reader wants no more."""


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(server: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a shop, to be copied, with an order of 100 in each month of 2018."""
    with copied(server, _template) as url:
        folder = tmp_path_factory.mktemp("filled")
        with (
            administering(url) as run,
            closing(Database(url, Settings(_env_file=None, data_dir=folder))) as one,
        ):
            for month in months(YEAR):
                order(run, month.start, 100)
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
def data(filled_url: str, open_data: Opener) -> Data:
    return open_data(filled_url)


@pytest.fixture
def statements(filled_url: str) -> Iterator[Callable[[str], Statements]]:
    with psycopg.connect(filled_url, autocommit=True) as connection:
        yield lambda query: Statements(connection, query)


def invalidated(database: Database, tag: str) -> Versions:
    invalidate(database, tag)
    with database.snapshot() as snapshot:
        return read_versions(snapshot)


def pay(database: Database, value: int, *some: Span) -> int:
    """All orders of some months cost so much from now on; the new version of those months."""
    with database.writer() as writer:
        for month in some:
            writer.execute(
                "UPDATE shop.order_payments SET payment_value = %(value)s FROM shop.orders "
                "WHERE orders.order_id = order_payments.order_id AND purchase_date >= %(start)s "
                "AND purchase_date < %(end)s",
                {"value": value, "start": month.start, "end": month.end},
            )
        writer.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY dashboard.daily_sales_metrics")
        return bump_months(writer, "daily_sales_metrics", [month.start for month in some])


def test_a_range_of_days_is_given_once(data: Data) -> None:
    for name in (DAILY, STATES):
        with pytest.raises(ParameterError, match=f"{name} got a range of days, and start besides"):
            data.frame(name, YEAR, start=MARCH.start)


class TestOneState:
    def test_what_needs_a_newer_state_than_was_answered_from_is_refused(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        reading = data.reading()
        assert revenue(reading.frame(DAILY)) == 1_200
        order(admin, date(2018, 1, 5), 50)
        refresh(database)
        with pytest.raises(DataMoved, match="Read it again"):
            reading.frame(STATES)
        again = data.reading()
        assert [revenue(again.frame(name)) for name in (STATES, DAILY)] == [1_250, 1_250]

    def test_what_was_answered_may_be_asked_again_in_the_same_state(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        reading = data.reading()
        first = reading.frame(DAILY)
        order(admin, date(2018, 1, 5), 50)
        refresh(database)
        assert revenue(data.frame(STATES)) == 1_250  # so the new version is known
        assert reading.frame(DAILY).provenance.version == first.provenance.version
        assert revenue(reading.frame(DAILY)) == 1_200

    def test_a_change_in_what_was_not_answered_does_not_matter(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        reading = data.reading()
        daily = reading.frame(DAILY)
        order(admin, date(2018, 1, 5), 50)
        refresh(database, "daily_sales_by_state")
        assert revenue(reading.frame(STATES)) == 1_250
        assert reading.frame(DAILY).provenance.version == daily.provenance.version

    def test_nor_does_one_in_months_that_were_not_answered(self, data: Data, database: Database) -> None:
        reading = data.reading()
        reading.frame(DAILY, JANUARY)
        version = pay(database, 70, MARCH)
        march = reading.frame(DAILY, MARCH)
        assert (revenue(march), march.provenance.version) == (70, version)
        pay(database, 60, JANUARY, Span(date(2018, 5, 1), date(2018, 6, 1)))
        with pytest.raises(DataMoved):
            reading.frame(DAILY, Span(date(2018, 5, 1), date(2018, 5, 9)))

    def test_a_reading_that_has_answered_nothing_takes_the_newest(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        data.frame(CUSTOMERS, top=1)
        order(admin, date(2018, 1, 5), 50)
        refresh(database)
        assert revenue(data.frame(DAILY)) == 1_250

    def test_an_answer_of_one_newer_snapshot_is_good_though_the_data_changes_all_the_time(
        self, data: Data, database: Database, statements: Callable[[str], Statements]
    ) -> None:
        data.frame(CUSTOMERS, top=1)
        learn, counted = data.known.learn, statements(STATES)

        def overtaken(versions: Versions) -> None:
            """Before this reader has its answer, another one knows of a newer state."""
            learn(versions)
            learn(invalidated(database, STATES))

        data.known.learn = overtaken  # type: ignore[method-assign]
        version = invalidated(database, STATES).newest
        reading = data.reading()
        frame = reading.frame(STATES, YEAR)
        assert (revenue(frame), frame.provenance.version) == (1_200, version)
        assert counted.since().calls == 1
        with pytest.raises(DataMoved):
            reading.frame(DAILY, YEAR)
        assert data.frame(STATES, YEAR).provenance.version > version

    def test_a_newer_snapshot_s_version_is_that_of_the_months_that_were_asked_for(
        self, data: Data, database: Database
    ) -> None:
        data.frame(CUSTOMERS, top=1)
        version = pay(database, 70, MARCH)
        pay(database, 60, Span(date(2018, 12, 1), date(2019, 1, 1)))
        reading = data.reading()
        frame = reading.frame(DAILY, Span(date(2018, 1, 1), date(2018, 9, 1)))
        assert (revenue(frame), frame.provenance.version) == (770, version)
        assert revenue(reading.frame(STATES)) == 1_200

    def test_an_invalidation_between_two_reads_is_a_new_state(self, data: Data) -> None:
        reading = data.reading()
        reading.frame(DAILY)
        data.invalidate("business/*")
        with pytest.raises(DataMoved):
            reading.frame(STATES)

    def test_months_of_two_states_are_never_mixed(
        self, filled_url: str, open_data: Opener, database: Database
    ) -> None:
        several = [open_data(filled_url, versions_poll_seconds=0.002) for _ in range(2)]
        all_months = months(YEAR)
        with database.snapshot() as snapshot:
            versions = read_versions(snapshot)
        paid = dict.fromkeys((month.start for month in all_months), Decimal(100))
        truth = {versions.of(("daily_sales_metrics", DAILY), YEAR): dict(paid)}
        answers: list[tuple[Span, Frame]] = []
        moved: list[DataMoved] = []
        is_over = threading.Event()

        def read(number: int) -> None:
            chance = random.Random(number)
            while not is_over.is_set():
                first, last = sorted(chance.choices(all_months, k=2), key=lambda month: month.start)
                span = chance.choice([YEAR, Span(first.start, last.end)])
                try:
                    answers.append((span, several[number % 2].frame(DAILY, span)))
                except DataMoved as error:
                    moved.append(error)

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read, number) for number in range(4)]
            chance = random.Random(0)
            try:
                for value in rounds_until(
                    lambda: len({frame.provenance.version for _, frame in answers[:]}) > 9
                ):
                    some = chance.sample(all_months, chance.randint(1, 3))
                    paid |= dict.fromkeys((month.start for month in some), Decimal(value))
                    truth[pay(database, value, *some)] = dict(paid)
            finally:
                is_over.set()
            for reader in readers:
                reader.result()
        for span, frame in answers:
            state = truth[frame.provenance.version]
            expected = {month: value for month, value in state.items() if span.contains(month)}
            assert dict(frame.rows.select("date", "total_revenue").iter_rows()) == expected
        assert len(moved) < len(answers)


class TestLaggingReplica:
    """It answers from a state older than the versions that are known already."""

    def key(self, data: Data, name: str, version: int) -> Key:
        return question(data.catalogue[name], None, {}).whole(None).at(version)

    def test_its_rows_are_not_published_as_the_newer_ones(
        self, data: Data, database: Database, admin: Admin, filled_url: str, open_data: Opener
    ) -> None:
        older = data.known.current().of(("daily_sales_metrics", DAILY))
        newer = older + 1
        data.known.learn(Versions([("daily_sales_metrics", None, newer)]))
        with pytest.raises(DataMoved, match="Try again"):
            data.frame(DAILY)
        for some in (data, open_data(filled_url)):
            old, new = (self.key(some, DAILY, version) for version in (older, newer))
            found = some.reader.levels.find([old, new])
            assert isinstance(found[old], Hit)
            assert isinstance(found[new], Miss)
        order(admin, date(2018, 1, 5), 50)
        refresh(database)
        frame = data.frame(DAILY)
        assert revenue(frame) == 1_250
        assert frame.provenance.version > newer

    def test_its_months_are_not_mixed_with_newer_ones(
        self, data: Data, database: Database, admin: Admin
    ) -> None:
        before = admin("SELECT relation, version FROM dashboard.versions")
        pay(database, 70, JANUARY)
        pay(database, 70, MARCH)
        data.known.expire()
        assert revenue(data.frame(DAILY, MARCH)) == 70
        # Back to where a replica would be that has seen neither.
        pay(database, 100, JANUARY, MARCH)
        admin("DELETE FROM dashboard.versions WHERE month <> '-infinity'")
        assert sorted(admin("SELECT relation, version FROM dashboard.versions")) == sorted(before)
        with pytest.raises(DataMoved):
            data.frame(DAILY, YEAR)
        with pytest.raises(DataMoved):
            data.frame(DAILY, Span(YEAR.start, date(2018, 12, 31)))

    def test_it_is_not_asked_for_a_renewal_time_after_time(
        self, filled_url: str, open_data: Opener, statements: Callable[[str], Statements]
    ) -> None:
        data = open_data(filled_url, cache_soft_share=1e-9)
        older = data.frame(DAILY).provenance.version
        [value] = data.reader.levels.last_good([self.key(data, DAILY, older)]).values()
        newer = older + 1
        data.reader.levels.keep({self.key(data, DAILY, newer): replace(value, version=newer)})
        data.known.learn(Versions([("daily_sales_metrics", None, newer)]))
        counted = statements(DAILY)
        for _ in range(20):
            assert data.frame(DAILY).provenance.version == newer
            wait_until(lambda: not data.reader._flights._flights, "nothing is renewed")
        assert counted.since().calls == 1


class TestSingleFlight:
    def test_two_hundred_readers_of_one_cold_question_are_one_statement(
        self,
        filled_url: str,
        open_data: Opener,
        database: Database,
        admin: Admin,
        statements: Callable[[str], Statements],
    ) -> None:
        waiters: set[int] = set()
        data = open_data(filled_url, lambda: waiters.add(threading.get_ident()))
        counted = statements(STATES)
        with ThreadPoolExecutor(READERS) as pool:
            with database.writer() as writer:
                shut(writer, "daily_sales_by_state")
                reads = [pool.submit(data.frame, STATES, YEAR) for _ in range(READERS)]
                wait_until(lambda: len(waiters) == READERS, "all wait")
            assert {revenue(read.result()) for read in reads} == {1_200}
        assert counted.since().calls == 1
        assert recorded(data, admin) == {
            (STATES, DATABASE, "cold", False): 1,
            (STATES, DATABASE, "cold", True): READERS - 1,
        }

    def test_readers_of_overlapping_ranges_share_what_is_common(
        self,
        filled_url: str,
        open_data: Opener,
        database: Database,
        admin: Admin,
        statements: Callable[[str], Statements],
    ) -> None:
        data = open_data(filled_url)
        counted = statements(STATES)
        spans = [Span(date(2018, 1, 1), date(2018, 4, 1)), Span(date(2018, 2, 1), date(2018, 6, 1))]
        with held_up(database, admin, "daily_sales_by_state", lambda: data.frame(STATES, spans[0])) as (
            first,
            _,
        ):
            pool = ThreadPoolExecutor(1)
            second = pool.submit(data.frame, STATES, spans[1])
            wait_until(lambda: waiting(admin, "daily_sales_by_state") == 2, "both wait")
        assert [revenue(read.result()) for read in (first, second)] == [300, 400]
        assert counted.since()[:2] == (2, 5)
        pool.shutdown()


class TestLeaving:
    """A read waits for a view that is shut, so that only a cancellation can end its statement."""

    @pytest.fixture
    def leaving(self) -> set[int]:
        return set()

    @pytest.fixture
    def data(self, filled_url: str, open_data: Opener, leaving: set[int]) -> Data:
        def leave() -> None:
            if threading.get_ident() in leaving:
                raise Left

        return open_data(filled_url, leave)

    def read(self, data: Data, readers: list[int]) -> Frame:
        readers.append(threading.get_ident())
        return data.frame(STATES, YEAR)

    def test_the_last_reader_who_leaves_ends_the_statement(
        self, data: Data, database: Database, admin: Admin, leaving: set[int]
    ) -> None:
        readers: list[int] = []
        with ThreadPoolExecutor(2) as pool, database.writer() as writer:
            shut(writer, "daily_sales_by_state")
            reads = [pool.submit(self.read, data, readers) for _ in range(2)]
            wait_until(lambda: len(readers) == 2 and waiting(admin, "daily_sales_by_state"))
            leaving.add(readers[0])
            wait_until(lambda: any(read.done() for read in reads), "one has left")
            assert waiting(admin, "daily_sales_by_state") == 1
            leaving.add(readers[1])
            wait_until(lambda: not waiting(admin, "daily_sales_by_state"), "the statement has ended")
            wait_until(lambda: all(isinstance(read.exception(), Left) for read in reads))
        leaving.clear()
        assert revenue(data.frame(STATES, YEAR)) == 1_200

    def test_whoever_stays_gets_the_answer(
        self,
        data: Data,
        database: Database,
        admin: Admin,
        leaving: set[int],
        statements: Callable[[str], Statements],
    ) -> None:
        counted, readers = statements(STATES), list[int]()
        with ThreadPoolExecutor(2) as pool:
            with database.writer() as writer:
                shut(writer, "daily_sales_by_state")
                reads = [pool.submit(self.read, data, readers) for _ in range(2)]
                wait_until(lambda: len(readers) == 2 and waiting(admin, "daily_sales_by_state"))
                leaving.add(readers[0])
                wait_until(lambda: any(read.done() for read in reads), "one has left")
            [left] = [read for read in reads if read.exception()]
            [stayed] = [read for read in reads if read is not left]
            assert isinstance(left.exception(), Left)
            assert revenue(stayed.result()) == 1_200
        assert counted.since().calls == 1

    def test_who_asks_while_a_statement_is_being_ended_gets_the_answer(
        self, data: Data, database: Database, admin: Admin, leaving: set[int]
    ) -> None:
        for _ in range(5):
            readers: list[int] = []
            with ThreadPoolExecutor(2) as pool:
                with database.writer() as writer:
                    shut(writer, "daily_sales_by_state")
                    first = pool.submit(self.read, data, readers)
                    wait_until(lambda: waiting(admin, "daily_sales_by_state"))
                    leaving.add(readers[0])
                    assert isinstance(first.exception(), Left)
                    leaving.clear()
                    second = pool.submit(self.read, data, readers)
                assert revenue(second.result()) == 1_200
            data.invalidate(STATES)

    def test_closing_ends_the_statement(self, data: Data, database: Database, admin: Admin) -> None:
        with ThreadPoolExecutor(1) as pool, database.writer() as writer:
            shut(writer, "daily_sales_by_state")
            read = pool.submit(data.frame, STATES, YEAR)
            wait_until(lambda: waiting(admin, "daily_sales_by_state"))
            data.close()
            assert not waiting(admin, "daily_sales_by_state")
            assert read.exception() is not None

    def test_closing_leaves_nobody_waiting(self, filled_url: str, open_data: Opener) -> None:
        data = open_data(filled_url, cache_analytics_ttl_seconds=0.01)  # so that there are renewals, too
        answers: list[Frame] = []

        def read(number: int) -> None:
            for month in itertools.islice(itertools.cycle(months(YEAR)), number, None):
                answers.append(data.frame(DAILY, Span(month.start, YEAR.end)))

        with ThreadPoolExecutor(12) as pool:
            reads = [pool.submit(read, number) for number in range(12)]
            wait_until(lambda: len(answers) > 50, "they read")
            data.close()
            assert all(read.exception(20) for read in reads)


class TestDatabaseDown:
    SOON_SECONDS = 0.000_001

    @pytest.fixture
    def data(self, filled_url: str, open_data: Opener) -> Data:
        return open_data(filled_url, cache_analytics_ttl_seconds=self.SOON_SECONDS)

    def test_stale_blocks_make_stale_answers(self, server: str, filled_url: str, data: Data) -> None:
        first = data.frame(DAILY, Span(date(2018, 2, 10), date(2018, 5, 20)))
        with down(server, filled_url):
            same = data.frame(DAILY, Span(date(2018, 2, 10), date(2018, 5, 20)))
            other = data.frame(DAILY, Span(date(2018, 2, 1), date(2018, 6, 1)))
            with pytest.raises(DatabaseUnavailable, match="DATABASE_URL"):
                data.frame(DAILY, Span(date(2018, 2, 1), date(2018, 6, 2)))
        assert same.rows.equals(first.rows)
        assert other.rows["date"].to_list() == [date(2018, month, 1) for month in (2, 3, 4, 5)]
        assert {frame.provenance.source for frame in (same, other)} == {STALE}
        assert same.provenance.version == first.provenance.version
        assert same.provenance.computed_at == first.provenance.computed_at
        assert data.frame(DAILY, JANUARY).provenance.source == DATABASE

    def test_a_stale_year_serves_its_months_and_stale_months_their_year(
        self, server: str, filled_url: str, data: Data
    ) -> None:
        data.frame(DAILY, YEAR)
        for month in months(YEAR):
            data.frame(STATES, month)
        with down(server, filled_url):
            assert [revenue(data.frame(name, YEAR)) for name in (DAILY, STATES)] == [1_200, 1_200]
            assert [revenue(data.frame(name, MARCH)) for name in (DAILY, STATES)] == [100, 100]

    def test_another_process_serves_them_too(
        self, server: str, filled_url: str, data: Data, open_data: Opener
    ) -> None:
        data.frame(DAILY, YEAR)
        other = open_data(filled_url, cache_analytics_ttl_seconds=self.SOON_SECONDS)
        with down(server, filled_url):
            stale = other.frame(DAILY, YEAR)
        assert (revenue(stale), stale.provenance.source) == (1_200, STALE)

    def test_beyond_the_bound_it_is_a_clear_error(
        self, server: str, filled_url: str, open_data: Opener
    ) -> None:
        data = open_data(filled_url, cache_analytics_ttl_seconds=0.05, cache_max_stale_seconds=0.05)
        data.frame(DAILY, YEAR)
        time.sleep(0.1)  # not to wait for something: the promise is about this time
        with down(server, filled_url):
            for span in (YEAR, MARCH):
                with pytest.raises(DatabaseUnavailable, match="Check that it runs"):
                    data.frame(DAILY, span)

    def test_a_fresh_read_comes_as_stale(self, server: str, filled_url: str, data: Data) -> None:
        data.frame(DAILY, YEAR)
        with down(server, filled_url):
            assert data.frame(DAILY, YEAR, True).provenance.source == STALE

    def test_months_of_two_states_do_not_claim_to_be_of_the_newer(
        self, server: str, filled_url: str, data: Data, database: Database
    ) -> None:
        old = data.frame(DAILY, Span(date(2018, 1, 1), date(2018, 4, 1)))
        version = pay(database, 70, JANUARY, MARCH)
        data.known.expire()
        assert data.frame(DAILY, MARCH).provenance.version == version
        with down(server, filled_url):
            stale = data.frame(DAILY, Span(date(2018, 1, 1), date(2018, 4, 1)))
            march = data.frame(DAILY, MARCH)
        assert stale.provenance.version == old.provenance.version
        assert (march.provenance.version, revenue(march)) == (version, 70)

    def test_months_with_other_columns_are_not_put_together(
        self, server: str, filled_url: str, data: Data
    ) -> None:
        data.frame(DAILY, Span(date(2018, 1, 1), date(2018, 4, 1)))
        asked = question(data.catalogue[DAILY], MARCH, {})
        [(march, value)] = data.reader.levels.last_good([asked.whole(MARCH)]).items()
        other = value.rows.with_columns(total_orders=pl.col("total_orders").cast(pl.Int32))
        data.reader.levels.keep({march.at(value.version): replace(value, rows=other)})
        with down(server, filled_url):
            assert data.frame(DAILY, MARCH).rows.equals(other)
            with pytest.raises(DatabaseUnavailable):
                data.frame(DAILY, Span(date(2018, 1, 1), date(2018, 4, 1)))

    def test_a_fault_within_the_database_is_no_reason_for_a_stale_answer(
        self, data: Data, admin: Admin
    ) -> None:
        data.frame(DAILY, YEAR)
        admin("ALTER MATERIALIZED VIEW dashboard.daily_sales_metrics RENAME COLUMN total_orders TO orders")
        with pytest.raises(Exception, match="total_orders"):
            data.frame(DAILY, YEAR)


class TestCacheGone:
    @pytest.fixture
    def redis(self, tmp_path: Path) -> Iterator[servers.Server]:
        with servers.single(tmp_path / "redis") as server:
            yield server

    def test_redis_that_goes_and_comes_back_costs_reads_and_nothing_else(
        self, redis: servers.Server, filled_url: str, tmp_path: Path
    ) -> None:
        some = Settings(
            _env_file=None,
            REDIS_URL=f"redis://127.0.0.1:{redis.port}",
            data_dir=tmp_path / "data",
            redis_timeout_seconds=2.0,
            redis_retry_seconds=0.01,
        )
        with opening(some) as opened:
            one, other = opened(filled_url), opened(filled_url)
            assert one.frame(DAILY, YEAR).provenance.source == DATABASE
            assert other.frame(DAILY, YEAR).provenance.source == "redis"
            redis.stop()
            assert one.frame(DAILY, YEAR).provenance.source == "memory"
            assert [revenue(data.frame(STATES, YEAR)) for data in (one, other)] == [1_200, 1_200]
            redis.start()
            wait_until(lambda: back(one, other), "one finds what the other left")

    def test_disk_that_goes_costs_reads_and_nothing_else(
        self, data: Data, filled_url: str, open_data: Opener, settings: Settings
    ) -> None:
        data.frame(DAILY, YEAR)
        shutil.rmtree(settings.data_dir / "cache")
        assert data.frame(DAILY, YEAR).provenance.source == "memory"
        assert revenue(data.frame(STATES, YEAR)) == 1_200
        assert open_data(filled_url).frame(STATES, YEAR).provenance.source == "disk"


def back(one: Data, other: Data) -> bool:
    one.frame(DAILY, MARCH, True)
    other.invalidate(STATES)
    other.frame(STATES, MARCH)
    one.known.expire()
    return one.frame(STATES, MARCH).provenance.source == "redis"


def recorded(data: Data, admin: Admin) -> dict[tuple[str, str, str, bool], int]:
    """How many reads there were since this was asked last: query, source, reason, whether coalesced."""
    data.statistics.flush(data.database)
    rows = admin(
        "SELECT query, source, reason, is_coalesced, sum(reads)::int FROM dashboard.read_statistics GROUP BY 1, 2, 3, 4"
    )
    admin("TRUNCATE dashboard.read_statistics")
    data.statistics = type(data.statistics)()
    return {
        (query, source, reason, is_coalesced): reads for query, source, reason, is_coalesced, reads in rows
    }


class TestStatistics:
    @contextmanager
    def counting(self, data: Data, admin: Admin, *expected: tuple[str, str, str, bool]) -> Iterator[None]:
        recorded(data, admin)
        yield
        assert [*recorded(data, admin).items()] == [(one, 1) for one in expected]

    def test_cold_memory_and_disk(self, data: Data, filled_url: str, open_data: Opener, admin: Admin) -> None:
        with self.counting(data, admin, (DAILY, DATABASE, "cold", False)):
            data.frame(DAILY, YEAR)
        with self.counting(data, admin, (DAILY, "memory", "", False)):
            data.frame(DAILY, YEAR)
        with self.counting(data, admin, (DAILY, "memory", "", False)):
            data.frame(DAILY, MARCH)
        other = open_data(filled_url)
        with self.counting(other, admin, (DAILY, "disk", "", False)):
            other.frame(DAILY, Span(date(2018, 2, 1), date(2018, 4, 1)))

    def test_months_that_become_a_year_are_hits(self, data: Data, admin: Admin) -> None:
        for month in months(YEAR):
            data.frame(DAILY, month)
        with self.counting(data, admin, (DAILY, "memory", "", False)):
            data.frame(DAILY, YEAR)

    def test_version(self, data: Data, admin: Admin) -> None:
        data.frame(DAILY, YEAR)
        data.invalidate(DAILY)
        with self.counting(data, admin, (DAILY, DATABASE, "version", False)):
            data.frame(DAILY, YEAR)

    def test_expired(self, filled_url: str, open_data: Opener, admin: Admin) -> None:
        data = open_data(filled_url, cache_analytics_ttl_seconds=0.000_001)
        data.frame(DAILY, MARCH)
        with self.counting(data, admin, (DAILY, DATABASE, "expired", False)):
            data.frame(DAILY, MARCH)

    def test_bypass(self, data: Data, admin: Admin) -> None:
        data.frame(DAILY, YEAR)
        with self.counting(data, admin, (DAILY, DATABASE, "bypass", False)):
            data.frame(DAILY, YEAR, True)

    def test_stale_and_error(self, server: str, filled_url: str, open_data: Opener, admin: Admin) -> None:
        data = open_data(filled_url, cache_analytics_ttl_seconds=0.000_001)
        data.frame(DAILY, YEAR)
        recorded(data, admin)
        with down(server, filled_url):
            data.frame(DAILY, YEAR)
            with pytest.raises(DatabaseUnavailable):
                data.frame(STATES, YEAR)
        with administering(filled_url) as run:
            found = recorded(data, run)
        assert found == {(DAILY, STALE, "", False): 1, (STATES, "error", "", False): 1}

    def test_coalesced(self, data: Data, admin: Admin, database: Database) -> None:
        with ThreadPoolExecutor(1) as pool:
            with held_up(database, admin, "daily_sales_by_state", lambda: data.frame(STATES, YEAR)):
                second = pool.submit(data.frame, STATES, YEAR)
                wait_until(lambda: any(one.waiting == 2 for one in data.reader._flights._flights.values()))
            second.result()
        assert recorded(data, admin) == {
            (STATES, DATABASE, "cold", False): 1,
            (STATES, DATABASE, "cold", True): 1,
        }

    def test_coalesced_with_another_process(
        self, data: Data, filled_url: str, open_data: Opener, admin: Admin, database: Database
    ) -> None:
        other = open_data(filled_url)
        waiters: set[int] = set()
        other.reader._while_waiting = lambda: waiters.add(1)
        with ThreadPoolExecutor(1) as pool:
            with held_up(database, admin, "daily_sales_by_state", lambda: data.frame(STATES, YEAR)):
                second = pool.submit(other.frame, STATES, YEAR)
                wait_until(lambda: waiters, "the other waits")
            second.result()
        assert recorded(other, admin) == {(STATES, "disk", "cold", True): 1}

    def test_milliseconds_spent_are_those_saved_by_the_next_read(self, data: Data, admin: Admin) -> None:
        for _ in range(2):
            data.frame(DAILY, YEAR)
        data.statistics.flush(data.database)
        [(spent, saved)] = admin(
            "SELECT spent_ms, saved_ms FROM dashboard.read_statistics WHERE reason = 'cold'"
        )
        assert spent > 0 == saved
        [(spent_now, saved_now)] = admin(
            "SELECT spent_ms, saved_ms FROM dashboard.read_statistics WHERE reason = ''"
        )
        assert (spent_now, saved_now) == (0, pytest.approx(spent))

    def test_a_read_that_needed_a_second_attempt_counts_once(
        self, data: Data, admin: Admin, database: Database
    ) -> None:
        data.known.current()
        order(admin, date(2018, 1, 5), 50)
        refresh(database)
        with self.counting(data, admin, (DAILY, DATABASE, "cold", False)):
            data.frame(DAILY, YEAR)

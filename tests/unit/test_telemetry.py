import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.cache.contract import Reason
from dashboard.errors import DatabaseError, DatabaseUnavailable, MissingRights
from dashboard.settings import Settings
from dashboard.telemetry import ELAPSED_BOUNDS_MS, KEPT_MINUTES, Statistics, flushing
from dashboard.telemetry.tallies import MOST_TALLIES, MOST_WAITS, Tallies, Tally, Told
from tests.servers import wait_until

DAILY = "business/daily_sales"
NOON_SECONDS = 1_514_808_000.0  # 2018-01-01 12:00 UTC


class Clock:
    def __init__(self) -> None:
        self.now = NOON_SECONDS

    def __call__(self) -> float:
        return self.now


class Table:
    """What the database does with the rows: those of a key that is there replace it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[object, ...], dict[str, Any]] = {}
        self.writes: list[list[dict[str, Any]]] = []
        self.attempts = 0
        self.trouble: DatabaseError | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    @contextmanager
    def writer(self) -> Iterator["Table"]:
        self.attempts += 1
        if self.trouble:
            raise self.trouble
        yield self

    quick_writer = writer

    def execute(self, _: str, params: Mapping[str, Any] | None = None) -> int:
        if not params or "rows" not in params:
            return 0
        rows = json.loads(params["rows"])
        self.meanwhile()
        self.writes.append(rows)
        key = ("minute", "process", "query", "source", "reason", "is_coalesced")
        self.kept |= {tuple(row[name] for name in key): row for row in rows}
        return len(rows)

    def total(self, name: str = "reads") -> Any:
        return sum(row[name] for row in self.kept.values())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def statistics(clock: Clock) -> Statistics:
    return Statistics(clock)


def count_minutes(statistics: Statistics, clock: Clock, minutes: int) -> None:
    """One read in each of the next minutes."""
    for _ in range(minutes):
        clock.now += 60
        statistics.record(DAILY, "memory", elapsed_ms=1)


class TestCounting:
    def test_reads_of_one_kind_in_one_minute_are_one_row(self, statistics: Statistics, table: Table) -> None:
        costs = {"size_bytes": 100, "spent_ms": 20.0, "saved_ms": 1.5}
        statistics.record(DAILY, "database", Reason.COLD, elapsed_ms=25.0, **costs)
        statistics.record(DAILY, "database", "cold", elapsed_ms=0.015, **costs)
        statistics.flush(table)
        [row] = table.kept.values()
        buckets = row.pop("elapsed_buckets")
        assert row == {
            "minute": datetime.fromtimestamp(NOON_SECONDS, UTC).isoformat(),
            "process": statistics.process,
            "query": DAILY,
            "source": "database",
            "reason": "cold",
            "is_coalesced": False,
            "reads": 2,
            "size_bytes": 200,
            "spent_ms": 40.0,
            "saved_ms": 3.0,
            "elapsed_ms": 25.015,
        }
        assert {n: count for n, count in enumerate(buckets) if count} == {1: 1, 11: 1}

    def test_another_query_source_reason_or_wait_is_another_row(
        self, statistics: Statistics, table: Table
    ) -> None:
        statistics.record(DAILY, "database", "cold", elapsed_ms=1)
        statistics.record("business/customers", "database", "cold", elapsed_ms=1)
        statistics.record(DAILY, "memory", elapsed_ms=1)
        statistics.record(DAILY, "database", "version", elapsed_ms=1)
        statistics.record(DAILY, "database", "cold", elapsed_ms=1, is_coalesced=True)
        assert statistics.flush(table) == 5
        assert [row["reads"] for row in table.kept.values()] == [1] * 5

    def test_a_minute_ends_before_its_sixtieth_second(
        self, statistics: Statistics, table: Table, clock: Clock
    ) -> None:
        for second, reads in ((0, 1), (59.999, 1), (60, 3)):
            clock.now = NOON_SECONDS + second
            for _ in range(reads):
                statistics.record(DAILY, "memory", elapsed_ms=1)
        statistics.flush(table)
        minutes = {row["minute"][11:16]: row["reads"] for row in table.kept.values()}
        assert minutes == {"12:00": 2, "12:01": 3}

    def test_a_clock_set_back_opens_no_minute_again(
        self, statistics: Statistics, table: Table, clock: Clock
    ) -> None:
        count_minutes(statistics, clock, 2)
        statistics.flush(table)
        clock.now = NOON_SECONDS
        statistics.record(DAILY, "memory", elapsed_ms=1)
        statistics.flush(table)
        assert sorted(row["reads"] for row in table.kept.values()) == [1, 2]

    @pytest.mark.parametrize(
        ("elapsed_ms", "bucket"),
        [(0.0, 0), (0.01, 0), (0.011, 1), (1.0, 6), (30_000.0, 19), (30_000.1, 20), (1e9, 20)],
    )
    def test_a_bucket_holds_what_took_up_to_its_bound(
        self, statistics: Statistics, table: Table, elapsed_ms: float, bucket: int
    ) -> None:
        statistics.record(DAILY, "memory", elapsed_ms=elapsed_ms)
        statistics.flush(table)
        [row] = table.kept.values()
        assert len(row["elapsed_buckets"]) == len(ELAPSED_BOUNDS_MS) + 1
        assert row["elapsed_buckets"].index(1) == bucket

    def test_no_read_of_any_thread_is_lost_while_they_are_written(self, table: Table) -> None:
        statistics, threads, reads = Statistics(), 4, 5_000
        are_counted = threading.Event()

        def count(number: int) -> None:
            for n in range(reads):
                statistics.record(f"query {n % 3}", "memory", elapsed_ms=number, size_bytes=1)

        def write() -> None:
            while not are_counted.is_set():
                statistics.flush(table)

        with ThreadPoolExecutor(threads + 1) as pool:
            writing = pool.submit(write)
            for counting in [pool.submit(count, number) for number in range(threads)]:
                counting.result()
            are_counted.set()
            writing.result()
        statistics.flush(table)
        assert table.total() == table.total("size_bytes") == threads * reads
        assert sum(sum(row["elapsed_buckets"]) for row in table.kept.values()) == threads * reads

    def test_each_has_a_name_of_its_own(self) -> None:
        assert len({Statistics().process for _ in range(10)}) == 10


class TestTallies:
    def test_of_reads_that_are_alike_only_the_first_is_asked_what_it_was(self, clock: Clock) -> None:
        asked: list[str] = []

        def tell(of: str) -> Told:
            asked.append(of)
            return Told(of, "memory", "", False, 0.0, 1.5, 100)

        tallies = Tallies(clock, lambda: None)
        for query in ("a", "b", "a", "a"):
            tallies.count(query, 0.3, tell, query)
        clock.now += 60
        tallies.count("a", 0.3, tell, "a")
        taken, minute = tallies.take()
        assert asked == ["a", "b", "a"]
        assert [(one.told.query, len(one.elapsed_ms), one.minute) for one in taken] == [
            ("a", 3, minute - 1),
            ("b", 1, minute - 1),
            ("a", 1, minute),
        ]
        assert tallies.take() == ([], minute)

    @pytest.mark.parametrize(("reads", "kinds"), [(MOST_TALLIES, MOST_TALLIES), (MOST_WAITS, 1)])
    def test_they_are_taken_before_they_are_too_many(self, clock: Clock, reads: int, kinds: int) -> None:
        taken: list[Tally] = []
        tallies = Tallies(clock, lambda: taken.extend(tallies.take()[0]))
        for number in range(reads + 2):
            told = Told(f"query {number % kinds}", "memory", "", False, 0.0, 0.0, 0)
            tallies.count(told, 0.3, lambda told: told, told)
        left = [len(one.elapsed_ms) for one in tallies.take()[0]]
        assert taken
        assert 1 <= sum(left) <= 2
        assert sum(len(one.elapsed_ms) for one in taken) + sum(left) == reads + 2


class TestFlush:
    def test_without_reads_nothing_is_written(self, statistics: Statistics, table: Table) -> None:
        assert statistics.flush(table) == table.attempts == 0

    def test_what_had_no_reads_since_is_not_written_again(self, statistics: Statistics, table: Table) -> None:
        statistics.record(DAILY, "memory", elapsed_ms=1)
        statistics.record(DAILY, "redis", elapsed_ms=1)
        statistics.flush(table)
        assert statistics.flush(table) == 0
        statistics.record(DAILY, "redis", elapsed_ms=1)
        assert statistics.flush(table) == 1
        assert [(row["source"], row["reads"]) for row in table.writes[-1]] == [("redis", 2)]

    def test_reads_that_come_while_their_minute_is_written_and_ends_are_written_after(
        self, statistics: Statistics, table: Table, clock: Clock
    ) -> None:
        def go_on() -> None:
            table.meanwhile = lambda: None
            statistics.record(DAILY, "memory", elapsed_ms=1)
            count_minutes(statistics, clock, 1)

        statistics.record(DAILY, "memory", elapsed_ms=1)
        table.meanwhile = go_on
        statistics.flush(table)
        statistics.flush(table)
        assert table.total() == 3

    def test_what_could_not_be_written_is_written_later(
        self, statistics: Statistics, table: Table, clock: Clock
    ) -> None:
        table.trouble = DatabaseUnavailable("down")
        for _ in range(KEPT_MINUTES):
            count_minutes(statistics, clock, 1)
            with pytest.raises(DatabaseUnavailable):
                statistics.flush(table)
        table.trouble = None
        assert statistics.flush(table) == KEPT_MINUTES == table.total()
        assert statistics.dropped_reads == 0

    def test_of_a_long_trouble_the_last_hour_is_kept_and_the_rest_counted(
        self, statistics: Statistics, table: Table, clock: Clock
    ) -> None:
        count_minutes(statistics, clock, 1)
        statistics.flush(table)  # what is written is not dropped
        count_minutes(statistics, clock, 7 + KEPT_MINUTES)
        assert statistics.dropped_reads == 7
        assert statistics.flush(table) == KEPT_MINUTES


class TestFlushing:
    def test_a_trouble_is_told_once_and_its_end_too(
        self, statistics: Statistics, table: Table, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        table.trouble = DatabaseUnavailable("PostgreSQL does not answer")
        statistics.record(DAILY, "memory", elapsed_ms=1)
        often = settings.model_copy(update={"statistics_flush_seconds": 0.001})
        with flushing(statistics, table, often):
            wait_until(lambda: table.attempts >= 5, "it was tried again")
            table.trouble = None
            wait_until(lambda: len(caplog.messages) > 1, "it is written")
        assert caplog.messages == [
            "statistics of reads can't be written: PostgreSQL does not answer",
            "statistics of reads can't be written: this is over",
        ]
        assert table.total() == 1

    def test_a_longer_trouble_tells_what_was_lost(
        self,
        statistics: Statistics,
        table: Table,
        clock: Clock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        count_minutes(statistics, clock, 7 + KEPT_MINUTES)
        for _ in range(2):
            statistics.flush(table)
        assert caplog.messages == ["7 reads of minutes that could not be written are in no statistics"]

    def test_who_may_not_write_is_not_asking_all_the_time(
        self, statistics: Statistics, table: Table, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        table.trouble = MissingRights("permission denied for table read_statistics")
        statistics.record(DAILY, "memory", elapsed_ms=1)
        often = settings.model_copy(update={"statistics_flush_seconds": 0.001})
        with flushing(statistics, table, often):
            wait_until(lambda: caplog.messages, "it was tried")
        assert table.attempts == 2  # the second at the end
        assert len(caplog.messages) == 1

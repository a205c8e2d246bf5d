import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from dashboard.database import Cancellation, Database
from dashboard.errors import DatabaseError, DatabaseUnavailable, StatementCancelled, StatementTimeout
from dashboard.settings import Settings
from tests.servers import wait_until

Admin = Callable[..., list[tuple[object, ...]]]

SLEEP = "SELECT pg_sleep({seconds:g})::text AS slept /* {mark} */"
ONE = "SELECT 1 AS a"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def narrow(database_url: str, settings: Settings) -> Iterator[Database]:
    """A database that runs two statements at a time."""
    with closing(Database(database_url, settings.model_copy(update={"max_statements": 2}))) as database:
        yield database


def read(database: Database, cancellation: Cancellation | None, sql: str = ONE) -> object:
    with database.snapshot(cancellation) as snapshot:
        return snapshot.frame(sql).item()


def sleep(seconds: float, mark: str = "mine") -> str:
    return SLEEP.format(seconds=seconds, mark=mark)


def give_up_at_the_end(database: Database) -> None:
    cancellation = Cancellation()
    with database.snapshot(cancellation) as snapshot:
        snapshot.frame(ONE)
        cancellation.cancel()


def running(admin: Admin, mark: str = "mine") -> int:
    [(number,)] = admin(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
        f" AND datname = current_database() AND query LIKE '%/* {mark} */%'"
    )
    assert isinstance(number, int)
    return number


def connections(admin: Admin) -> set[object]:
    return {
        pid
        for (pid,) in admin(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'daybook reader'"
        )
    }


def took(begun: float) -> float:
    return time.monotonic() - begun


class TestCancellation:
    def test_stops_the_statement_that_runs(
        self, database: Database, admin: Admin, threads: ThreadPoolExecutor
    ) -> None:
        cancellation = Cancellation()
        reading = threads.submit(read, database, cancellation, sleep(20))
        wait_until(lambda: running(admin) == 1, "the statement runs")
        begun = time.monotonic()
        cancellation.cancel()
        with pytest.raises(StatementCancelled, match="given up"):
            reading.result(timeout=60)
        assert running(admin) == 0
        assert took(begun) < 5
        assert read(database, Cancellation()) == 1

    def test_is_told_apart_from_a_statement_that_took_too_long(
        self, database_url: str, settings: Settings
    ) -> None:
        hasty = settings.model_copy(update={"statement_timeout_seconds": 0.05})
        with (
            closing(Database(database_url, hasty)) as database,
            pytest.raises(StatementTimeout, match="DASHBOARD_STATEMENT_TIMEOUT_SECONDS"),
        ):
            read(database, Cancellation(), sleep(20))

    def test_before_the_read_leaves_the_database_alone(self, database: Database, admin: Admin) -> None:
        cancellation = Cancellation()
        cancellation.cancel()
        with pytest.raises(StatementCancelled):
            read(database, cancellation)
        assert connections(admin) == set()

    def test_between_two_statements_stops_the_next(self, database: Database, admin: Admin) -> None:
        cancellation = Cancellation()

        def goes_on() -> None:
            with database.snapshot(cancellation) as snapshot:
                snapshot.frame(ONE)
                cancellation.cancel()
                time.sleep(0.05)  # the first request comes, and finds nothing to stop
                snapshot.frame(sleep(20))

        begun = time.monotonic()
        with pytest.raises(StatementCancelled):
            goes_on()
        assert took(begun) < 5
        assert running(admin) == 0
        assert read(database, Cancellation()) == 1

    def test_counts_until_the_very_end_and_its_connection_is_not_used_again(
        self, database: Database, admin: Admin
    ) -> None:
        read(database, Cancellation())
        used = connections(admin)
        with pytest.raises(StatementCancelled):
            give_up_at_the_end(database)
        wait_until(lambda: used.isdisjoint(connections(admin)), "the connection is closed")

    def test_after_the_end_changes_nothing(self, database: Database, admin: Admin) -> None:
        cancellation = Cancellation()
        assert read(database, cancellation) == 1
        before = connections(admin)
        cancellation.cancel()
        cancellation.cancel()
        assert read(database, None) == 1
        assert connections(admin) == before

    def test_leaves_other_errors_as_they_are(self, database: Database) -> None:
        cancellation = Cancellation()

        def fails() -> None:
            with database.snapshot(cancellation):
                cancellation.cancel()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fails()
        with pytest.raises(DatabaseError, match="refused a statement"):
            read(database, Cancellation(), "SELECT * FROM nowhere")

    def test_stops_all_reads_that_share_it(
        self, database: Database, admin: Admin, threads: ThreadPoolExecutor
    ) -> None:
        cancellation = Cancellation()
        readings = [threads.submit(read, database, cancellation, sleep(20)) for _ in range(3)]
        wait_until(lambda: running(admin) == 3, "the statements run")
        cancellation.cancel()
        for reading in readings:
            with pytest.raises(StatementCancelled):
                reading.result(timeout=60)
        assert running(admin) == 0

    def test_does_not_wait_for_a_server_that_hangs(
        self, database: Database, admin: Admin, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = threading.Event()
        monkeypatch.setattr("psycopg.Connection.cancel_safe", lambda *_, **__: answers.wait(20))
        cancellation = Cancellation()
        reading = threads.submit(read, database, cancellation, sleep(0.3))
        wait_until(lambda: running(admin) == 1, "the statement runs")
        begun = time.monotonic()
        cancellation.cancel()
        assert took(begun) < 5
        assert not reading.done()
        answers.set()
        with pytest.raises(StatementCancelled):
            reading.result(timeout=60)

    def test_that_comes_with_the_end_stops_nobody_else(
        self, database_url: str, settings: Settings, threads: ThreadPoolExecutor
    ) -> None:
        """One connection, so that a request which comes too late would meet the next reader's statement."""
        one_place = settings.model_copy(update={"max_statements": 1})
        with closing(Database(database_url, one_place)) as database:
            cancelled = 0
            for n in range(60):
                cancellation = Cancellation()
                reading = threads.submit(read, database, cancellation, sleep(0.002))
                time.sleep(0.0002 * (n % 20))
                cancellation.cancel()
                assert read(database, Cancellation(), sleep(0.005)) == ""
                cancelled += isinstance(reading.exception(timeout=60), StatementCancelled)
            assert cancelled

    def test_leaves_the_statements_of_others_running(
        self, database: Database, admin: Admin, threads: ThreadPoolExecutor
    ) -> None:
        theirs = [threads.submit(read, database, Cancellation(), sleep(1.5, "theirs")) for _ in range(2)]
        mine = Cancellation()
        reading = threads.submit(read, database, mine, sleep(20))
        wait_until(lambda: running(admin) == 1 and running(admin, "theirs") == 2, "all statements run")
        mine.cancel()
        with pytest.raises(StatementCancelled):
            reading.result(timeout=60)
        assert [each.result(timeout=60) for each in theirs] == ["", ""]


class TestPlaces:
    def fill(
        self, database: Database, admin: Admin, threads: ThreadPoolExecutor, seconds: float = 20
    ) -> tuple[list[Cancellation], list[Future[object]]]:
        cancellations = [Cancellation(), Cancellation()]
        readings = [threads.submit(read, database, each, sleep(seconds)) for each in cancellations]
        wait_until(lambda: running(admin) == 2, "both places are taken")
        return cancellations, readings

    def test_are_never_exceeded_and_everybody_gets_one(
        self, narrow: Database, admin: Admin, threads: ThreadPoolExecutor
    ) -> None:
        readings = [threads.submit(read, narrow, Cancellation(), sleep(0.02)) for _ in range(20)]
        most = 0
        while not all(reading.done() for reading in readings):
            most = max(most, running(admin))
        assert [reading.result() for reading in readings] == [""] * 20
        assert most == 2
        assert len(connections(admin)) == 2

    def test_are_not_needed_for_quick_reads(
        self, narrow: Database, admin: Admin, threads: ThreadPoolExecutor
    ) -> None:
        cancellations, readings = self.fill(narrow, admin, threads)
        assert read(narrow, None) == 1
        assert not any(reading.done() for reading in readings)
        for cancellation in cancellations:
            cancellation.cancel()

    def test_that_stay_taken_are_told(self, database_url: str, settings: Settings) -> None:
        one_place = settings.model_copy(update={"max_statements": 1, "statement_timeout_seconds": 0.5})
        with closing(Database(database_url, one_place)) as database:
            with (
                database.snapshot(Cancellation()),
                pytest.raises(
                    DatabaseUnavailable,
                    match=r"All 1 statements at a time are taken.* 0\.5 s.*DASHBOARD_MAX_STATEMENTS",
                ),
            ):
                read(database, Cancellation())
            assert read(database, Cancellation()) == 1

    def test_who_waits_for_one_can_give_up_and_the_next_in_line_gets_it(
        self, narrow: Database, admin: Admin, threads: ThreadPoolExecutor
    ) -> None:
        cancellations, _ = self.fill(narrow, admin, threads)
        gone = Cancellation()
        leaving = threads.submit(read, narrow, gone)
        next_one = threads.submit(read, narrow, Cancellation())
        gone.cancel()
        with pytest.raises(StatementCancelled):
            leaving.result(timeout=60)
        assert not next_one.done()
        cancellations[0].cancel()
        assert next_one.result(timeout=60) == 1
        cancellations[1].cancel()

    def test_go_to_those_who_came_first(
        self, narrow: Database, admin: Admin, threads: ThreadPoolExecutor
    ) -> None:
        cancellations, readings = self.fill(narrow, admin, threads)
        served: list[int] = []

        def wait_for_turn(n: int) -> None:
            with narrow.snapshot(Cancellation()):
                served.append(n)

        line = []
        for n in range(8):
            line.append(threads.submit(wait_for_turn, n))
            wait_until(lambda n=n: len(narrow._statements._line) == n + 1, f"number {n} is in line")
        cancellations[0].cancel()
        for each in line:
            each.result(timeout=60)
        assert served == [*range(8)]
        cancellations[1].cancel()
        assert all(isinstance(reading.exception(timeout=60), StatementCancelled) for reading in readings)

    def test_of_those_who_gave_up_are_free_again(self, narrow: Database) -> None:
        for _ in range(5):
            with pytest.raises(StatementCancelled):
                give_up_at_the_end(narrow)
        assert read(narrow, Cancellation()) == 1
        assert narrow._statements._free == 2

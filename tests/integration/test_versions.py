"""Which version the data is at: what changes an answer's, and how a process learns of it."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dashboard.database import Database, Writer
from dashboard.errors import DatabaseUnavailable, StatementTimeout
from dashboard.settings import Settings
from dashboard.versions import KnownVersions, Versions, bump, invalidate, read_versions
from dashboard.window import Span
from tests.reads import Admin, bump_months, wait_until

ORDERS = ("orders",)
NEVER_SECONDS, AT_ONCE_SECONDS = 3_600.0, 1e-9


def current(database: Database) -> Versions:
    with database.snapshot() as snapshot:
        return read_versions(snapshot)


def bumped(database: Database, *relations: str) -> Versions:
    with database.writer() as writer:
        bump(writer, relations)
    return current(database)


def allow_connections(server: str, url: str, allowed: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {sa.make_url(url).database} ALLOW_CONNECTIONS {allowed}")


@contextmanager
def hung(url: str) -> Iterator[None]:
    """The versions can't be read: a read of them waits until the end of this."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE dashboard.versions IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@pytest.fixture
def hurried(database_url: str, settings: Settings) -> Iterator[Database]:
    """A database whose readers soon give up."""
    hurried = settings.model_copy(update={"statement_timeout_seconds": 0.5})
    with closing(Database(database_url, hurried)) as database:
        yield database


class TestOfAnAnswer:
    def test_it_is_that_of_the_last_change_in_what_it_reads(self) -> None:
        versions = Versions([("a", None, 3), ("b", None, 7), ("c", None, 9)])
        assert versions.of(("a", "b")) == 7
        assert versions.of(("a", "unknown")) == 3
        assert versions.of(("unknown",)) == versions.of(()) == Versions([]).of(("a",)) == 0
        assert (versions.newest, Versions([]).newest) == (9, 0)

    def test_an_answer_for_a_range_depends_on_the_months_that_it_touches(self) -> None:
        february, april = date(2018, 2, 1), date(2018, 4, 1)
        versions = Versions([("a", None, 3), ("a", february, 5), ("a", april, 8), ("b", april, 9)])
        for start, end, version in [
            ((2018, 1, 1), (2018, 2, 1), 3),
            ((2018, 1, 31), (2018, 2, 2), 5),
            ((2018, 2, 28), (2018, 3, 1), 5),
            ((2018, 3, 1), (2018, 4, 1), 3),
            ((2018, 3, 1), (2018, 4, 2), 8),
            ((2018, 4, 30), (2018, 5, 1), 8),
            ((2018, 5, 1), (2018, 6, 1), 3),
            ((2018, 1, 1), (2019, 1, 1), 8),
        ]:
            assert versions.of(("a",), Span(date(*start), date(*end))) == version, (start, end)
        assert versions.of(("a",)) == 8
        assert versions.of(("a", "b")) == versions.newest == 9

    def test_a_change_of_the_whole_relation_counts_for_all_months(self) -> None:
        versions = Versions([("a", date(2018, 2, 1), 5), ("a", None, 6)])
        assert versions.of(("a",), Span(date(2018, 2, 1), date(2018, 3, 1))) == 6

    def test_a_prefix_counts_for_all_names_that_begin_like_it(self) -> None:
        versions = Versions([("business/*", None, 5), ("business/daily_sales", None, 3)])
        assert versions.of(("business/daily_sales",)) == versions.of(("business/",)) == 5
        assert versions.of(("business",)) == versions.of(("ops/business/x",)) == 0
        assert versions.of(("business/x",), Span(date(2018, 2, 1), date(2018, 3, 1))) == 5
        assert Versions([("*", None, 5)]).of(("anything",)) == 5

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b", "c"]),
                st.one_of(
                    st.none(),
                    st.dates(date(2017, 11, 1), date(2018, 3, 1)).map(lambda day: day.replace(day=1)),
                ),
            ),
            unique=True,
        ),
        st.dates(date(2017, 10, 1), date(2018, 4, 30)),
        st.integers(1, 100),
    )
    def test_versions_of_a_range_are_the_greatest_of_its_days(
        self, names: list[tuple[str, date | None]], start: date, days: int
    ) -> None:
        rows = [(name, month, at) for at, (name, month) in enumerate(names, 1)]
        versions, span = Versions(rows), _span(start, days)
        each_day = [versions.of(("a", "b"), _span(day, 1)) for day in _days(span)]
        assert versions.of(("a", "b"), span) == max(each_day)


def _span(start: date, days: int) -> Span:
    return Span(start, date.fromordinal(start.toordinal() + days))


def _days(span: Span) -> list[date]:
    return [date.fromordinal(day) for day in range(span.start.toordinal(), span.end.toordinal())]


class TestNumbers:
    def test_a_database_set_back_draws_none_again(self, database: Database, admin: Admin) -> None:
        lost = bumped(database, "orders").of(ORDERS)
        admin("DELETE FROM dashboard.versions")
        assert bumped(database, "orders").of(ORDERS) > lost

    def test_they_grow_while_the_clock_is_behind(self, database: Database, admin: Admin) -> None:
        admin("UPDATE dashboard.versions SET version = 2e15")
        assert bumped(database, "orders").of(ORDERS) == 2 * 10**15 + 1

    def test_they_grow_over_those_of_months(self, database: Database) -> None:
        with database.writer() as writer:
            month = bump_months(writer, "orders", [date(2018, 2, 1)])
        assert current(database).of(ORDERS) == month
        assert bumped(database, "customers").of(("customers",)) > month
        assert bumped(database, "orders").of(ORDERS, _span(date(2018, 2, 1), 1)) > month

    def test_those_of_one_bump_are_the_same(self, database: Database) -> None:
        versions = bumped(database, "orders", "customers")
        assert versions.of(ORDERS) == versions.of(("customers",)) == versions.newest

    def test_an_invalidation_is_a_bump_of_its_tag(self, database: Database) -> None:
        before = current(database)
        invalidate(database, "business/daily_sales")
        one = current(database)
        assert one.of(("business/daily_sales",)) == one.newest > before.newest
        assert one.of(("business/customers",)) == 0
        invalidate(database, "business/*")
        assert current(database).of(("business/customers",)) == current(database).newest > one.newest


class TestKnown:
    def test_a_change_is_noticed(self, database: Database) -> None:
        known = KnownVersions(database, AT_ONCE_SECONDS)
        before = known.current().of(ORDERS)
        after = bumped(database, "orders").of(ORDERS)
        assert known.current().of(ORDERS) == after > before

    def test_within_the_interval_the_database_is_not_asked(
        self, database: Database, database_url: str
    ) -> None:
        known = KnownVersions(database, NEVER_SECONDS)
        before = known.current()
        bumped(database, "orders")
        with hung(database_url):
            assert known.current() is before

    def test_what_expired_is_asked_before_the_next_answer(self, database: Database) -> None:
        known = KnownVersions(database, NEVER_SECONDS)
        known.current()
        after = bumped(database, "orders").of(ORDERS)
        known.expire()
        assert known.current().of(ORDERS) == after
        assert known.current() is known.current()

    def test_the_last_known_versions_count_while_the_database_is_away(
        self, database: Database, database_url: str, server: str, admin: Admin
    ) -> None:
        known = KnownVersions(database, AT_ONCE_SECONDS)
        version = bumped(database, "orders").of(ORDERS)
        assert known.current().of(ORDERS) == version
        allow_connections(server, database_url, "false")
        admin(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'daybook reader'"
        )
        with pytest.raises(DatabaseUnavailable), database.snapshot():
            pass
        assert known.current().of(ORDERS) == version
        allow_connections(server, database_url, "true")
        after = bumped(database, "orders").of(ORDERS)
        assert known.current().of(ORDERS) == after

    def test_the_last_known_versions_count_while_they_cannot_be_read(
        self, hurried: Database, database_url: str
    ) -> None:
        known = KnownVersions(hurried, AT_ONCE_SECONDS)
        before = known.current()
        with hung(database_url):
            assert known.current() is before

    def test_without_any_known_the_error_is_raised_each_time(
        self, hurried: Database, database_url: str, settings: Settings
    ) -> None:
        nowhere = Database("postgresql:///nowhere?host=/no/such/folder", settings)
        unreachable = KnownVersions(nowhere, NEVER_SECONDS)
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                unreachable.current()
        known = KnownVersions(hurried, NEVER_SECONDS)
        with hung(database_url):
            for _ in range(2):
                with pytest.raises(StatementTimeout):
                    known.current()
        assert known.current().of(("customer_metrics",)) > 0

    def test_one_thread_asks_while_the_others_go_on_with_what_is_known(
        self, database: Database, database_url: str, admin: Admin
    ) -> None:
        known = KnownVersions(database, AT_ONCE_SECONDS)
        before = known.current()
        with hung(database_url):
            asking = threading.Thread(target=known.current)
            asking.start()
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            wait_until(lambda: admin(waiting), "it asks")
            assert [known.current() for _ in range(3)] == [before] * 3
            assert asking.is_alive()
        asking.join()

    def test_threads_that_know_nothing_wait_for_the_one_who_asks(self, database: Database) -> None:
        known = KnownVersions(database, NEVER_SECONDS)
        found: list[Versions] = []
        threads = [threading.Thread(target=lambda: found.append(known.current())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [known.current()] * 8

    def test_what_a_reader_saw_is_learned_unless_it_is_older(self, database: Database) -> None:
        known = KnownVersions(database, NEVER_SECONDS)
        known.current()
        older, newer = bumped(database, "orders"), bumped(database, "orders")
        for seen in (newer, older):
            known.learn(seen)
            assert known.current() is newer

    def test_a_new_month_alone_is_newer(self, database: Database) -> None:
        known = KnownVersions(database, NEVER_SECONDS)
        known.current()
        with database.writer() as writer:
            bump_months(writer, "orders", [date(2018, 2, 1)])
        newer = current(database)
        known.learn(newer)
        assert known.current() is newer

    def test_what_a_reader_learned_is_not_undone_by_one_who_asked_before(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = KnownVersions(database, AT_ONCE_SECONDS)
        known.current()
        newer: list[Versions] = []
        read = read_versions

        def overtaken(snapshot: object) -> Versions:
            older = read(snapshot)  # type: ignore[arg-type]
            if not newer:
                newer.append(Versions([("orders", None, older.newest + 1)]))
                known.learn(newer[0])
            return older

        monkeypatch.setattr("dashboard.versions.read_versions", overtaken)
        assert known.current() is newer[0]

    def test_a_database_that_was_set_back_is_believed(self, database: Database, admin: Admin) -> None:
        known = KnownVersions(database, AT_ONCE_SECONDS)
        bumped(database, "orders")
        known.current()
        admin("UPDATE dashboard.versions SET version = 1")
        assert known.current().of(ORDERS) == 1


def test_whoever_bumps_waits_for_the_one_before(database: Database, database_url: str, admin: Admin) -> None:
    """So a number that becomes visible later is greater."""
    found: list[int] = []
    with database.writer() as writer:
        bump(writer, ORDERS)
        second = threading.Thread(target=lambda: found.append(_bump_in(database_url)))
        second.start()
        wait_until(lambda: admin("SELECT pid FROM pg_locks WHERE NOT granted"), "the second waits")
        [(first,)] = writer.rows("SELECT version FROM dashboard.versions WHERE relation = 'orders'")
    second.join()
    assert found[0] > first


def _bump_in(url: str) -> int:
    with psycopg.connect(url) as connection:
        writer = Writer(connection)
        bump(writer, ["customers"])
        return int(writer.rows("SELECT version FROM dashboard.versions WHERE relation = 'customers'")[0][0])

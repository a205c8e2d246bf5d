import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa

from dashboard.database import Database
from dashboard.errors import DatabaseUnavailable, StatementTimeout
from dashboard.settings import Settings
from dashboard.versions import KnownVersions, bump, read_versions, version_of

Admin = Callable[..., list[tuple[object, ...]]]


def bumped(database: Database, *relations: str) -> dict[str, int]:
    with database.writer() as writer:
        bump(writer, relations)
    with database.snapshot() as snapshot:
        return read_versions(snapshot)


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
    database = Database(database_url, settings.model_copy(update={"statement_timeout_seconds": 0.1}))
    yield database
    database.close()


def test_the_version_of_an_answer_is_that_of_the_last_change_in_what_it_reads() -> None:
    assert version_of(["a", "b"], {"a": 3, "b": 7, "c": 9}) == 7
    assert version_of(["a", "unknown"], {"a": 3}) == 3
    assert version_of(["unknown"], {}) == version_of([], {"a": 3}) == 0


def test_a_database_set_back_draws_no_number_again(database: Database, admin: Admin) -> None:
    lost = bumped(database, "orders")["orders"]
    admin("DELETE FROM dashboard.versions")
    assert bumped(database, "orders")["orders"] > lost


def test_numbers_grow_while_the_clock_is_behind(database: Database, admin: Admin) -> None:
    admin("UPDATE dashboard.versions SET version = 2e15")
    assert bumped(database, "orders")["orders"] == 2 * 10**15 + 1


def test_a_change_is_noticed(database: Database) -> None:
    known = KnownVersions(database, poll_seconds=1e-9)
    before = known.of(["orders"])
    after = bumped(database, "orders")["orders"]
    assert known.of(["orders"]) == after > before


def test_within_the_interval_the_database_is_not_asked(database: Database, database_url: str) -> None:
    known = KnownVersions(database, poll_seconds=3_600)
    before = known.of(["orders"])
    bumped(database, "orders")
    with hung(database_url):
        assert known.of(["orders"]) == before


def test_the_last_known_versions_count_while_the_database_is_away(
    database: Database, database_url: str, server: str, admin: Admin
) -> None:
    known = KnownVersions(database, poll_seconds=1e-9)
    version = bumped(database, "orders")["orders"]
    assert known.of(["orders"]) == version
    allow_connections(server, database_url, "false")
    admin(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'daybook reader'"
    )
    with pytest.raises(DatabaseUnavailable), database.snapshot():
        pass
    assert known.of(["orders"]) == version
    allow_connections(server, database_url, "true")
    after = bumped(database, "orders")["orders"]
    assert known.of(["orders"]) == after


def test_the_last_known_versions_count_while_they_cannot_be_read(
    hurried: Database, database_url: str
) -> None:
    known = KnownVersions(hurried, poll_seconds=1e-9)
    version = bumped(hurried, "orders")["orders"]
    assert known.of(["orders"]) == version
    with hung(database_url):
        assert known.of(["orders"]) == version


def test_without_any_known_the_error_is_raised_each_time(
    hurried: Database, database_url: str, server: str, settings: Settings
) -> None:
    nowhere = Database("postgresql:///nowhere?host=/no/such/folder", settings)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            KnownVersions(nowhere, poll_seconds=3_600).of(["orders"])
    known = KnownVersions(hurried, poll_seconds=3_600)
    with hung(database_url):
        for _ in range(2):
            with pytest.raises(StatementTimeout):
                known.of(["orders"])
    assert known.of(["customer_metrics"]) > 0


def test_one_thread_asks_while_the_others_go_on_with_what_is_known(
    database: Database, database_url: str, admin: Admin
) -> None:
    known = KnownVersions(database, poll_seconds=1e-9)
    version = bumped(database, "orders")["orders"]
    assert known.of(["orders"]) == version
    with hung(database_url):
        asking = threading.Thread(target=known.of, args=(["orders"],))
        asking.start()
        while not admin("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            assert asking.is_alive()
        assert [known.of(["orders"]) for _ in range(3)] == [version] * 3
        assert asking.is_alive()
    asking.join()


def test_threads_that_know_nothing_wait_for_the_one_who_asks(database: Database) -> None:
    known = KnownVersions(database, poll_seconds=3_600)
    version = bumped(database, "orders")["orders"]
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(known.of(["orders"]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [version] * 8


def test_what_a_reader_saw_is_learned_unless_it_is_older(database: Database) -> None:
    known = KnownVersions(database, poll_seconds=3_600)
    known.of(["orders"])
    older, newer = bumped(database, "orders"), bumped(database, "orders")
    known.learn(newer)
    known.learn(older)
    assert known.of(["orders"]) == newer["orders"]


def test_a_database_that_was_set_back_is_believed(database: Database, admin: Admin) -> None:
    known = KnownVersions(database, poll_seconds=1e-9)
    bumped(database, "orders")
    known.of(["orders"])
    admin("UPDATE dashboard.versions SET version = 1")
    assert known.of(["orders"]) == 1

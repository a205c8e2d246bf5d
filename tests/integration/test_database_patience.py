"""A PostgreSQL that hangs: it ends no statement, and says nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from dashboard import embedded
from dashboard.database import Cancellation, Database
from dashboard.errors import DatabaseUnavailable
from dashboard.settings import Settings
from tests.servers import wait_until

GRACE_SECONDS, STATEMENT_SECONDS = 2.0, 1.0
BOUND_SECONDS = 30.0  # of some seconds: a busy machine comes to things late


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded.running(tmp_path_factory.mktemp("hanging")) as url:
        yield url


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    """With connections that were used before."""
    timeouts = {"connect_timeout_seconds": GRACE_SECONDS, "statement_timeout_seconds": STATEMENT_SECONDS}
    database = Database(url, Settings(_env_file=None, data_dir=tmp_path, **timeouts))
    assert read(database) == 1
    assert write(database) == 1
    yield database
    database.close()


@contextmanager
def hanging(url: str) -> Iterator[None]:
    """Stop the server, and all processes that it has, while the block lasts."""
    with psycopg.connect(url) as connection:
        server = psutil.Process(connection.info.backend_pid).parent()
    assert server
    stopped = []
    try:
        for process in (server, *server.children()):
            with suppress(psutil.NoSuchProcess):  # that of the connection above
                process.suspend()
                stopped.append(process)
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def read(database: Database) -> object:
    with database.snapshot(Cancellation()) as snapshot:
        return snapshot.frame("SELECT 1 AS found").item()


def write(database: Database) -> object:
    with database.writer() as writer:
        return writer.rows("SELECT 1")[0][0]


def test_who_asks_is_told_in_time_and_is_answered_when_it_goes_on(database: Database, url: str) -> None:
    began = time.monotonic()
    with hanging(url):
        for ask in (read, write):
            with pytest.raises(DatabaseUnavailable):
                ask(database)
    assert time.monotonic() - began < BOUND_SECONDS
    await_an_answer(database)
    assert (read(database), write(database)) == (1, 1)


def test_not_everybody_waits_for_what_one_has_waited_for_in_vain(database: Database, url: str) -> None:
    with hanging(url):
        with pytest.raises(DatabaseUnavailable):
            read(database)
        for ask in (read, write, read):
            with pytest.raises(DatabaseUnavailable, match="in vain just now"):
                ask(database)
    await_an_answer(database)


def await_an_answer(database: Database, ask: Callable[[Database], object] = read) -> None:
    def answers() -> bool:
        with suppress(DatabaseUnavailable):
            return ask(database) == 1
        return False

    wait_until(answers, "it answers again")


def ask_as_it_stops(database: Database, url: str, expected_seconds: float | None = None) -> None:
    with database.snapshot() as snapshot:
        assert snapshot.frame("SELECT 1 AS found").item() == 1
        if expected_seconds:
            snapshot.expect(expected_seconds)
        with hanging(url):
            snapshot.frame("SELECT 2 AS found")


def test_a_statement_under_way_is_given_up_with_its_connection(database: Database, url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="no answer came within 3 s"):
        ask_as_it_stops(database, url)
    await_an_answer(database)


def test_what_is_to_end_sooner_is_waited_for_less_and_no_longer_than_that(
    database: Database, url: str
) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"no answer came within 2\.5 s"):
        ask_as_it_stops(database, url, expected_seconds=0.5)
    await_an_answer(database)
    with pytest.raises(DatabaseUnavailable, match="no answer came within 3 s"):
        ask_as_it_stops(database, url)


def test_what_can_be_written_later_is_given_up_too(database: Database, url: str) -> None:
    def write_as_it_stops() -> None:
        with database.quick_writer() as writer, hanging(url):
            writer.execute("SELECT 2")

    with pytest.raises(DatabaseUnavailable, match="no answer came within 7 s"):
        write_as_it_stops()
    await_an_answer(database, write)


def test_a_transaction_that_writes_has_all_the_time_it_takes(database: Database) -> None:
    with database.writer() as writer:
        writer.execute(f"SELECT pg_sleep({STATEMENT_SECONDS + GRACE_SECONDS + 0.5})")
    assert write(database) == 1

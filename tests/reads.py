"""What tests of whole reads share: a shop that grows, a database that goes away, statements that are counted."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple, TypeVar

import psycopg
import sqlalchemy as sa

from dashboard import versions
from dashboard.cache import Backend, Key, Miss, Value, open_levels
from dashboard.catalogue import catalogue
from dashboard.data import Data, Frame
from dashboard.database import Database, Writer
from dashboard.errors import DatabaseUnavailable
from dashboard.refresh import refresh_views
from dashboard.settings import Settings

Admin = Callable[..., list[tuple[Any, ...]]]
Opener = Callable[..., Data]
T = TypeVar("T")

PATIENCE_SECONDS = 60.0
NEVER_SECONDS = 3_600.0

_numbers = count(1)

# First those that wait for a lock, or they would have it when its holder is gone.
_TERMINATE = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity WHERE datname = '{name}' ORDER BY wait_event_type = 'Lock' DESC NULLS LAST
) AS found
"""

_COUNTED = """
SELECT coalesce(sum(calls), 0)::int, coalesce(sum(rows), 0)::int
FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
WHERE datname = current_database() AND userid = 'daybook_reader'::regrole AND strpos(query, %s) > 0
"""

_ENDING = """
SELECT FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'daybook reader' AND state = 'idle in transaction'
"""
_ENDING_SECONDS = 5


def wait_until(is_so: Callable[[], object], what: str = "it is so") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)


def rounds_until(is_so: Callable[[], object]) -> Iterator[int]:
    """1, 2, 3 … until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for number in count(1):
        if is_so():
            return
        assert time.monotonic() < deadline, f"{number} rounds in vain"
        yield number


@contextmanager
def opening(settings: Settings) -> Iterator[Opener]:
    """Open the data of a database as a process of its own would, with some settings."""
    with ExitStack() as stack:

        def opened(url: str, while_waiting: Callable[[], None] = lambda: None, **chosen: Any) -> Data:
            some = settings.model_copy(update={"versions_poll_seconds": NEVER_SECONDS} | chosen)
            database = Database(url, some)
            stack.callback(database.close)
            data = Data(catalogue(), database, open_levels(some), some, while_waiting)
            return stack.enter_context(closing(data))

        yield opened


@contextmanager
def copied(server: str, template: str) -> Iterator[str]:
    """URL of a copy of a database that nobody is connected to."""
    name = f"{template}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def name_of(url: str) -> str:
    return str(sa.make_url(url).database)


@contextmanager
def administering(url: str) -> Iterator[Admin]:
    """Run SQL as the owner of a database, each statement by itself."""
    with psycopg.connect(url, autocommit=True) as connection:

        def run(sql: str) -> list[tuple[Any, ...]]:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

        yield run


def order(admin: Admin, day: date, value: float) -> None:
    """An order of a new customer, who pays at once."""
    [(number,)] = admin("SELECT count(*) FROM shop.orders")
    admin(f"INSERT INTO shop.customers VALUES ('c{number}', 'person {number}', '01001', 'sao paulo', 'SP')")
    admin(f"INSERT INTO shop.orders VALUES ('o{number}', 'c{number}', 'delivered', '{day} 12:00')")
    admin(f"INSERT INTO shop.order_payments VALUES ('o{number}', 1, 'boleto', 1, {value})")


def refresh(database: Database, *names: str) -> None:
    with database.writer() as writer:
        views = [catalogue().view(name) for name in names] if names else None
        refresh_views(writer, reason="test", views=views)


def revenue(frame: Frame) -> Decimal:
    total = frame.rows["total_revenue"].sum()
    assert isinstance(total, Decimal)
    return total


def bump_months(writer: Writer, relation: str, months: Sequence[date]) -> int:
    """Give months of a relation one new version, and tell which."""
    versions.bump_months(writer, relation, months)
    [(version,)] = writer.rows("SELECT max(version) FROM dashboard.versions")
    return int(version)


def catch_up(data: Data) -> None:
    """Let a process know the newest versions; a thread of its own may be asking for them since before they were."""
    with data.database.snapshot() as snapshot:
        data.known.learn(versions.read_versions(snapshot))


@contextmanager
def held_up(
    database: Database, admin: Admin, view: str, read: Callable[[], T]
) -> Iterator[tuple[Future[T], Writer]]:
    """A read that has begun in a thread, and waits for a view until the writer commits at the block's end."""
    with ThreadPoolExecutor(1) as pool:
        with database.writer() as writer:
            shut(writer, view)
            reading = pool.submit(read)
            wait_until(lambda: waiting(admin, view), "the read waits for the view")
            yield reading, writer
        reading.exception(PATIENCE_SECONDS)


def shut(writer: Writer, view: str) -> None:
    """Let nobody read a view until the writer commits."""
    writer.execute(f"ALTER MATERIALIZED VIEW dashboard.{view} OWNER TO CURRENT_USER")


def waiting(admin: Admin, view: str) -> int:
    """How many statements wait for a view that is shut."""
    return len(
        admin(f"SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'dashboard.{view}'::regclass")
    )


@contextmanager
def down(server: str, url: str) -> Iterator[None]:
    """While the block lasts, the database breaks its connections and takes no new ones."""
    name = name_of(url)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(_TERMINATE.format(name=name))
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


class Unconfirmed:
    """A database that loses its connection when a commit is done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        with self._database.writer() as writer:
            yield writer
        raise DatabaseUnavailable("broken")

    quick_writer = writer


class Work(NamedTuple):
    """What PostgreSQL did for readers: how often it ran a statement, the rows of all runs, and snapshots."""

    calls: int
    rows: int
    snapshots: int


class Statements:
    """Counts one query's statements, as PostgreSQL does. The data must not poll for versions."""

    def __init__(self, connection: psycopg.Connection[Any], query: str) -> None:
        self._connection = connection
        self._sql = catalogue()[query].sql.strip()
        self._before = self._counted()

    def since(self) -> Work:
        """Since this was asked last."""
        before, self._before = self._before, self._counted()
        return Work(*(now - then for now, then in zip(self._before, before, strict=True)))

    def _counted(self) -> Work:
        """PostgreSQL counts the last statement of a snapshot when that ends, which may be after the answer is used."""
        deadline = time.monotonic() + _ENDING_SECONDS
        while self._connection.execute(_ENDING).fetchall() and time.monotonic() < deadline:
            time.sleep(0.01)
        return Work(*self._of(self._sql), self._of("LOCK TABLE dashboard.versions IN ACCESS SHARE MODE")[0])

    def _of(self, part: str) -> tuple[int, int]:
        [(calls, rows)] = self._connection.execute(_COUNTED, (part,)).fetchall()
        return calls, rows


class Watched:
    """A backend, and which keys it was asked for, found, and given."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.forget()

    def forget(self) -> None:
        self.asked: list[list[Key]] = []
        self.found: set[Key] = set()
        self.given: set[Key] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def get_many(self, keys: Sequence[Key]) -> list[Value | Miss]:
        found = self._backend.get_many(keys)
        self.asked.append([*keys])
        self.found.update(key for key, one in zip(keys, found, strict=True) if isinstance(one, Value))
        return found

    def set_many(self, items: dict[Key, Value]) -> None:
        self.given.update(items)
        self._backend.set_many(items)


def watch(data: Data) -> Watched:
    """Watch the second level of the cache."""
    levels = data.reader.levels
    memory, store = levels.backends
    watched = Watched(store)
    levels.backends = (memory, watched)  # type: ignore[assignment] # the rest is the backend's
    return watched

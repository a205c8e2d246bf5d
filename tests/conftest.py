"""What all tests share: one PostgreSQL a test process, and a fresh database wherever one is asked for."""

import itertools
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import plotly.graph_objects as go
import psycopg
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, sync_playwright

from dashboard import embedded, schema
from dashboard.charts import look
from dashboard.database import Database
from dashboard.settings import PREFIX, Settings
from tests import shop

# Under nohup, or in the background of a script, a process ignores these, and the programs it starts do too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests reaches a test. Jobs run only where a test wants them to."""
    for name in list(os.environ):
        if name.startswith(PREFIX) or name in ("DATABASE_URL", "REDIS_URL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DASHBOARD_WORKER", "off")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """A command that a test runs in this process may log as it likes, but not in the tests that follow."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True, scope="session")
def _plotly_checks_figures() -> Iterator[None]:
    """The program does without, for it takes long; so it is here that no chart says what Plotly does not know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look, "Drawing", go.Figure)
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL with an empty database, for this process's tests alone."""
    with embedded.running(tmp_path_factory.mktemp("server")) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # nothing here outlives the power
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def _template(server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with schema and views, to be copied."""
    url = _create(server, "prepared")
    database = Database(url, Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("template")))
    schema.prepare(database)
    database.close()
    return "prepared"


@pytest.fixture
def empty_url(server: str) -> Iterator[str]:
    """URL of a database that holds nothing."""
    name = f"empty_{next(_numbers)}"
    yield _create(server, name)
    _drop(server, name)


@pytest.fixture
def database_url(server: str, _template: str) -> Iterator[str]:
    """URL of a database with schema and views, and without a row."""
    name = f"fresh_{next(_numbers)}"
    yield _create(server, name, _template)
    _drop(server, name)


@pytest.fixture(scope="session")
def shared_url(server: str, _template: str) -> str:
    """URL of a database with schema and views, for all tests that leave it as it is."""
    return _create(server, "shared", _template)


@pytest.fixture
def database(database_url: str, settings: Settings) -> Iterator[Database]:
    database = Database(database_url, settings)
    yield database
    database.close()


@pytest.fixture
def admin(database_url: str) -> Iterator[Callable[..., list[tuple[object, ...]]]]:
    """Run SQL as the owner of the test's database: ``admin("SELECT …")`` gives the rows."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(sql: str) -> list[tuple[object, ...]]:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. One a process: Playwright can't be started twice in it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "The tests need Chromium: install the package chromium."
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def olist_sample() -> Path:
    """Real orders, which their licence keeps out of the project. For tests that know their figures."""
    if "OLIST_SAMPLE" not in os.environ and not shop.SAMPLE.is_dir():
        pytest.skip(f"no Olist sample in {shop.SAMPLE}, whose figures this test knows")
    assert shop.SAMPLE.is_dir(), f"OLIST_SAMPLE={shop.SAMPLE} names no folder"
    return shop.SAMPLE


@pytest.fixture(scope="session")
def olist_url(server: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a database for tests that only read: with the Olist sample, or a demo shop where that is missing."""
    url, folder = _create(server, "olist", _template), tmp_path_factory.mktemp("olist")
    with closing(Database(url, Settings(_env_file=None, data_dir=folder))) as database:
        shop.fill_like_olist(database, folder)
    return url


def _create(server: str, name: str, template: str | None = None) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {f'TEMPLATE {template}' if template else ''}")
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

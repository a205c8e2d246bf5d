"""How open pages are told that what they show is outdated: over real HTTP, from a real PostgreSQL."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from dashboard.data import Data, Shown
from dashboard.database import Database
from dashboard.server import live as server_live
from dashboard.server.live import LivePages
from dashboard.settings import ROOT, Settings
from dashboard.versions import bump_months, listening
from dashboard.window import Span
from tests.reads import NEVER_SECONDS, Admin, Opener, administering, opening, order, refresh, wait_until

DAILY = "business/daily_sales"
JANUARY, MARCH = Span(date(2018, 1, 1), date(2018, 2, 1)), Span(date(2018, 3, 1), date(2018, 4, 1))
MANY = 50
TOLD = ["outdated"]

Listen = Callable[[Shown], "Stream"]


class Stream:
    """What an open page hears."""

    def __init__(self, url: str, shown: Shown) -> None:
        self._link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._link.request("GET", f"/live?shown={quote(shown.to_text())}")
        self.answer = self._link.getresponse()

    def opened(self) -> "Stream":
        assert self.answer.status == 200
        assert self.answer.readline().startswith(b"retry: ")
        return self

    def events(self) -> list[str]:
        """All until its end."""
        return re.findall(r"^event: (\w+)$", self.answer.read().decode(), re.MULTILINE)

    def close(self) -> None:
        self.answer.close()
        self._link.close()


@contextmanager
def served(live: LivePages) -> Iterator[str]:
    """URL of a server in a thread of this process, which has nothing but the streams."""

    def lifespan(_: Starlette) -> AbstractAsyncContextManager[None]:
        return live.open()

    app = Starlette(routes=live.routes(), lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=10))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        live.end()
        server.should_exit = True
        thread.join(60)


@pytest.fixture
def admin(database_url: str) -> Iterator[Admin]:
    with administering(database_url) as run:
        yield run


@pytest.fixture
def shop(admin: Admin, database: Database) -> Database:
    """A shop with an order in January and one in March."""
    for day in (JANUARY.start, MARCH.start):
        order(admin, day, 100)
    refresh(database)
    return database


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def data(open_data: Opener, shop: Database, database_url: str) -> Iterator[Data]:
    """It hears of new versions, and never polls."""
    data = open_data(database_url)
    with listening(data.database, data.known):
        yield data


@pytest.fixture
def live(data: Data) -> LivePages:
    return LivePages(data, NEVER_SECONDS)


@pytest.fixture
def url(live: LivePages) -> Iterator[str]:
    with served(live) as url:
        yield url


@pytest.fixture
def listen(url: str) -> Iterator[Listen]:
    with ExitStack() as stack:
        yield lambda shown: stack.enter_context(closing(Stream(url, shown))).opened()


def page(data: Data, *spans: Span) -> Shown:
    """What a page shows that reads these days, after it looked for which there is data."""
    reading = data.reading()
    reading.extent()
    for span in spans:
        reading.frame(DAILY, span)
    return reading.shown()


def change(database: Database, span: Span) -> None:
    with database.writer() as writer:
        bump_months(writer, "daily_sales_metrics", [span.start])


class TestReading:
    def test_is_outdated_by_a_change_on_its_days_only(self, data: Data, shop: Database) -> None:
        january, march = data.reading(), data.reading()
        january.frame(DAILY, JANUARY)
        march.frame(DAILY, MARCH)
        change(shop, MARCH)
        wait_until(march.is_outdated, "the change is known")
        assert not january.is_outdated()

    def test_is_outdated_by_a_first_order_ever(
        self, open_data: Opener, database: Database, database_url: str, admin: Admin
    ) -> None:
        reading = open_data(database_url, versions_poll_seconds=1e-9).reading()
        assert reading.extent() is None
        assert not reading.is_outdated()
        order(admin, MARCH.start, 100)
        refresh(database)
        wait_until(reading.is_outdated, "the order is known")

    def test_of_what_could_not_be_had_is_outdated_by_a_change(
        self, open_data: Opener, shop: Database, database_url: str, admin: Admin
    ) -> None:
        reading = open_data(database_url, versions_poll_seconds=1e-9).reading()
        admin("ALTER MATERIALIZED VIEW dashboard.daily_sales_metrics RENAME TO away")
        with pytest.raises(Exception, match="daily_sales_metrics"):
            reading.frame(DAILY, MARCH)
        admin("ALTER MATERIALIZED VIEW dashboard.away RENAME TO daily_sales_metrics")
        assert not reading.is_outdated()
        change(shop, MARCH)
        wait_until(reading.is_outdated, "the change is known")

    def test_that_answered_nothing_shows_nothing(self, data: Data) -> None:
        assert data.reading().shown() == Shown(0, (), ())


class TestStream:
    def test_tells_all_pages_as_soon_as_the_database_says_so(
        self, listen: Listen, data: Data, shop: Database
    ) -> None:
        streams = [listen(page(data, JANUARY, MARCH)) for _ in range(MANY)]
        change(shop, MARCH)
        assert [stream.events() for stream in streams] == [TOLD] * MANY

    def test_says_nothing_of_what_the_page_does_not_show(
        self, listen: Listen, live: LivePages, data: Data, shop: Database
    ) -> None:
        january, march = listen(page(data, JANUARY)), listen(page(data, MARCH))
        change(shop, MARCH)
        assert march.events() == TOLD
        assert live.streams == 1
        change(shop, JANUARY)
        assert january.events() == TOLD

    def test_tells_of_a_new_last_day_whatever_else_is_shown(
        self, listen: Listen, data: Data, admin: Admin, shop: Database
    ) -> None:
        stream = listen(page(data, JANUARY))
        order(admin, date(2018, 3, 2), 100)
        refresh(shop)
        assert stream.events() == TOLD

    def test_that_is_opened_after_the_change_tells_at_once(
        self, listen: Listen, data: Data, shop: Database
    ) -> None:
        shown = page(data, MARCH)
        change(shop, MARCH)
        assert listen(shown).events() == TOLD

    def test_tells_by_polling_where_nobody_listens_to_the_database(
        self, open_data: Opener, shop: Database, database_url: str
    ) -> None:
        deaf = open_data(database_url, versions_poll_seconds=0.05)
        with served(LivePages(deaf, 0.05)) as url, closing(Stream(url, page(deaf, MARCH))) as stream:
            change(shop, MARCH)
            assert stream.events() == TOLD

    def test_survives_a_database_that_was_away(
        self, listen: Listen, data: Data, shop: Database, admin: Admin
    ) -> None:
        stream = listen(page(data, MARCH))
        admin("ALTER MATERIALIZED VIEW dashboard.daily_sales_metrics RENAME TO away")
        change(shop, MARCH)  # the days that there is data for can't be read
        admin("ALTER MATERIALIZED VIEW dashboard.away RENAME TO daily_sales_metrics")
        change(shop, MARCH)
        assert stream.events() == TOLD

    def test_whose_browser_left_is_forgotten(self, listen: Listen, live: LivePages, data: Data) -> None:
        stream = listen(page(data, MARCH))
        assert live.streams == 1
        stream.close()
        wait_until(lambda: live.streams == 0, "it is forgotten")

    def test_beats_so_that_proxies_keep_it(
        self, listen: Listen, data: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server_live, "HEARTBEAT_SECONDS", 0.01)
        stream = listen(page(data, MARCH))
        beat = [b"\n", b": nothing new\n"]
        assert [stream.answer.readline() for _ in range(4)] == beat + beat

    def test_is_neither_stored_nor_held_back_on_its_way(self, listen: Listen, data: Data) -> None:
        headers = listen(page(data, MARCH)).answer.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"

    def test_is_refused_when_there_are_too_many(
        self, listen: Listen, url: str, data: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server_live, "MOST_STREAMS", 1)
        first = listen(page(data, MARCH))
        refused = httpx.get(f"{url}/live", params={"shown": page(data, MARCH).to_text()})
        assert refused.status_code == 503
        first.close()

    def test_for_a_page_that_nobody_drew_is_refused(self, url: str) -> None:
        for params in ({}, {"shown": json.dumps({"newest": 1})}):
            assert httpx.get(f"{url}/live", params=params).status_code == 400


def test_data_that_nobody_looks_at_is_not_looked_at(live: LivePages, data: Data, shop: Database) -> None:
    """With no stream, a change costs no read; the first stream catches up."""
    with served(live) as url:
        shown = page(data, MARCH)
        change(shop, MARCH)
        wait_until(lambda: data.known.current().newest > shown.newest, "the change is known")
        assert live._now is None
        with closing(Stream(url, shown)) as stream:
            assert stream.events() == TOLD


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_program_in_order_while_pages_listen(
    tmp_path: Path, shop: Database, data: Data, database_url: str, number: signal.Signals
) -> None:
    environment = {"DATABASE_URL": database_url, "DASHBOARD_DATA_DIR": str(tmp_path / "data")}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard", "serve", "--port", "0"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )

    def said() -> str:
        assert process.poll() is None, (tmp_path / "log").read_text()
        return (tmp_path / "log").read_text()

    with ExitStack() as stack:
        stack.callback(process.wait)
        stack.callback(process.kill)
        wait_until(lambda: "Daybook is at" in said(), "the server answers")
        url = re.findall(r"http://\S+", said())[0]
        shown = page(data, MARCH)
        streams = [stack.enter_context(closing(Stream(url, shown))).opened() for _ in range(MANY)]
        process.send_signal(number)
        assert [stream.events() for stream in streams] == [[]] * MANY
        assert process.wait(timeout=60) == 0
    assert (tmp_path / "log").read_text().count("\n") == 1, "nobody had to be cut off"

"""The dashboard as people meet it: the program in a process of its own, and Chromium."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.database import Database
from dashboard.refresh import refresh_views
from dashboard.settings import ROOT, Settings
from tests import shop
from tests.servers import wait_until

WAIT_MS = 60_000
expect.set_options(timeout=WAIT_MS)

STRANGE_CATEGORY = "<b>$x$</b> [a](b) & &lt;i&gt;"
UNDRAWN_CHART = "[data-testid=stPlotlyChart]:not(:has(.main-svg:visible))"
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""What a deep link asks for below its page, before it asks at the right place."""

_STRANGE_ITEMS = """
INSERT INTO shop.products (product_id, product_category_name) VALUES ('strange', %(category)s);
INSERT INTO shop.order_items (order_id, order_item_id, product_id, seller_id, shipping_limit_date, price, freight_value)
SELECT order_id, 99, 'strange', seller_id, shipping_limit_date, 100000, 0
FROM shop.order_items JOIN shop.orders USING (order_id) ORDER BY order_purchase_timestamp DESC, order_id LIMIT 1
"""

SERVE = (sys.executable, "-m", "dashboard", "serve", "--port", "0")

OpenPage = Callable[..., Page]


class Daybook:
    """The program, started on a database and a port of its own, in a folder that holds all it writes."""

    def __init__(self, folder: Path, database_url: str, command: Sequence[str] = SERVE) -> None:
        self._log = folder / "log"
        environment = {
            "DATABASE_URL": database_url,
            "DASHBOARD_DATA_DIR": str(folder / "data"),
            "DASHBOARD_WORKER": "off",
        }
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self._address() is not None, f"the server says where it is in {self._log}")
        self.url = str(self._address())

    def log(self) -> str:
        return self._log.read_text()

    def interrupt(self) -> int:
        """What Ctrl-C does; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.log()
        found = re.search(r"http://\S+", self.log())
        return found and found[0]


@contextmanager
def serving(folder: Path, database_url: str, command: Sequence[str] = SERVE) -> Iterator[Daybook]:
    daybook = Daybook(folder, database_url, command)
    try:
        yield daybook
    finally:
        daybook.close()


@pytest.fixture(scope="session")
def shop_url(_template: str, server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a demo shop whose greatest category has a name full of signs."""
    url = shop.copy(server, _template, "browsed_shop")
    folder = tmp_path_factory.mktemp("browsed_shop")
    shop.fill(url, folder)
    with psycopg.connect(url) as connection:
        for statement in _STRANGE_ITEMS.split(";"):
            connection.execute(statement, {"category": STRANGE_CATEGORY} if "%(" in statement else None)
    database = Database(url, Settings(_env_file=None, data_dir=folder))
    with database.writer() as writer:
        refresh_views(writer, reason="test", sources=["products", "order_items"])
    database.close()
    return url


@pytest.fixture(scope="session")
def daybook(shop_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daybook]:
    """One server for this process's tests."""
    with serving(tmp_path_factory.mktemp("daybook"), shop_url) as daybook:
        yield daybook


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open an address in a browser without a past: ``open_page(url)``.

    In the end, no page may have complained (the console, the content security policy) or asked another host.
    """
    complaints: list[str] = []
    contexts = []

    def open_page(url: str) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        _runs[page] = Runs(page)
        page.on("console", lambda message: complaints.extend(complaint(message)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(stranger(request.url, url)))
        page.on("websocket", lambda link: complaints.extend(stranger(link.url, url)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def complaint(message: ConsoleMessage) -> list[str]:
    is_probe = message.location["url"].endswith(PROBES) and "404" in message.text
    return [message.text] if message.type == "error" and not is_probe else []


def stranger(asked: str, home: str) -> list[str]:
    is_inside = asked.startswith(("data:", "blob:")) or urlsplit(asked).netloc == urlsplit(home).netloc
    return [] if is_inside else [f"asked {asked}"]


class Runs:
    """Whether a page waits for a run of its script.

    It shows that it runs once the server has begun. A busy one takes its time, in which the page seems to be done.
    """

    def __init__(self, page: Page) -> None:
        self.is_asked = self.is_running = False
        page.on("websocket", self._follow)

    def _follow(self, link: WebSocket) -> None:
        self.is_asked = True  # for the first one
        link.on("framesent", self._sent)
        link.on("framereceived", self._received)

    def _sent(self, data: str | bytes) -> None:
        if isinstance(data, bytes) and BackMsg.FromString(data).WhichOneof("type") == "rerun_script":
            self.is_asked = True

    def _received(self, data: str | bytes) -> None:
        message = ForwardMsg.FromString(data) if isinstance(data, bytes) else ForwardMsg()
        match message.WhichOneof("type"):
            case "new_session":
                self.is_asked, self.is_running = False, True
            case "script_finished":
                self.is_running = False
                self.is_asked |= message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN


_runs: WeakKeyDictionary[Page, Runs] = WeakKeyDictionary()


def settled(page: Page) -> Page:
    """The page, once its script is done and all charts are drawn."""
    if runs := _runs.get(page):
        wait_until(
            lambda: page.wait_for_timeout(10) or not (runs.is_asked or runs.is_running), "no run goes on"
        )
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    # Of all charts at once: while a rerun replaces them, one that is counted may be gone when it is looked at.
    expect(page.locator(UNDRAWN_CHART)).to_have_count(0)
    return page


def metrics(page: Page) -> Locator:
    return page.get_by_test_id("stMetric")


def figures(page: Page) -> list[str]:
    """What the metrics say."""
    return metrics(settled(page)).all_text_contents()

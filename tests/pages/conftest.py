"""Pages without a browser: the real script, on a real database, under Streamlit's AppTest."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from streamlit.testing.v1 import AppTest, app_test

from dashboard import app
from dashboard.data import Data, opened
from dashboard.settings import ROOT, Settings
from tests import shop
from tests.reads import Admin, administering

SECONDS = 60

OpenPage = Callable[..., AppTest]
Show = Callable[..., None]
Ask = Callable[..., list[tuple[Any, ...]]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _app_test_leaves_no_folder() -> Iterator[None]:
    """Otherwise it warns of one when the process ends."""
    yield
    app_test.TMP_DIR.cleanup()


def settings_for(url: str, folder: Path, **chosen: Any) -> Settings:
    return Settings(_env_file=None, data_dir=folder, DATABASE_URL=url, **chosen)


@pytest.fixture(scope="session")
def shop_template(_template: str, server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    shop.fill(shop.copy(server, _template, "shop"), tmp_path_factory.mktemp("shop"))
    return "shop"


@pytest.fixture(scope="session")
def shop_url(shop_template: str, server: str) -> str:
    """URL of a database with the demo shop, which no test changes."""
    return shop.copy(server, shop_template, "shared_shop")


@pytest.fixture(scope="session")
def shop_data(shop_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with opened(settings_for(shop_url, tmp_path_factory.mktemp("data"))) as data:
        yield data


@pytest.fixture
def own_shop_url(shop_template: str, server: str) -> str:
    """URL of a database with the demo shop, for one test alone."""
    return shop.copy(server, shop_template, f"own_shop_{next(_numbers)}")


@pytest.fixture
def admin(own_shop_url: str) -> Iterator[Admin]:
    """Run SQL on the shop of the test, as its owner."""
    with administering(own_shop_url) as run:
        yield run


@pytest.fixture
def ask(shop_url: str) -> Iterator[Ask]:
    """Run SQL on the demo shop, past all that is tested: ``ask("SELECT …", *params)`` gives the rows."""
    with psycopg.connect(shop_url) as connection:
        yield lambda sql, *params: connection.execute(sql, params).fetchall()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, shop_data: Data) -> None:
    """Pages show the demo shop."""
    monkeypatch.setattr(app, "process_data", lambda: shop_data)


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Show]:
    """Let pages show another database, which the first page that asks will open: ``show(url)``."""
    with ExitStack() as stack:

        def show(url: str, **chosen: Any) -> None:
            settings = settings_for(url, tmp_path / "data", **chosen)
            opening = cache(lambda: stack.enter_context(opened(settings, app.while_waiting)))
            monkeypatch.setattr(app, "process_data", opening)

        yield show


@pytest.fixture
def open_page() -> OpenPage:
    """Open a page as a browser does with a link: ``open_page("sales", range="28d")``."""

    def open_page(name: str, **query: str | list[str]) -> AppTest:
        page = AppTest.from_file(str(ROOT / "dashboard" / "main.py"), default_timeout=SECONDS)
        return go(page, name, **query)

    return open_page


def go(page: AppTest, name: str, **query: str | list[str]) -> AppTest:
    """Go to another page; the menu's links hold no query."""
    page.query_params.clear()
    page.query_params.update(query)
    [path] = (ROOT / "pages").glob(f"*/{name}.py")
    return page.switch_page(f"../pages/{path.parent.name}/{name}.py").run()

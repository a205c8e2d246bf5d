"""After a refresh, pages that people read are read again without asking the database."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from dashboard import app
from dashboard.catalogue import catalogue
from dashboard.warming import warm_up
from tests.pages.conftest import OpenPage, Show, settings_for
from tests.pages.test_pages import PAGES, figures
from tests.reads import Statements, administering, opening, order, refresh
from tests.shop import LAST_DAY

RANGES = ("28d", "qtd", "12m")
OF_ITEMS = "products"
"""A page that shows nothing of an order without items."""
NOT_WARMED = {"business/customer_ids", "business/data_span"}
"""The one asks for people whom nobody asked for before; the other comes with lists of orders, which are read anew."""


@pytest.fixture
def connection(own_shop_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(own_shop_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("days_later", [0, 1, 13])  # 13: in April
def test_a_rerun_of_every_page_executes_no_statement_of_the_catalogue(
    open_page: OpenPage,
    show: Show,
    own_shop_url: str,
    connection: psycopg.Connection,
    tmp_path: Path,
    days_later: int,
) -> None:
    show(own_shop_url)
    pages = {(name, days): open_page(name, range=days) for name in PAGES for days in RANGES}
    before = {asked: figures(page) for asked, page in pages.items()}
    visited = app.process_data()
    visited.statistics.demand.flush(visited.database)
    with administering(own_shop_url) as admin:
        order(admin, LAST_DAY + timedelta(days=days_later), 1_000_000)
    refresh(visited.database)

    with opening(settings_for(own_shop_url, tmp_path / "data")) as open_data:
        outcome = warm_up(open_data(own_shop_url), budget_seconds=60)
    assert outcome.computed > 0 == outcome.failed == outcome.left_out

    visited.known.renew()
    names = [name for name in catalogue().queries if name.startswith("business/") and name not in NOT_WARMED]
    counts = [Statements(connection, name) for name in names]
    for asked, page in pages.items():
        page.run()
        assert not page.exception
        assert not page.error
        assert figures(page) != before[asked] or asked[0] == OF_ITEMS
    assert [count.since().calls for count in counts] == [0] * len(counts)

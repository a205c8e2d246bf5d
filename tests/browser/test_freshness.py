"""The operators' page in a real browser, on a server that runs its jobs itself."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SERVE, OpenPage, serving, settled
from tests.servers import wait_until

pytestmark = pytest.mark.xdist_group("browser")

Admin = Callable[..., list[tuple[object, ...]]]

WITH_WORKER = ("env", "DASHBOARD_WORKER=inline", *SERVE)
OPEN_JOBS = "SELECT 1 FROM dashboard.jobs WHERE status IN ('queued', 'running')"
FILLED = """
SELECT bool_and(rows > 0) FROM dashboard.view_states WHERE view NOT IN ('daily_sales_by_category', 'item_facts')
"""
ASKED = "SELECT view FROM dashboard.refreshes WHERE reason = 'request'"


@pytest.fixture
def shop(admin: Admin) -> Admin:
    """Run SQL on a shop with one order."""
    admin("INSERT INTO shop.customers VALUES ('a', 'a')")
    admin("INSERT INTO shop.orders VALUES ('a', 'a', 'delivered', '2017-11-24')")
    admin("INSERT INTO shop.order_payments VALUES ('a', 1, 'voucher', 1, 10)")
    return admin


def test_deep_link_to_a_cold_server_shows_that_views_are_fresh_and_refreshes_them_when_asked(
    tmp_path: Path, database_url: str, shop: Admin, open_page: OpenPage
) -> None:
    with serving(tmp_path, database_url, WITH_WORKER) as daybook:
        page = open_page(f"{daybook.url}/freshness")
        expect(page.get_by_role("heading", name="Freshness", exact=True)).to_be_visible()
        expect(settled(page).get_by_role("dialog")).to_have_count(0)

        wait_until(lambda: shop(FILLED) == [(True,)] and not shop(OPEN_JOBS), "the views are filled")
        page.reload()
        expect(page.get_by_text("All 8 views show every change.")).to_be_visible()

        button = page.get_by_role("button", name="Refresh now")
        button.click()
        button.click()
        expect(page.get_by_text("Refresh of all views: done")).to_be_visible()
        assert len(shop(ASKED)) in (8, 16)  # the second click found the first job queued, or at work

        last = page.get_by_test_id("stMetric").filter(has_text="Last refresh").first
        last.get_by_test_id("stTooltipIcon").hover()
        expect(page.get_by_role("tooltip")).to_contain_text(re.compile(r"\d\d:\W?\d\d:\W?\d\d"))
        page.context.close()

"""The operators' database page in a real browser: a missing index is found, tried and made."""

import psycopg
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Daybook, OpenPage, settled
from tests.browser.test_journeys import overflowing
from tests.servers import wait_until

pytestmark = pytest.mark.xdist_group("browser")

VISITS = (
    "CREATE TABLE shop.visits (visitor integer, at timestamp)",
    "INSERT INTO shop.visits SELECT n, now() FROM generate_series(1, 20000) AS n",
    "ANALYZE shop.visits",
    "GRANT pg_monitor TO daybook_reader",
    "SELECT count(*) FROM shop.visits WHERE visitor = 7",
    "SELECT pg_stat_force_next_flush()",
)
DDL = "CREATE INDEX CONCURRENTLY ON shop.visits (visitor);"


def test_missing_index_is_tried_and_made(daybook: Daybook, shop_url: str, open_page: OpenPage) -> None:
    with psycopg.connect(shop_url, autocommit=True) as connection:
        for statement in VISITS:
            connection.execute(statement)
        try:
            page = open_page(f"{daybook.url}/database")
            expect(page.get_by_role("heading", name="Database", exact=True)).to_be_visible()
            expect(page.get_by_text("shop.visits is searched by visitor")).to_be_visible()
            page.get_by_role("button", name="Try it on a copy").click()
            expect(page.get_by_text("It is worth making")).to_be_visible()
            expect(settled(page).get_by_test_id("stCode").first).to_have_text(DDL)
            page.set_viewport_size({"width": 390, "height": 900})
            wait_until(lambda: overflowing(page) == [], "all fits on a phone")

            connection.execute(DDL)
            page.reload()
            expect(page.get_by_text("No statement that is known searches")).to_be_visible()
            page.get_by_text("Indexes", exact=True).last.click()
            expect(page).to_have_url(f"{daybook.url}/database?show=indexes")
        finally:
            connection.execute("REVOKE pg_monitor FROM daybook_reader")
            connection.execute("DROP TABLE shop.visits")

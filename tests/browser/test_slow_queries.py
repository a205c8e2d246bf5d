"""From the small print of a tile to its query's statements, and to the plan of one, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Daybook, OpenPage, settled

pytestmark = pytest.mark.xdist_group("browser")


def test_tile_leads_to_the_statements_of_its_query_and_to_a_plan(
    daybook: Daybook, open_page: OpenPage
) -> None:
    page = settled(open_page(f"{daybook.url}/sales"))
    page.get_by_test_id("stCaptionContainer").get_by_test_id("stTooltipHoverTarget").first.hover()
    link = page.get_by_role("tooltip").get_by_role("link", name="business/daily_sales", exact=True)
    with page.context.expect_page() as opened:
        link.click()
    found = settled(opened.value)
    expect(found.get_by_role("heading", name="Slow queries", exact=True)).to_be_visible()
    expect(found.get_by_text("Only business/daily_sales is shown.")).to_be_visible()

    found.get_by_role("button", name="its plan").click()
    expect(found.get_by_text("PostgreSQL is asked for the plan")).to_have_count(0)
    expect(
        settled(found).get_by_text("What this costs is only expected").or_(found.get_by_text("It ran for"))
    ).not_to_have_count(0)
    expect(found.get_by_test_id("stAlertContentError")).to_have_count(0)

    found.get_by_role("button", name="All queries").click()
    expect(found.get_by_text("Only business/daily_sales is shown.")).to_have_count(0)

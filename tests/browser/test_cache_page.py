"""The operators' page of the cache in a real browser: reached by a link, and a query made invalid there."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Daybook, OpenPage, settled

pytestmark = pytest.mark.xdist_group("browser")


def test_deep_link_shows_the_cache_and_a_query_is_made_invalid_after_a_second_click(
    daybook: Daybook, open_page: OpenPage
) -> None:
    page = open_page(f"{daybook.url}/cache?past=day")
    expect(page.get_by_role("heading", name="Cache", exact=True)).to_be_visible()
    expect(settled(page).get_by_role("dialog")).to_have_count(0)
    reads = page.get_by_test_id("stMetric").filter(has_text=re.compile("Reads"))
    expect(reads).to_be_visible()

    page.get_by_role("button", name="Invalidate").click()
    expect(page.get_by_text("What was cached until now is not used again")).to_be_visible()
    page.get_by_role("button", name="Yes, invalidate").click()
    expect(page.get_by_text("was made invalid: its next readers get fresh answers.")).to_be_visible()
    assert "was made invalid by the cache page" in daybook.log()
    page.context.close()

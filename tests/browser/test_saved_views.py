"""Saved views, as people meet them."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Daybook, OpenPage, figures, metrics, settled
from tests.browser.test_journeys import choose

# One worker drives the browser: its server and its PostgreSQL are started once.
pytestmark = pytest.mark.xdist_group("browser")

NAME = "Sundays <b>$x$</b> [a](b) :smile:"


def unfold(page: Page) -> Page:
    settled(page).get_by_role("button", name="Views").click()
    return settled(page)


def shown_name(page: Page) -> str:
    """With the name of its icon, on one line."""
    said = page.get_by_role("button", name="Sundays").inner_text().replace("\u2060", "")
    return " ".join(said.split())


def test_view_is_saved_opened_again_sent_to_somebody_else_and_deleted(
    daybook: Daybook, open_page: OpenPage
) -> None:
    page = open_page(f"{daybook.url}/?range=2024-11&compare=year&grain=week&state=SP&state=RJ")
    saved = figures(page)
    name = unfold(page).get_by_label("Save what the page shows as")
    name.fill(NAME)
    name.press("Enter")
    expect(page).to_have_url(re.compile(r"saved=\d+"))
    assert shown_name(settled(page)) == f"check {NAME}"
    page.keyboard.press("Escape")

    choose(settled(page), "Range", "Last 7 days")
    expect(page.get_by_text("13–19 Mar 2025")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page).not_to_have_url(re.compile("state="))
    expect(metrics(page)).not_to_have_text(saved)

    assert shown_name(unfold(page)) == f"check {NAME} changed since"
    page.get_by_role("button", name="Sundays").click()
    expect(page).to_have_url(re.compile("range=2024-11"))
    expect(page).to_have_url(re.compile("state=SP&state=RJ"))
    expect(page.get_by_text("1–30 Nov 2024 compared with 1–30 Nov 2023")).to_be_visible()
    expect(page.get_by_role("button", name="Sundays")).to_have_count(0)
    expect(metrics(page)).to_have_text(saved)

    other = open_page(page.url)
    assert figures(other) == saved
    unfold(other).get_by_role("button", name="delete").click()
    other.get_by_role("button", name="Delete", exact=True).click()
    expect(other.get_by_text("Nobody saved a view of this page yet.")).to_be_visible()
    expect(other).not_to_have_url(re.compile("saved="))


def test_live_mode_outlasts_the_opening_of_a_view(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(f"{daybook.url}/sales?range=7d")
    name = unfold(page).get_by_label("Save what the page shows as")
    name.fill("Week")
    name.press("Enter")
    expect(page).to_have_url(re.compile(r"saved=\d+"))
    page.keyboard.press("Escape")
    settled(page).get_by_text("Live", exact=True).click()
    expect(page).to_have_url(re.compile("live=true"))
    choose(settled(page), "Range", "Last 90 days")
    expect(page).to_have_url(re.compile("range=90d"))
    unfold(page).get_by_role("button", name="Week").click()
    expect(page).to_have_url(re.compile(r"range=7d.*live=true"))
    expect(settled(page).get_by_role("switch", name="Live")).to_be_checked()

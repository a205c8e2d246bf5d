"""Pages that stay open while the data changes, in a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from dashboard.database import Database
from dashboard.refresh import refresh_views
from dashboard.settings import Settings
from tests import shop
from tests.browser.conftest import Daybook, OpenPage, serving, settled
from tests.servers import wait_until

pytestmark = pytest.mark.xdist_group("browser")

LONG_AGO, LATELY = date(2024, 1, 10), shop.LAST_DAY
PAYMENT = """
UPDATE shop.order_payments SET payment_value = payment_value + 1000
WHERE (order_id, payment_sequential) IN (
    SELECT order_id, payment_sequential FROM shop.orders JOIN shop.order_payments USING (order_id)
    WHERE purchase_date = %s LIMIT 1
)
"""
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
HIDE = "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});" + LOOK
SHOW = "delete document.visibilityState;" + LOOK

Pay = Callable[[date], None]


@pytest.fixture(scope="module")
def own_url(_template: str, server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a demo shop that these tests change."""
    url = shop.copy(server, _template, "watched_shop")
    shop.fill(url, tmp_path_factory.mktemp("watched_shop"))
    return url


@pytest.fixture(scope="module")
def watched(own_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daybook]:
    with serving(tmp_path_factory.mktemp("watched"), own_url) as daybook:
        yield daybook


@pytest.fixture
def pay(own_url: str, tmp_path: Path) -> Iterator[Pay]:
    """Let somebody pay 1,000 more for an order of a day, and refresh the views: ``pay(day)``."""
    with closing(Database(own_url, Settings(_env_file=None, data_dir=tmp_path))) as database:

        def pay(day: date) -> None:
            with psycopg.connect(own_url) as connection:
                assert connection.execute(PAYMENT, (day,)).rowcount == 1
            with database.writer() as writer:
                refresh_views(writer, reason="test")

        yield pay


def revenue(page: Page) -> int:
    figure = settled(page).get_by_test_id("stMetricValue").first.inner_text()
    return int(re.sub(r"\D", "", figure))


def shows(page: Page, amount: int) -> None:
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(f"R${amount:,}")


def offer(page: Page) -> Locator:
    return page.get_by_role("button", name="Show new data")


def switch(page: Page) -> Locator:
    return page.get_by_test_id("stCheckbox").filter(has_text="Live")


def test_change_is_offered_each_time_and_shown_on_a_click_without_moving_the_page(
    watched: Daybook, open_page: OpenPage, pay: Pay
) -> None:
    page = open_page(f"{watched.url}/?range=28d&compare=none")
    before = revenue(page)
    place = page.get_by_test_id("stMetric").first.bounding_box()
    for number in (0, 1):
        expect(offer(page)).to_have_count(0)
        pay(LATELY)
        expect(offer(page)).to_be_visible()
        assert page.get_by_test_id("stMetric").first.bounding_box() == place
        assert revenue(page) == before + 1_000 * number
        offer(page).click()
        shows(page, before + 1_000 * (number + 1))
    expect(offer(page)).to_have_count(0)

    pay(LATELY)
    expect(offer(page)).to_be_visible()
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scrolled in (0, 500):
            page.get_by_test_id("stMain").evaluate("(main, top) => main.scrollTo(0, top)", scrolled)
            expect(offer(page)).to_be_in_viewport(ratio=1)
            offer(page).hover()  # nothing lies over it
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth")


def test_change_of_other_months_is_not_offered(watched: Daybook, open_page: OpenPage, pay: Pay) -> None:
    late = open_page(f"{watched.url}/?range=28d&compare=none")
    early = open_page(f"{watched.url}/sales?range=2024-01&compare=none")
    settled(late), settled(early)
    pay(LATELY)
    expect(offer(late)).to_be_visible()
    expect(offer(early)).to_have_count(0)
    pay(LONG_AGO)
    expect(offer(early)).to_be_visible()


def test_live_mode_shows_changes_by_itself_and_stays_on_in_address_and_menu(
    watched: Daybook, open_page: OpenPage, pay: Pay
) -> None:
    page = open_page(f"{watched.url}/?range=28d&compare=none")
    before = revenue(page)
    switch(page).click()
    expect(page).to_have_url(re.compile("[?&]live=true"))
    settled(page)
    pay(LATELY)
    shows(page, before + 1_000)

    page.reload()
    shows(page, before + 1_000)
    pay(LATELY)
    shows(page, before + 2_000)
    expect(offer(page)).to_have_count(0)

    settled(page).get_by_role("link", name="Sales").click()
    expect(page.get_by_text("All figures by day")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/sales\?.*live=true"))
    expect(switch(settled(page)).get_by_role("switch")).to_be_checked()


def test_live_mode_leaves_alone_what_somebody_is_choosing(
    watched: Daybook, open_page: OpenPage, pay: Pay
) -> None:
    page = open_page(f"{watched.url}/?live=true&range=28d&compare=none")
    before = revenue(page)
    chooser = page.get_by_role("combobox", name="Range")
    chooser.click()
    page.keyboard.type("Last 9")
    pay(LATELY)
    shows(page, before + 1_000)
    expect(chooser).to_have_value("Last 9")
    page.keyboard.press("Escape")

    page.get_by_test_id("stDateInput").first.get_by_role("spinbutton").first.click()
    day(page, 21).click()
    pay(LATELY)
    shows(page, before + 2_000)
    day(page, 25).click()
    expect(page).to_have_url(re.compile("range=2025-02-21..2025-02-25"))


def day(page: Page, number: int) -> Locator:
    """A day of the month that a calendar shows."""
    return page.get_by_role("gridcell").get_by_text(str(number), exact=True).last


def test_hidden_page_listens_to_nothing_and_catches_up_when_it_is_looked_at(
    watched: Daybook, open_page: OpenPage, pay: Pay
) -> None:
    page = open_page(f"{watched.url}/?live=true&range=28d&compare=none")
    begun: list[Request] = []
    ended: list[Request] = []
    page.on("request", lambda request: begun.extend([request]))
    page.on("requestfailed", lambda request: ended.extend([request]))

    def streams() -> list[Request]:
        page.wait_for_timeout(10)  # in which it learns of events
        return [one for one in begun if "/live?" in one.url]

    page.reload()
    before = revenue(page)
    wait_until(lambda: bool(streams()), "the page listens")

    page.evaluate(HIDE)
    wait_until(lambda: all(one in ended for one in streams()), "it listens no longer")
    heard = len(streams())
    pay(LATELY)
    assert revenue(page) == before
    assert len(streams()) == heard

    page.evaluate(SHOW)
    shows(page, before + 1_000)

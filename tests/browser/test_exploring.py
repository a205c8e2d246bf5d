"""Journeys of people who ask what made a figure, down to the orders behind it, in a real browser."""

import csv
import re
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Daybook, OpenPage, figures, metrics, settled

pytestmark = pytest.mark.xdist_group("browser")

ORDERS = """
SELECT order_id FROM shop.orders JOIN shop.customers USING (customer_id)
WHERE purchase_date BETWEEN %s AND %s AND customer_state = %s
"""
DIFFERENCES = """
WITH paid AS (
    SELECT customer_state AS state, sum(payment_value) FILTER (WHERE purchase_date >= '2025-02-01') AS now,
        sum(payment_value) FILTER (WHERE purchase_date < '2025-02-01') AS before
    FROM shop.orders JOIN shop.customers USING (customer_id) JOIN shop.order_payments USING (order_id)
    WHERE purchase_date BETWEEN '2025-01-01' AND '2025-02-28' GROUP BY 1
)
SELECT state FROM paid ORDER BY abs(coalesce(now, 0) - coalesce(before, 0)) DESC LIMIT 1
"""
NOTES = "# "


def chart(page: Page, name: str) -> Locator:
    return page.locator("[data-testid=stPlotlyChart]").filter(has=page.get_by_label(re.compile(name)))


def card(page: Page, title: str) -> Locator:
    """The box with a title, and all that is in it."""
    boxes = page.get_by_test_id("stVerticalBlock").filter(has=page.get_by_text(title, exact=True))
    return boxes.last


def bar_of(box: Locator, label: str) -> Locator:
    """The bar beside a label: Plotly draws both in the same order."""
    labels = [text.strip() for text in box.locator(".ytick text").all_text_contents()]
    return box.locator(".barlayer .trace").last.locator(".point path").nth(labels.index(label))


def click_bar(page: Page, box: Locator, label: str) -> None:
    # A bar may be too thin for a click at the middle of the element that a browser computes.
    found = bar_of(box, label).bounding_box()
    assert found
    page.mouse.click(found["x"] + found["width"] / 2, found["y"] + found["height"] / 2)


def test_compare_two_months_and_find_what_drove_the_change(
    daybook: Daybook, open_page: OpenPage, shop_url: str
) -> None:
    page = settled(open_page(f"{daybook.url}/?range=last_month&compare=period"))
    expect(page.get_by_text("1–28 Feb 2025 compared with 1–31 Jan 2025")).to_be_visible()
    with psycopg.connect(shop_url) as connection:
        [(driver,)] = connection.execute(DIFFERENCES).fetchall()
    box = card(page, "What changed by state")
    box.scroll_into_view_if_needed()
    before = figures(page)
    assert driver in [text.strip() for text in box.locator(".ytick text").all_text_contents()]

    click_bar(page, box, driver)
    expect(page).to_have_url(re.compile(rf"state={driver}$"))
    expect(page.get_by_role("button", name=f"State: {driver}")).to_be_visible()
    expect(metrics(page)).not_to_have_text(before)

    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_role("button", name=f"State: {driver}")).to_have_count(0)
    expect(metrics(page)).to_have_text(before)


def test_zoom_into_a_peak_click_the_biggest_state_reach_its_orders_and_export_them(
    daybook: Daybook, open_page: OpenPage, shop_url: str, tmp_path: Path
) -> None:
    page = settled(open_page(f"{daybook.url}/sales?range=2024-11&compare=none&grain=day"))
    drawn = page.get_by_test_id("stPlotlyChart").first.locator(".nsewdrag").first
    area = drawn.bounding_box()
    assert area
    y = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + area["width"] * 0.70, y)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.80, y, steps=4)
    page.mouse.move(area["x"] + area["width"] * 0.90, y, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"range=2024-11-\d\d\.\.2024-11-\d\d"))
    [(first, last)] = re.findall(r"range=(2024-11-\d\d)\.\.(2024-11-\d\d)", page.url)
    assert timedelta(0) < date.fromisoformat(last) - date.fromisoformat(first) < timedelta(days=10)

    settled(page).get_by_role("link", name="Explore").click()
    expect(page.get_by_role("heading", name="Explore", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(rf"/explore\?range={first}"))
    box = card(settled(page), "Revenue by state")
    expect(box.locator(".ytick text").first).to_be_visible()
    biggest = box.locator(".ytick text").all_text_contents()[-1].strip()
    click_bar(page, box, biggest)
    expect(page.get_by_role("button", name=f"State: {biggest}")).to_be_visible()

    with psycopg.connect(shop_url) as connection:
        orders = {order for (order,) in connection.execute(ORDERS, (first, last, biggest))}
    behind = card(settled(page), "The orders behind it")
    behind.scroll_into_view_if_needed()
    expect(behind.get_by_text(f"{len(orders):,} orders, newest first")).to_be_visible()
    behind.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "orders.csv")
    with (tmp_path / "orders.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith(NOTES)))
    assert {row["Order"] for row in rows} == orders

    assert figures(open_page(page.url)) == figures(page)


def test_all_of_it_with_a_keyboard(daybook: Daybook, open_page: OpenPage) -> None:
    page = settled(open_page(f"{daybook.url}/explore?range=2024-11&compare=none"))
    before = figures(page)
    page.get_by_role("button", name="Filters").focus()
    page.keyboard.press("Enter")
    states = page.get_by_role("combobox", name="State")
    states.focus()
    page.keyboard.type("RJ")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("state=RJ"))
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(metrics(page)).not_to_have_text(before)

    by = settled(page).get_by_role("combobox", name="Broken down by")
    by.focus()
    page.keyboard.type("Payment")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("by=state&by=payment_type"))
    expect(settled(page).get_by_text("Revenue by state and payment type").first).to_be_visible()

    page.get_by_role("button", name="Clear filters").focus()
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("state=RJ"))
    expect(metrics(page)).to_have_text(before)

"""Journeys of people through the pages, in a real browser."""

import csv
import re
import sys
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import STRANGE_CATEGORY, Daybook, OpenPage, figures, metrics, serving, settled
from tests.servers import free_port, wait_until
from tests.shop import LAST_DAY

# One worker drives the browser: its server and its PostgreSQL are started once.
pytestmark = pytest.mark.xdist_group("browser")

UNSEEN = 0.01
"""Of https://web.dev/articles/cls, which calls a tenth good: a pixel here and there as a figure gets another width."""


def heading(page: Page, title: str) -> Locator:
    return page.get_by_role("heading", name=title, exact=True)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_deep_link_that_comes_first_to_a_cold_server_draws_its_page_and_ctrl_c_ends_the_server(
    tmp_path: Path, shop_url: str, open_page: OpenPage
) -> None:
    with serving(tmp_path, shop_url) as daybook:
        page = open_page(f"{daybook.url}/sales?range=2024-11&compare=year&grain=week&measure=orders")
        expect(heading(page, "Sales")).to_be_visible()
        expect(page.get_by_text("Orders by week")).to_be_visible()
        expect(page.get_by_text("1–30 Nov 2024 compared with 1–30 Nov 2023")).to_be_visible()
        settled(page)
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.context.close()  # a browser that stays would look for its server, and complain

        assert daybook.interrupt() == 0
        assert daybook.log().count("\n") == 1, daybook.log()


def test_plain_streamlit_run_draws_the_pages_too_and_names_the_faster_way(
    tmp_path: Path, shop_url: str, open_page: OpenPage
) -> None:
    streamlit = str(Path(sys.executable).with_name("streamlit"))
    command = (streamlit, "run", "dashboard/main.py", "--server.port", str(free_port()))
    with serving(tmp_path, shop_url, command) as daybook:
        page = open_page(f"{daybook.url}/sales?range=7d&measure=orders")
        expect(page.get_by_text("Orders by day")).to_be_visible()
        expect(settled(page).get_by_text("Live", exact=True)).to_have_count(0)
        page.context.close()
        assert "`make run`" in daybook.log()


def test_page_without_an_order_says_what_to_run(
    tmp_path: Path, database_url: str, open_page: OpenPage
) -> None:
    with serving(tmp_path, database_url) as daybook:
        page = open_page(daybook.url)
        expect(heading(page, "Overview")).to_be_visible()
        expect(page.get_by_text("python -m dashboard load demo")).to_be_visible()
        expect(page.get_by_test_id("stPlotlyChart")).to_have_count(0)
        settled(page).context.close()


def test_choices_by_mouse_land_in_a_link_that_shows_the_same_to_somebody_else(
    daybook: Daybook, open_page: OpenPage
) -> None:
    page = open_page(daybook.url)
    before = figures(page)
    choose(page, "Range", "Last month")
    choose(page, "Compared with", "Previous year, same dates")
    expect(page).to_have_url(f"{daybook.url}/?range=last_month&compare=year&grain=auto")
    expect(page.get_by_text("1–28 Feb 2025 compared with 1–29 Feb 2024")).to_be_visible()
    expect(metrics(page)).not_to_have_text(before)
    chosen = figures(page)

    assert figures(open_page(page.url)) == chosen


def test_choices_by_keyboard_change_address_and_figures(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(daybook.url)
    before = figures(page)
    chooser = page.get_by_role("combobox", name="Range")
    for _ in range(30):
        page.keyboard.press("Tab")
        if chooser.evaluate("element => element === document.activeElement"):
            break
    expect(chooser).to_be_focused()
    page.keyboard.type("Last 90")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("range=90d"))
    expect(page.get_by_text("20 Dec 2024 – 19 Mar 2025")).to_be_visible()
    expect(metrics(page)).not_to_have_text(before)

    page.get_by_role("button", name="chevron_left").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("21 Sep – 19 Dec 2024 compared")).to_be_visible()


def test_back_and_forward_go_through_what_was_chosen(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(daybook.url)
    usual = figures(page)
    choose(page, "Range", "Last 7 days")
    expect(page.get_by_text("13–19 Mar 2025 compared")).to_be_visible()
    expect(metrics(page)).not_to_have_text(usual)
    week = figures(page)

    page.go_back()
    expect(page.get_by_text("20 Feb – 19 Mar 2025 compared")).to_be_visible()
    expect(metrics(page)).to_have_text(usual)
    expect(page.get_by_role("combobox", name="Range")).to_have_value("Last 28 days")

    page.go_forward()
    expect(page.get_by_text("13–19 Mar 2025 compared")).to_be_visible()
    expect(metrics(page)).to_have_text(week)


def test_menu_keeps_the_window(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(f"{daybook.url}/?range=2024-11&compare=year&grain=week")
    settled(page).get_by_role("link", name="Sales").click()
    expect(heading(page, "Sales")).to_be_visible()
    expect(page.get_by_text("1–30 Nov 2024 compared with 1–30 Nov 2023")).to_be_visible()
    expect(page).to_have_url(f"{daybook.url}/sales?range=2024-11&compare=year&grain=week")
    expect(page.get_by_role("combobox", name="Grain")).to_have_value("Week")


PATHS = [
    "/",
    "/sales",
    "/sales?view=hours",
    "/sales?view=delivery",
    "/explore",
    "/explore?by=month&by=state&look=lines",
    "/explore?by=state&by=status&look=heat",
    "/explore?by=category&by=state&look=treemap",
    "/products",
    "/products?of=products",
    "/customers",
    "/freshness",
    "/cache",
    "/slow_queries",
    "/database",
    "/system",
]


def test_pages_fit_wide_and_narrow_screens_in_light_and_dark(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(daybook.url)  # with a past, and its scripts: one for each page would take minutes
    heading = page.get_by_test_id("stMainBlockContainer").get_by_role("heading").first
    for path in PATHS:
        page.goto(f"{daybook.url}{path}")
        expect(
            heading
        ).to_be_visible()  # Streamlit has colours of its own until it knows ours, and may stay with them
        for scheme, background, width in (
            ("light", "rgb(255, 255, 255)", 1440),
            ("dark", "rgb(16, 21, 30)", 390),
        ):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            expect(page.get_by_test_id("stApp")).to_have_css("background-color", background)
            page.set_viewport_size({"width": width, "height": 900})
            expect(heading).to_be_visible()
            # Plotly draws anew a moment after its room got another size.
            wait_until(
                lambda: overflowing(settled(page)) == [], f"all fits at {width} px, {scheme}, on {path}"
            )


def test_choice_moves_nothing_on_the_page(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(daybook.url)
    for path, choice in (
        ("/", "Previous window"),
        ("/sales", "Orders"),
        ("/explore", "Previous window"),
        ("/products", "Units"),
        ("/customers", "Revenue"),
    ):
        page.goto(f"{daybook.url}{path}")
        if choice == "Previous window":
            button = page.locator(".st-key-Previous-window").get_by_role("button").first
        else:
            button = page.get_by_role("radio", name=choice, exact=True)
        expect(button).to_be_visible()
        settled(page).evaluate(
            """() => { window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach(
                shift => { window.moved += shift.value })).observe({type: 'layout-shift'}) }"""
        )
        before = page.url
        button.click()
        expect(page).not_to_have_url(before)
        settled(page)
        assert page.evaluate("window.moved") < UNSEEN, path


def test_finger_on_a_chart_scrolls_the_page_of_a_phone(daybook: Daybook, browser: Browser) -> None:
    phone = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36"
    context = browser.new_context(
        viewport={"width": 390, "height": 700}, user_agent=phone, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{daybook.url}/sales")
    chart = settled(page).get_by_test_id("stPlotlyChart").first
    chart.scroll_into_view_if_needed()
    before = chart.bounding_box()
    assert before
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    touch = partial(context.new_cdp_session(page).send, "Input.dispatchTouchEvent")
    touch({"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 9):
        touch({"type": "touchMove", "touchPoints": [{"x": x, "y": y - 20 * step}]})
    touch({"type": "touchEnd", "touchPoints": []})
    page.wait_for_function(
        "([chart, y]) => chart.getBoundingClientRect().y < y - 50", arg=[chart.element_handle(), before["y"]]
    )
    context.close()


def overflowing(page: Page) -> list[str]:
    """What is wider than its place: the page itself, and labels that a chart cuts off."""
    found: list[str] = page.evaluate(
        """() => [
            ...[document.documentElement, document.querySelector('[data-testid=stMain]')]
                .filter(e => e.scrollWidth > e.clientWidth).map(e => e.tagName),
            ...[...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => {
                const room = plot.getBoundingClientRect();
                return [...plot.querySelectorAll('.main-svg text')].filter(text => {
                    const box = text.getBoundingClientRect();
                    return box.width && (box.left < room.left - 1 || box.right > room.right + 1);
                }).map(text => text.textContent);
            }),
        ]"""
    )
    return found


def test_hovering_a_chart_tells_amounts_in_full(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(f"{daybook.url}/sales?range=2024-01-01..2024-12-31&grain=month&compare=none")
    settled(page).get_by_test_id("stPlotlyChart").hover()
    expect(page.locator(".hoverlayer")).to_contain_text(
        re.compile(r"[A-Z][a-z]{2} 2024: R\$\d{1,3},\d{3}\.\d\d")
    )


def test_text_from_the_data_or_the_address_is_never_markup(daybook: Daybook, open_page: OpenPage) -> None:
    page = open_page(f"{daybook.url}/?range=https://a.example+**b**+:smile:+-->+%3Cu%3Ex")
    warning = settled(page).get_by_test_id("stAlert")
    expect(warning).to_contain_text("range=https:")
    expect(warning.locator("a, strong, u")).to_have_count(0)
    said = warning.inner_text().replace("\u2060", "")
    assert "range=https://a.example **b** :smile: --> <u>x can't be read" in said

    chart = page.get_by_test_id("stPlotlyChart").nth(2)
    label = chart.get_by_text(f"{STRANGE_CATEGORY[:23]}…", exact=True)
    expect(label.first).to_be_visible()
    label.first.scroll_into_view_if_needed()
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    expect(chart.locator(".hoverlayer")).to_contain_text(STRANGE_CATEGORY)


def test_download_holds_the_rows_of_the_table_under_its_labels(
    daybook: Daybook, open_page: OpenPage, shop_url: str
) -> None:
    page = settled(open_page(f"{daybook.url}/sales?range=7d&compare=none"))
    page.get_by_role("button", name="Export").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert "2025-03-13 to 2025-03-19" in download.value.suggested_filename
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = [line for line in content.decode("utf-8-sig").splitlines() if not line.startswith("# ")]
    rows = list(csv.DictReader(lines))
    assert [list(row.values())[:2] for row in rows] == revenue_by_day(shop_url)
    assert list(rows[0]) == ["Day", "Revenue (R$)", "Orders", "Customers", "Average order value (R$)"]


def revenue_by_day(shop_url: str) -> list[list[str]]:
    with psycopg.connect(shop_url) as connection:
        found: dict[date, object] = dict(
            connection.execute(
                "SELECT order_purchase_timestamp::date, sum(payment_value) FROM shop.orders"
                " JOIN shop.order_payments USING (order_id) GROUP BY 1"
            ).fetchall()
        )
    week = [LAST_DAY - timedelta(days=back) for back in range(6, -1, -1)]
    return [[str(day), str(found.get(day, "0.00"))] for day in week]

"""The list of orders on a page, and the ways to take rows away."""

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import export
from tests.pages.conftest import SECONDS, Ask, OpenPage

pytestmark = pytest.mark.usefixtures("shown")

SCRIPT = """
import streamlit as st
from dashboard import explore, filters, ui
chosen = explore.filters({"state": st.query_params.get_all("state")} if "state" in st.query_params else {})
ui.orders_table(filters.window(), chosen)
"""
FEBRUARY = """
SELECT order_id FROM shop.orders JOIN shop.customers USING (customer_id)
WHERE order_purchase_timestamp >= '2025-02-01' AND order_purchase_timestamp < '2025-03-01'
ORDER BY purchase_date DESC, extract(hour FROM order_purchase_timestamp) DESC, order_id COLLATE "C" DESC
"""


def opened(**query: str) -> AppTest:
    page = AppTest.from_string(SCRIPT, default_timeout=SECONDS)
    page.query_params.update({"range": "2025-02", **query})
    return page.run()


def shown_ids(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["order_id"])


def opening_menu(page: AppTest, key: str) -> AppTest:
    page.session_state[key] = True
    return page.run()


def test_orders_are_turned_page_by_page_and_the_address_says_where(ask: Ask) -> None:
    truth = [one for (one,) in ask(FEBRUARY)]
    page = opened()
    assert not page.exception
    assert f"**{len(truth)}** orders, newest first" in [text.value for text in page.markdown]
    assert shown_ids(page) == truth[:50]
    assert page.button(key="orders Newer").disabled
    page.button(key="orders Older").click().run()
    assert shown_ids(page) == truth[50:100]
    again = opened(orders=page.query_params["orders"])
    assert shown_ids(again) == truth[50:100]
    again.button(key="orders Newer").click().run()
    assert shown_ids(again) == truth[:50]


def test_other_days_begin_with_their_newest_orders() -> None:
    page = opened()
    page.button(key="orders Older").click().run()
    page.query_params["range"] = "2025-01"
    page.run()
    assert "orders" not in page.query_params
    assert page.button(key="orders Newer").disabled


def test_a_place_that_can_not_be_read_is_said(ask: Ask) -> None:
    page = opened(orders="nowhere")
    assert "is no place in a list of orders" in page.warning[0].value.replace("\\", "")
    assert shown_ids(page) == [one for (one,) in ask(FEBRUARY)][:50]


def test_without_orders_there_is_advice(ask: Ask) -> None:
    page = opened(state="no such")
    assert "No orders on these days" in page.info[0].value
    assert not page.dataframe


def test_links_lead_to_the_files_of_just_these_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "is_served", lambda: True)
    page = opened(state="SP")
    assert not page.get("link_button")
    page = opening_menu(page, "orders export")
    assert not page.exception
    addresses = [button.proto.url for button in page.get("link_button")]
    assert [address.split("?")[0] for address in addresses] == [
        f"/export/orders.{kind}" for kind in export.FileType
    ]
    assert all("range=2025-02&" in address and "&state=SP&id=" in address for address in addresses)
    assert len({address.split("id=")[1] for address in addresses}) == 3


def test_the_menu_says_how_far_an_export_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "is_served", lambda: True)
    frames = export.follow("far", [pl.DataFrame({"a": [1] * 10})] * 2, 20)
    next(frames), next(frames)
    page = opened()
    page.session_state["orders begun"] = "far"
    page = opening_menu(page, "orders export")
    assert [bar.proto.text for bar in page.get("progress")] == ["10 of 20 rows"]
    export.end("far", has_failed=True)
    assert "The export broke off after 10 of 20 rows." in page.run().caption[-2].value


def test_without_the_launcher_files_are_made_by_the_page(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "is_served", lambda: False)
    page = opening_menu(opened(), "orders export")
    assert not page.exception
    assert [button.label for button in page.get("download_button")] == ["CSV", "Excel", "Parquet"]


def test_a_table_can_be_taken_away_in_three_kinds(open_page: OpenPage) -> None:
    page = open_page("sales", range="2025-02")
    assert not page.get("download_button")
    page.session_state["take away Sales by day 2025-02-01 to 2025-02-28"] = True
    page.run()
    assert not page.exception
    assert [button.label for button in page.get("download_button")] == ["CSV", "Excel", "Parquet"]

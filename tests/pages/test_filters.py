"""The filter bar: what a reader chooses lands in the address, and what the address says is shown."""

from datetime import date, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.window import PRESETS, Comparison, Window
from tests.pages.conftest import OpenPage, go
from tests.shop import LAST_DAY

pytestmark = pytest.mark.usefixtures("shown")

FIRST_DAY = date(2023, 3, 1)
USUAL = {"range": "28d", "compare": "period", "grain": "auto"}


def window(**query: str) -> Window:
    return Window.from_query(query, LAST_DAY, FIRST_DAY)


def address(page: AppTest) -> dict[str, Any]:
    return dict(page.query_params)


def label(page: AppTest) -> str:
    return page.caption[0].value.split(" · ")[0]


def test_the_usual_window_is_written_out_in_the_address(open_page: OpenPage) -> None:
    assert address(open_page("sales")) == USUAL


def test_every_preset_can_be_chosen_and_lands_in_the_address(open_page: OpenPage) -> None:
    page = open_page("sales", compare="none")
    assert page.selectbox(key="range").options == [preset.label for preset in PRESETS.values()]
    for name in PRESETS:
        page.selectbox(key="range").select(name).run()
        assert not page.exception
        assert address(page)["range"] == name
        assert label(page) == f"**{window(range=name).label()}**"
        assert page.date_input(key="days").value == (window(range=name).start, window(range=name).last)


def test_days_can_be_picked_and_are_called_custom(open_page: OpenPage) -> None:
    page = open_page("overview")
    page.date_input(key="days").set_value((date(2025, 1, 4), date(2025, 1, 9))).run()
    assert address(page) == USUAL | {"range": "2025-01-04..2025-01-09"}
    assert label(page).startswith("**4–9 Jan 2025**")
    assert page.selectbox(key="range").value == "custom"


def test_half_picked_days_change_nothing(open_page: OpenPage) -> None:
    page = open_page("overview")
    page.date_input(key="days").set_value((date(2025, 1, 4),)).run()
    assert not page.exception
    assert address(page) == USUAL


@pytest.mark.parametrize(
    ("comparison", "days"),
    [
        ("none", None),
        ("period", "23 Jan – 19 Feb 2025"),
        ("year", "20 Feb – 19 Mar 2024"),
        ("weekday", "22 Feb – 20 Mar 2024"),
    ],
)
def test_every_comparison_can_be_chosen(open_page: OpenPage, comparison: str, days: str | None) -> None:
    page = open_page("overview", compare="none" if comparison != "none" else "period")
    page.selectbox(key="comparison").select(Comparison(comparison)).run()
    assert address(page)["compare"] == comparison
    against = f" compared with **{days}**" if days else ""
    uneven = " (29 days against 28)" if comparison == "year" else ""
    assert label(page) == f"**20 Feb – 19 Mar 2025**{against}{uneven}"


def test_other_days_to_compare_with_begin_as_those_compared_before(open_page: OpenPage) -> None:
    page = open_page("overview")
    page.selectbox(key="comparison").select(Comparison.CUSTOM).run()
    assert address(page)["compare"] == "2025-01-23..2025-02-19"
    page.date_input(key="compared").set_value((date(2024, 12, 1), date(2024, 12, 24))).run()
    assert address(page) == USUAL | {"compare": "2024-12-01..2024-12-24"}
    assert label(page).endswith("compared with **1–24 Dec 2024** (24 days against 28)")


def test_grain_can_be_chosen_and_given_back(open_page: OpenPage) -> None:
    page = open_page("sales", range="90d", compare="none")
    for grain, buckets in (("day", 90), ("week", 14), ("month", 4), ("auto", 90)):
        page.selectbox(key="grain").select(grain).run()
        assert address(page)["grain"] == grain
        assert len(page.dataframe[0].value) == buckets


def test_steps_go_to_the_windows_beside_this_one_and_stop_where_the_data_does(open_page: OpenPage) -> None:
    page = open_page("overview", range="last_month")
    page.button(key="Previous window").click().run()
    assert address(page)["range"] == "2025-01"
    page.button(key="Next window").click().run()
    page.button(key="Next window").click().run()
    assert address(page)["range"] == "mtd"
    assert page.button(key="Next window").disabled
    assert "no data" in page.button(key="Next window").help


def test_measure_lands_in_the_address(open_page: OpenPage) -> None:
    page = open_page("sales", measure="orders")
    assert "**Orders by day**" in [text.value for text in page.markdown]
    page.segmented_control(key="measure").select("customers").run()
    assert address(page)["measure"] == "customers"
    assert "**Customers by day**" in [text.value for text in page.markdown]


def test_window_goes_along_to_the_next_page_and_back(open_page: OpenPage) -> None:
    page = open_page("overview", range="2024-11", compare="year", grain="week")
    go(page, "sales")
    assert address(page) == {"range": "2024-11", "compare": "year", "grain": "week"}
    page.selectbox(key="range").select("7d").run()
    go(page, "overview")
    assert address(page) == {"range": "7d", "compare": "year", "grain": "week"}
    assert label(page).startswith("**13–19 Mar 2025**")


def test_the_address_wins_over_what_the_page_before_showed(open_page: OpenPage) -> None:
    page = open_page("overview", range="2024-11", compare="year")
    go(page, "sales", range="7d")
    assert address(page) == USUAL | {"range": "7d"}


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ({"range": "nonsense"}, "range=nonsense can't be read"),
        ({"range": "2025-02-30..2025-03-01"}, "days that exist"),
        ({"range": "2025-03-02..2025-03-01"}, "ends before it starts"),
        ({"compare": "nonsense"}, "compare=nonsense can't be read"),
        ({"grain": "hour"}, "grain=hour can't be read"),
    ],
)
def test_unreadable_address_is_said_and_the_usual_window_shown(
    open_page: OpenPage, query: dict[str, str], advice: str
) -> None:
    page = open_page("overview", **query)
    assert not page.exception
    assert advice in page.warning[0].value.replace("\\", "")
    assert address(page) == USUAL
    assert not page.run().warning


def test_unknown_measure_is_revenue(open_page: OpenPage) -> None:
    page = open_page("sales", measure="nonsense")
    assert not page.exception
    assert "**Revenue by day**" in [text.value for text in page.markdown]


def test_days_far_away_can_be_looked_at(open_page: OpenPage) -> None:
    page = open_page("overview", range="1900-01-01..1900-01-02", compare="none")
    assert not page.exception
    assert page.date_input(key="days").value == (date(1900, 1, 1), date(1900, 1, 1) + timedelta(days=1))

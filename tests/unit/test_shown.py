"""What a page shows, against what it would show now."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.data import Extent, Shown
from dashboard.errors import DaybookError
from dashboard.versions import Versions
from dashboard.window import Span

DAILY, STATES = ("daily_sales_metrics",), ("daily_sales_by_state",)
MARCH, MAY = date(2018, 3, 1), date(2018, 5, 1)
SPRING = Span(MARCH, MAY)  # without May
EXTENT = Extent(date(2017, 1, 1), date(2018, 8, 31))
SHOWN = Shown(7, (EXTENT,), ((DAILY, SPRING, 5), (STATES, None, 7)))

names = st.text(max_size=20)
days = st.dates()
spans = st.builds(
    lambda start, length: Span(start, start + timedelta(days=length)),
    st.dates(max_value=date(9000, 1, 1)),
    st.integers(1, 1_000),
)
anything_shown = st.builds(
    Shown,
    st.integers(0, 2**62),
    st.lists(st.none() | st.builds(Extent, days, days), max_size=2).map(tuple),
    st.lists(st.tuples(st.lists(names).map(tuple), st.none() | spans, st.integers(0, 2**62)), max_size=3).map(
        tuple
    ),
)


def later(*rows: tuple[str, date | None, int]) -> Versions:
    """The versions that are shown, and these after them."""
    before = [("daily_sales_metrics", None, 5), ("daily_sales_by_state", None, 7), ("customer_days", None, 6)]
    return Versions([*before, *rows])


@pytest.mark.parametrize(
    ("changed", "is_outdated"),
    [
        ([], False),
        ([("daily_sales_metrics", MARCH, 8)], True),
        ([("daily_sales_metrics", MAY, 8)], False),
        ([("daily_sales_metrics", None, 8)], True),
        ([("daily_sales_by_state", MAY, 8)], True),
        ([("customer_days", MARCH, 8)], False),
        ([("*", None, 8)], True),
    ],
)
def test_it_is_outdated_by_a_newer_version_of_something_on_its_days(
    changed: list[tuple[str, date | None, int]], is_outdated: bool
) -> None:
    assert SHOWN.is_outdated(later(*changed), EXTENT) is is_outdated


@pytest.mark.parametrize("extent", [None, Extent(date(2017, 1, 1), date(2018, 9, 1))])
def test_other_days_with_data_outdate_a_page_that_shows_them(extent: Extent | None) -> None:
    elsewhere = later(("customer_days", None, 8))
    assert SHOWN.is_outdated(elsewhere, extent)
    assert not Shown(7, (), SHOWN.parts).is_outdated(elsewhere, extent)


def test_versions_that_are_not_newer_outdate_nothing() -> None:
    """Another process may be behind the one that drew the page."""
    assert not SHOWN.is_outdated(Versions([("daily_sales_metrics", None, 4)]), None)


@given(anything_shown)
def test_text_of_it_says_all_of_it(shown: Shown) -> None:
    assert Shown.from_text(shown.to_text()) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        "[" * 100_000,
        '{"newest":1,"extents":[],"parts":"all"}',
        '{"newest":1e400,"extents":[],"parts":[]}',
        '{"newest":1,"extents":[],"parts":[[["a"],{"start":"2018-02-02","end":"2018-02-01"},1]]}',
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(DaybookError):
        Shown.from_text(text)

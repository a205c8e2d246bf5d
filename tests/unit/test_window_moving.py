from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.window import PRESETS, Comparison, Span, Window, moved

FIRST_DAY = date(2016, 9, 4)
THEN, NOW = date(2018, 8, 30), date(2018, 9, 2)


def days(first: str, last: str) -> Span:
    return Span.through(date.fromisoformat(first), date.fromisoformat(last))


def span_of(preset: str, comparison: Comparison, watermark: date) -> Span:
    window = Window.from_query({"range": preset, "compare": comparison}, watermark, FIRST_DAY)
    return window.comparison_span() or window.elapsed


@pytest.mark.parametrize(
    ("asked_then", "asked_now"),
    [
        pytest.param(days("2018-08-03", "2018-08-30"), days("2018-08-06", "2018-09-02"), id="last 28 days"),
        pytest.param(days("2018-07-06", "2018-08-02"), days("2018-07-09", "2018-08-05"), id="the 28 before"),
        pytest.param(days("2017-08-03", "2017-08-30"), days("2017-08-06", "2017-09-02"), id="a year before"),
        pytest.param(days("2018-08-01", "2018-08-30"), days("2018-09-01", "2018-09-02"), id="month to date"),
        pytest.param(
            days("2018-07-01", "2018-08-30"), days("2018-07-01", "2018-09-02"), id="quarter to date"
        ),
        pytest.param(days("2018-01-01", "2018-08-30"), days("2018-01-01", "2018-09-02"), id="year to date"),
        pytest.param(days("2018-07-01", "2018-07-31"), days("2018-08-01", "2018-08-31"), id="last month"),
        pytest.param(days("2018-04-01", "2018-06-30"), days("2018-04-01", "2018-06-30"), id="last quarter"),
        pytest.param(days("2016-09-04", "2018-08-30"), days("2016-09-04", "2018-09-02"), id="all time"),
    ],
)
def test_what_a_preset_gave_is_what_it_gives_now(asked_then: Span, asked_now: Span) -> None:
    assert asked_now in moved(asked_then, THEN, NOW, FIRST_DAY)


@pytest.mark.parametrize(
    "chosen",
    [days("2017-11-01", "2017-11-30"), days("2018-08-10", "2018-08-30"), days("2018-08-25", "2018-08-25")],
)
def test_days_that_no_preset_gave_stay(chosen: Span) -> None:
    assert moved(chosen, THEN, NOW, FIRST_DAY) == {chosen}


def test_days_that_several_presets_gave_become_several() -> None:
    february = days("2018-02-01", "2018-02-28")
    assert moved(february, date(2018, 2, 28), date(2018, 3, 1), FIRST_DAY) == {
        days("2018-02-02", "2018-03-01"),  # the last 28 days
        days("2018-03-01", "2018-03-01"),  # the month to date
        february,  # the last month
    }


def test_presets_that_would_begin_before_all_known_days_are_left_out() -> None:
    all_time = days("1900-01-01", "1900-01-05")
    assert moved(all_time, date(1900, 1, 5), date(1900, 1, 6), date(1900, 1, 1)) == {
        days("1900-01-01", "1900-01-06")
    }


@given(
    st.sampled_from([*PRESETS]),
    st.sampled_from([comparison for comparison in Comparison if comparison is not Comparison.CUSTOM]),
    st.dates(date(2017, 12, 1), date(2021, 12, 31)),
    st.integers(-40, 400),
)
def test_every_preset_and_comparison_moves_as_a_page_moves_it(
    preset: str, comparison: Comparison, then: date, later_days: int
) -> None:
    now = then + timedelta(days=later_days)
    assert span_of(preset, comparison, now) in moved(span_of(preset, comparison, then), then, now, FIRST_DAY)

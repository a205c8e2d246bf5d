from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.errors import WindowError
from dashboard.window import (
    ALL,
    CUSTOM,
    DEFAULT,
    EARLIEST,
    LATEST,
    PRESETS,
    Comparison,
    Grain,
    Span,
    Unit,
    Window,
    bucket_start,
)

FIRST_DAY, WATERMARK = date(2016, 9, 4), date(2018, 8, 29)
A_DAY = timedelta(days=1)

days = st.dates(date(1990, 1, 1), date(2100, 12, 31))
spans = st.builds(lambda start, length: Span(start, start + length), days, st.timedeltas(A_DAY, 900 * A_DAY))
grains = st.none() | st.sampled_from(Grain)
named_comparisons = st.sampled_from([name for name in Comparison if name is not Comparison.CUSTOM])
comparisons = st.tuples(named_comparisons, st.none()) | st.tuples(st.just(Comparison.CUSTOM), spans)


def holds_for(*strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Hypothesis's ``given`` without its limit of time, which a busy machine breaks."""
    return lambda test: settings(deadline=None)(given(*strategies)(test))


def day_range(text: str) -> Span:
    first, _, last = text.partition("..")
    return Span.through(date.fromisoformat(first), date.fromisoformat(last or first))


def asked(text: str, compare: str = "period", watermark: date = WATERMARK, grain: str = "auto") -> Window:
    params = {"range": text, "compare": compare, "grain": grain}
    return Window.from_query(params, watermark, min(FIRST_DAY, watermark))


@st.composite
def day_windows(draw: st.DrawFn) -> Window:
    span, (comparison, compared) = draw(spans), draw(comparisons)
    return Window(span.start, span.end, draw(days), draw(grains), comparison, compared)


@st.composite
def preset_windows(draw: st.DrawFn) -> Window:
    data, (comparison, compared) = draw(spans), draw(comparisons)
    window = Window.from_query({"range": draw(st.sampled_from(list(PRESETS)))}, data.last, data.start)
    return replace(window, chosen_grain=draw(grains), comparison=comparison, compared=compared)


@st.composite
def unit_windows(draw: st.DrawFn) -> Window:
    unit = draw(st.sampled_from(Unit))
    span, (comparison, compared) = unit.span(draw(days)), draw(comparisons)
    return Window(span.start, span.end, draw(days), draw(grains), comparison, compared, unit)


windows = day_windows() | preset_windows() | unit_windows()


@pytest.mark.parametrize(
    ("days_written", "label"),
    [
        ("2017-11-24..2017-11-24", "24 Nov 2017"),
        ("2018-11-01..2018-11-28", "1–28 Nov 2018"),
        ("2018-11-15..2018-12-12", "15 Nov – 12 Dec 2018"),
        ("2017-12-30..2018-01-02", "30 Dec 2017 – 2 Jan 2018"),
        ("2017-11-01..2018-11-30", "1 Nov 2017 – 30 Nov 2018"),
        ("2016-02-29..2016-02-29", "29 Feb 2016"),
    ],
)
def test_label_includes_both_ends(days_written: str, label: str) -> None:
    assert day_range(days_written).label() == label


def test_span_holds_its_first_and_last_day_but_not_its_end() -> None:
    november = day_range("2017-11-01..2017-11-30")
    assert (november.end, november.last, november.days) == (date(2017, 12, 1), date(2017, 11, 30), 30)
    assert [november.contains(day) for day in (november.start, november.last, november.end)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("preset", "watermark", "expected"),
    [
        ("7d", "2018-08-29", "2018-08-23..2018-08-29"),
        ("28d", "2018-03-01", "2018-02-02..2018-03-01"),
        ("90d", "2018-08-29", "2018-06-01..2018-08-29"),
        ("12m", "2018-08-29", "2017-08-30..2018-08-29"),
        ("12m", "2016-02-28", "2015-03-01..2016-02-28"),
        ("12m", "2016-02-29", "2015-03-01..2016-02-29"),
        ("12m", "2017-02-28", "2016-03-01..2017-02-28"),
        ("mtd", "2018-08-01", "2018-08-01..2018-08-01"),
        ("mtd", "2018-08-31", "2018-08-01..2018-08-31"),
        ("qtd", "2018-08-29", "2018-07-01..2018-08-29"),
        ("ytd", "2018-12-31", "2018-01-01..2018-12-31"),
        ("last_month", "2018-08-29", "2018-07-01..2018-07-31"),
        ("last_month", "2018-01-15", "2017-12-01..2017-12-31"),
        ("last_month", "2018-08-31", "2018-08-01..2018-08-31"),
        ("last_quarter", "2018-01-15", "2017-10-01..2017-12-31"),
        ("last_year", "2018-08-29", "2017-01-01..2017-12-31"),
        ("last_year", "2018-12-31", "2018-01-01..2018-12-31"),
        (ALL, "2018-08-29", "2016-09-04..2018-08-29"),
    ],
)
def test_preset_counts_from_the_watermark(preset: str, watermark: str, expected: str) -> None:
    window = asked(preset, watermark=date.fromisoformat(watermark))
    assert window.span == day_range(expected)
    assert window.preset == preset


@pytest.mark.parametrize(
    ("range_", "watermark", "compare", "expected"),
    [
        ("28d", "2018-08-29", "period", "2018-07-05..2018-08-01"),
        ("28d", "2018-02-28", "period", "2018-01-04..2018-01-31"),  # a whole month, but by chance
        ("2017-11-01..2017-11-30", "2018-08-29", "period", "2017-10-02..2017-10-31"),
        ("2017-11", "2018-08-29", "period", "2017-10-01..2017-10-31"),
        ("2018-Q1", "2018-08-29", "period", "2017-10-01..2017-12-31"),
        ("2017", "2018-08-29", "period", "2016-01-01..2016-12-31"),
        ("last_month", "2018-08-29", "period", "2018-06-01..2018-06-30"),
        ("mtd", "2018-08-29", "period", "2018-07-01..2018-07-29"),
        ("mtd", "2018-03-31", "period", "2018-02-01..2018-02-28"),
        ("mtd", "2018-04-30", "period", "2018-03-01..2018-03-30"),
        ("mtd", "2018-01-10", "period", "2017-12-01..2017-12-10"),
        ("qtd", "2018-05-15", "period", "2018-01-01..2018-02-14"),
        ("ytd", "2016-03-31", "period", "2015-01-01..2015-04-01"),
        ("2018-08", "2018-08-29", "period", "2018-07-01..2018-07-29"),  # not over yet
        ("2018-08-20..2018-09-08", "2018-08-29", "period", "2018-07-31..2018-08-09"),  # ten days of twenty
        ("2019-01-01..2019-01-10", "2018-08-29", "period", "2018-12-22..2018-12-31"),  # nothing has elapsed
        ("7d", "2018-08-29", "year", "2017-08-23..2017-08-29"),
        ("2016-02-29..2016-02-29", "2018-08-29", "year", "2015-02-28..2015-02-28"),
        ("2016-02-29..2016-03-05", "2018-08-29", "year", "2015-02-28..2015-03-05"),
        ("2016-02-20..2016-02-29", "2018-08-29", "year", "2015-02-20..2015-02-28"),
        ("2017-02-22..2017-02-28", "2018-08-29", "year", "2016-02-22..2016-02-28"),
        ("2017-02", "2018-08-29", "year", "2016-02-01..2016-02-29"),
        ("2017-02-01..2017-02-28", "2018-08-29", "year", "2016-02-01..2016-02-29"),
        ("2016-02", "2018-08-29", "year", "2015-02-01..2015-02-28"),
        ("mtd", "2017-02-28", "year", "2016-02-01..2016-02-28"),
        ("ytd", "2016-03-31", "year", "2015-01-01..2015-03-31"),
        ("2018-08", "2018-08-29", "year", "2017-08-01..2017-08-29"),
        ("2017-12-30..2018-01-02", "2018-08-29", "year", "2016-12-30..2017-01-02"),
        ("2017-11-24..2017-11-24", "2018-08-29", "weekday", "2016-11-25..2016-11-25"),  # both Black Friday
        ("28d", "2018-08-29", "2017-11-01..2017-11-10", "2017-11-01..2017-11-10"),
    ],
)
def test_comparison_days(range_: str, watermark: str, compare: str, expected: str) -> None:
    window = asked(range_, compare, date.fromisoformat(watermark))
    assert window.comparison_span() == day_range(expected)


def test_window_without_comparison_has_no_compared_window() -> None:
    window = asked("28d", "none")
    assert (window.comparison_span(), window.compared_window(), window.is_uneven) == (None, None, False)


def test_compared_window_keeps_the_grain_and_has_no_comparison_itself() -> None:
    window = asked("2017-Q2", "2017-01-01..2017-01-02", grain="auto")
    compared = window.compared_window()
    assert compared is not None
    assert (compared.grain, compared.comparison) == (window.grain, Comparison.NONE)


@pytest.mark.parametrize(
    ("range_", "compare", "uneven"),
    [("28d", "period", False), ("2018-03", "period", True), ("mtd", "period", False), ("2016", "year", True)],
)
def test_window_says_when_its_comparison_has_other_days(range_: str, compare: str, uneven: bool) -> None:
    assert asked(range_, compare).is_uneven is uneven


@pytest.mark.parametrize(
    ("length", "grain"),
    [(1, Grain.DAY), (92, Grain.DAY), (93, Grain.WEEK), (731, Grain.WEEK), (732, Grain.MONTH)],
)
def test_grain_follows_the_length_unless_chosen(length: int, grain: Grain) -> None:
    window = Window(FIRST_DAY, FIRST_DAY + timedelta(days=length), WATERMARK)
    assert window.grain is grain
    assert replace(window, chosen_grain=Grain.MONTH).grain is Grain.MONTH


def test_week_buckets_start_on_monday_and_edges_are_incomplete() -> None:
    window = asked("2017-11", grain="week")  # from a Wednesday to a Thursday
    assert [(bucket.label(), bucket.complete) for bucket in window.buckets()] == [
        ("1–5 Nov 2017", False),
        ("6–12 Nov 2017", True),
        ("13–19 Nov 2017", True),
        ("20–26 Nov 2017", True),
        ("27–30 Nov 2017", False),
    ]


def test_bucket_that_goes_beyond_the_watermark_is_incomplete() -> None:
    window = asked("2018-07-01..2018-08-31", grain="month")
    assert [bucket.complete for bucket in window.buckets()] == [True, False]
    assert [bucket.complete for bucket in replace(window, watermark=window.last).buckets()] == [True, True]


def test_without_incomplete_ends_with_the_last_complete_bucket() -> None:
    month_to_date = asked("mtd", grain="week")  # the 29th is a Wednesday
    shortened = month_to_date.without_incomplete()
    assert shortened.label() == "1–26 Aug 2018"
    assert shortened.comparison_span() == day_range("2018-07-01..2018-07-26")
    assert shortened.without_incomplete() == shortened


def test_without_incomplete_keeps_the_grain_and_all_of_a_window_that_has_nothing_complete() -> None:
    beyond = asked("2018-06-01..2018-09-30")
    assert beyond.without_incomplete().label() == "1 Jun – 26 Aug 2018"
    assert beyond.without_incomplete().grain is beyond.grain is Grain.WEEK
    part = asked("2018-08-20..2018-08-22", grain="week")
    assert part.without_incomplete() == part


@pytest.mark.parametrize(
    ("range_", "compare", "grain", "opposites"),
    [
        ("2017-11-24..2017-11-26", "weekday", "day", ["25 Nov 2016", "26 Nov 2016", "27 Nov 2016"]),
        ("2018-02-27..2018-03-01", "2018-01-30..2018-01-31", "day", ["30 Jan 2018", "31 Jan 2018", None]),
        ("2017-11-01..2017-11-12", "year", "week", ["1–5 Nov 2016", "6–12 Nov 2016"]),
        ("2018-Q2", "period", "month", ["1–31 Jan 2018", "1–28 Feb 2018", "1–31 Mar 2018"]),
        ("2016-02-28..2016-03-01", "year", "day", ["28 Feb 2015", None, "1 Mar 2015"]),
        ("2017-02-27..2017-03-01", "year", "day", ["27 Feb 2016", "28–29 Feb 2016", "1 Mar 2016"]),
        ("2017-11-01..2017-11-02", "none", "day", [None, None]),
    ],
)
def test_bucket_stands_opposite_its_days_of_the_comparison(
    range_: str, compare: str, grain: str, opposites: list[str | None]
) -> None:
    pairs = asked(range_, compare, grain=grain).aligned_buckets()
    assert [opposite and opposite.label() for _, opposite in pairs] == opposites


@pytest.mark.parametrize(
    ("range_", "before"),
    [
        ("28d", "2018-07-05..2018-08-01"),
        ("2018-08-01..2018-08-10", "2018-07-22..2018-07-31"),
        ("mtd", "last_month"),
        ("last_month", "2018-06"),
        ("2018-Q1", "2017-Q4"),
        ("ytd", "last_year"),
        ("2016", "2015"),
    ],
)
def test_step_back_and_forth_names_the_range(range_: str, before: str) -> None:
    window = asked(range_)
    previous = window.previous()
    assert previous is not None
    assert previous.to_query()["range"] == before
    assert previous.next() == window


@pytest.mark.parametrize("range_", ["28d", "mtd", "ytd", "2018-08", "2018-08-25..2018-08-28", "2019-01"])
def test_there_is_no_step_beyond_the_data(range_: str) -> None:
    assert asked(range_).next() is None


def test_there_is_no_step_before_the_calendar_begins() -> None:
    assert asked("1900-01", "none").previous() is None
    assert asked("1900-02", "period").previous() is None  # it would have nothing to compare with


def test_missing_parameters_mean_the_defaults() -> None:
    window = Window.from_query({"page": "sales", "range": ""}, WATERMARK, FIRST_DAY)
    assert window.to_query() == {"range": DEFAULT, "compare": "period", "grain": "auto"}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"range": "yesterday"}, ["range=yesterday", "28d", "2017-11-01..2017-11-30"]),
        ({"range": "x" * 5_000}, ["range=xxx", "…"]),
        ({"range": "custom"}, ["range=custom"]),
        ({"range": "2017-11-01.."}, ["days that exist"]),
        ({"range": "2017-02-29..2017-03-01"}, ["days that exist"]),
        ({"range": "2017-W44-3..2017-W44-5"}, ["days that exist"]),
        ({"range": "٢٠١٧"}, ["range="]),
        ({"range": "2017-13"}, ["range=2017-13"]),
        ({"range": "2017-11-30..2017-11-01"}, ["2017-11-30", "2017-11-01", "ends before it starts"]),
        ({"range": "9999"}, ["9999-01-01", str(LATEST)]),
        ({"range": "0001-01-01..0001-01-02"}, ["0001-01-01", str(EARLIEST)]),
        ({"range": "1900"}, ["out of reach"]),
        ({"compare": "custom"}, ["compare=custom", "weekday", "2017-11-01..2017-11-30"]),
        ({"compare": "2017-11-01..later"}, ["compare=2017-11-01..later"]),
        ({"grain": "hour"}, ["grain=hour", "auto, day, week, month"]),
    ],
)
def test_unreadable_parameter_is_an_error_that_says_what_to_write(
    params: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(WindowError) as raised:
        Window.from_query(params, WATERMARK, FIRST_DAY)
    assert [word for word in words if word not in str(raised.value)] == []
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    "fields",
    [
        {"end": date(2017, 11, 1)},
        {"start": date.min},
        {"end": date.max},
        {"watermark": date.max},
        {"comparison": Comparison.CUSTOM},
        {"compared": Span(date(2016, 1, 1), date(2016, 2, 1))},
        {"unit": Unit.QUARTER},
        {"unit": Unit.MONTH, "end": date(2017, 12, 2)},
        {"unit": Unit.YEAR, "start": date(9999, 12, 1), "end": date.max},
    ],
)
def test_window_that_makes_no_sense_cannot_be_made(fields: dict[str, date]) -> None:
    november = Window(date(2017, 11, 1), date(2017, 12, 1), WATERMARK)
    with pytest.raises(WindowError):
        replace(november, **fields)


@holds_for(windows, days)
def test_url_says_the_window_exactly(window: Window, first_day: date) -> None:
    again = Window.from_query(window.to_query(), window.watermark, first_day)
    if window.preset == ALL:
        window = replace(window, start=again.start)  # which only the data knows
    assert again == window


@holds_for(windows)
def test_buckets_tile_the_window(window: Window) -> None:
    buckets = window.buckets()
    assert [bucket.start for bucket in buckets] == [window.start, *(bucket.end for bucket in buckets[:-1])]
    assert buckets[-1].end == window.end


@holds_for(windows)
def test_bucket_is_complete_when_it_is_a_whole_one_of_the_calendar_and_over(window: Window) -> None:
    for bucket in window.buckets():
        outer = {bucket_start(bucket.start - A_DAY, window.grain), bucket_start(bucket.end, window.grain)}
        whole = bucket.start == bucket_start(bucket.last, window.grain) and outer.isdisjoint({bucket.start})
        assert bucket.complete == (whole and bucket.last <= window.watermark)


@holds_for(days, st.sampled_from(Grain))
def test_bucket_start_is_the_monday_or_first_at_or_before_the_day(day: date, grain: Grain) -> None:
    start = bucket_start(day, grain)
    assert start <= day
    match grain:
        case Grain.DAY:
            assert start == day
        case Grain.WEEK:
            assert (start.weekday(), (day - start).days < 7) == (0, True)
        case Grain.MONTH:
            assert start == day.replace(day=1)


@holds_for(day_windows())
def test_days_compare_with_as_many_days(window: Window) -> None:
    window = replace(window, comparison=Comparison.PREVIOUS_PERIOD, compared=None)
    compared = window.comparison_span()
    assert compared is not None
    assert compared.days == window.elapsed.days
    assert compared.start == window.start - timedelta(days=window.days)
    if window.last <= window.watermark:
        assert compared.end == window.start


@holds_for(windows)
def test_weekday_comparison_keeps_length_and_weekday(window: Window) -> None:
    compared = replace(window, comparison=Comparison.PREVIOUS_YEAR_WEEKDAY, compared=None).comparison_span()
    assert compared is not None
    assert compared.days == window.elapsed.days
    assert compared.start.weekday() == window.start.weekday()


@holds_for(windows)
def test_date_comparison_keeps_the_dates_and_all_but_the_leap_day(window: Window) -> None:
    compared = replace(window, comparison=Comparison.PREVIOUS_YEAR, compared=None).comparison_span()
    assert compared is not None
    assert abs(compared.days - window.elapsed.days) <= 1
    assert compared.start.month == window.start.month
    assert compared.start.day == window.start.day or (window.start.month, window.start.day) == (2, 29)


@holds_for(unit_windows() | preset_windows().filter(lambda window: window.unit is not None))
def test_unit_compares_with_the_unit_before_or_as_many_days_of_it(window: Window) -> None:
    assert window.unit is not None
    window = replace(window, comparison=Comparison.PREVIOUS_PERIOD, compared=None)
    compared, before = window.comparison_span(), window.unit.span(window.start - A_DAY)
    assert compared == (before.head(window.elapsed.days) if window.is_to_date else before)


@holds_for(windows)
def test_opposite_days_are_in_order_within_the_comparison_and_none_is_there_twice(window: Window) -> None:
    compared, pairs = window.comparison_span(), window.aligned_buckets()
    opposites = [opposite for _, opposite in pairs if opposite]
    assert [bucket for bucket, _ in pairs] == window.buckets()
    if compared is None:
        assert opposites == []
        return
    assert opposites[0].start == compared.start
    assert opposites[-1].end <= compared.end
    assert all(a.end == b.start for a, b in pairwise(opposites))


@holds_for(day_windows())
def test_opposite_days_are_all_of_an_equally_long_comparison(window: Window) -> None:
    window = replace(window, comparison=Comparison.PREVIOUS_YEAR_WEEKDAY, compared=None)
    for bucket, opposite in replace(window, watermark=LATEST).aligned_buckets():
        assert opposite is not None
        assert opposite == bucket.shift(-364)


@holds_for(windows)
def test_steps_are_each_others_opposite(window: Window) -> None:
    if after := window.next():
        back = after.previous()
        assert back is not None
        assert (back.span, back.unit) == (window.span, window.unit)
    before = window.previous()
    assert before is not None
    if window.last <= window.watermark:
        again = before.next()
        assert again is not None
        assert (again.span, again.unit) == (window.span, window.unit)


@holds_for(windows)
def test_step_neither_leaves_a_gap_nor_goes_beyond_the_data(window: Window) -> None:
    before, after = window.previous(), window.next()
    assert before is not None
    assert before.end == window.start
    if after is not None:
        assert after.last <= window.watermark
        assert after.preset == CUSTOM or after.preset in PRESETS


@holds_for(windows)
def test_shortened_window_ends_complete(window: Window) -> None:
    shortened = window.without_incomplete()
    assert shortened.start == window.start
    assert shortened.end <= window.end
    assert shortened.buckets()[-1].complete or shortened == window

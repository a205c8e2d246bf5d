"""Cutting ranges of days into blocks."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboard.cache import blocks, months, runs
from dashboard.window import Span

DAYS = st.dates(date(1999, 1, 1), date(2031, 12, 31))


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(DAYS)
    return Span(start, start + timedelta(days=draw(st.integers(1, 2_000))))


def adjoin(parts: list[Span]) -> bool:
    return all(one.end == other.start for one, other in pairwise(parts))


def test_a_range_within_a_day_is_a_month() -> None:
    assert blocks(Span(date(2024, 2, 29), date(2024, 3, 1))) == [Span(date(2024, 2, 1), date(2024, 3, 1))]


def test_half_a_year_is_the_year_and_less_is_months() -> None:
    assert blocks(Span(date(2017, 1, 31), date(2017, 6, 2))) == [Span(date(2017, 1, 1), date(2018, 1, 1))]
    assert [part.days for part in blocks(Span(date(2017, 1, 31), date(2017, 6, 1)))] == [31, 28, 31, 30, 31]


def test_two_years_from_any_day_are_seven_blocks_at_most() -> None:
    starts = [date(2017, 1, 1) + timedelta(days=days) for days in range(365)]
    assert max(len(blocks(Span(start, start + timedelta(days=731)))) for start in starts) <= 7


@given(spans())
def test_blocks_adjoin_and_reach_over_the_edges_by_half_a_year_at_most(span: Span) -> None:
    for parts, reach_days in ((blocks(span), 31 + 184), (months(span), 31)):
        assert adjoin(parts)
        assert parts[0].start <= span.start < parts[0].end
        assert parts[-1].start < span.end <= parts[-1].end
        assert (span.start - parts[0].start).days < reach_days
        assert (parts[-1].end - span.end).days < reach_days


@given(spans(), spans())
def test_a_month_is_the_same_block_for_every_range(one: Span, other: Span) -> None:
    shared = [month for month in months(one) if month.end > other.start and month.start < other.end]
    assert set(shared) <= set(months(other))


@given(spans(), st.sets(st.integers(0, 60)))
def test_runs_join_what_adjoins_and_only_that(span: Span, holes: set[int]) -> None:
    parts = [part for place, part in enumerate(months(span)) if place not in holes]
    joined = runs(reversed(parts))
    assert [month for run in joined for month in months(run)] == parts
    assert all(one.end < other.start for one, other in pairwise(joined))

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


def test_a_whole_year_is_one_block_and_a_day_less_is_twelve() -> None:
    assert blocks(Span(date(2017, 1, 1), date(2018, 1, 1))) == [Span(date(2017, 1, 1), date(2018, 1, 1))]
    assert len(blocks(Span(date(2017, 1, 2), date(2018, 1, 1)))) == 12


def test_two_years_from_a_day_in_between_are_a_year_between_months() -> None:
    assert [part.days for part in blocks(Span(date(2016, 11, 24), date(2018, 2, 2)))] == [30, 31, 365, 31, 28]


@given(spans())
def test_blocks_adjoin_and_reach_over_the_edges_by_less_than_a_month(span: Span) -> None:
    for parts in (blocks(span), months(span)):
        assert adjoin(parts)
        assert parts[0].start <= span.start < parts[0].end
        assert parts[-1].start < span.end <= parts[-1].end
        assert (span.start - parts[0].start).days < 31
        assert (parts[-1].end - span.end).days < 31


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

"""Cuts a range of days into blocks that answers for other ranges can use again: calendar months and years.

The split and cache of range queries is that of Thanos' query frontend, on the calendar and with exact edges.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from dashboard.window import Span, Unit


def months(span: Span) -> list[Span]:
    """The calendar months that a range touches, in order; whole ones, also at its edges."""
    first, last = _months_since_zero(span.start), _months_since_zero(span.last)
    return [_month(number) for number in range(first, last + 1)]


def blocks(span: Span) -> list[Span]:
    """The fewest blocks that cover a range, in order: whole years within it, and months before and after."""
    first, last = _months_since_zero(span.start), _months_since_zero(span.last)
    first_whole = first if span.start == _month(first).start else first + 1
    after_whole = last + 1 if span.end == _month(last).end else last
    years = range(-(-first_whole // 12), after_whole // 12)
    if not years:
        return months(span)
    before, after = range(first, years.start * 12), range(years.stop * 12, last + 1)
    return [*map(_month, before), *map(_year, years), *map(_month, after)]


def runs(parts: Iterable[Span]) -> list[Span]:
    """Blocks that adjoin, joined into one range each: what one statement reads."""
    joined: list[Span] = []
    for part in sorted(parts, key=lambda part: part.start):
        if joined and joined[-1].end == part.start:
            joined[-1] = Span(joined[-1].start, part.end)
        else:
            joined.append(part)
    return joined


def _months_since_zero(day: date) -> int:
    return day.year * 12 + day.month - 1


@lru_cache(4_096)
def _month(number: int) -> Span:
    return Unit.MONTH.span(date(number // 12, number % 12 + 1, 1))


@lru_cache(4_096)
def _year(year: int) -> Span:
    return Unit.YEAR.span(date(year, 1, 1))

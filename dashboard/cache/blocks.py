"""Cuts a range of days into blocks that answers for other ranges can use again: calendar months and years.

The split and cache of range queries is that of Thanos' query frontend, on the calendar and with exact edges.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from dashboard.window import Span, Unit

YEAR_FROM_MONTHS = 6


def months(span: Span) -> list[Span]:
    """The calendar months that a range touches, in order; whole ones, also at its edges."""
    first, last = _months_since_zero(span.start), _months_since_zero(span.last)
    return [_month(number) for number in range(first, last + 1)]


def blocks(span: Span) -> list[Span]:
    """Few blocks that cover a range, in order: a year of which it touches half or more, and months of others.

    Decoding two dozen blocks takes longer than what they hold of days that nobody asked for.
    """
    first, last = _months_since_zero(span.start), _months_since_zero(span.last)
    found: list[Span] = []
    for year in range(first // 12, last // 12 + 1):
        touched = range(max(first, year * 12), min(last, year * 12 + 11) + 1)
        found += [_year(year)] if len(touched) >= YEAR_FROM_MONTHS else map(_month, touched)
    return found


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

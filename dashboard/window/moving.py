"""Which range is asked for today by those who asked for another one when the data ended on another day."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from functools import lru_cache

from dashboard.errors import WindowError
from dashboard.window.preset import PRESETS
from dashboard.window.span import Span
from dashboard.window.window import Comparison, Window

_NAMED_COMPARISONS = [comparison for comparison in Comparison if comparison is not Comparison.CUSTOM]


def moved(span: Span, then: date, now: date, first_day: date) -> set[Span]:
    """What a range that was asked for at a watermark has become at another one.

    If it is what a preset gave then, or a comparison of one, it is what that gives now; several may have given the
    same days. Any other range stays as it is, since it was chosen as these very days.
    """
    before, after = _named(then, first_day), _named(now, first_day)
    return {after[name] for name, days in before.items() if days == span and name in after} or {span}


@lru_cache(64)
def _named(watermark: date, first_day: date) -> dict[tuple[str, Comparison], Span]:
    return dict(_names(watermark, first_day))


def _names(watermark: date, first_day: date) -> Iterator[tuple[tuple[str, Comparison], Span]]:
    for preset in PRESETS:
        for comparison in _NAMED_COMPARISONS:
            with suppress(WindowError):  # beyond the days that we know
                window = Window.from_query({"range": preset, "compare": comparison}, watermark, first_day)
                yield (preset, comparison), window.comparison_span() or window.elapsed

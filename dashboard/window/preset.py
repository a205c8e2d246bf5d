"""The ranges that have a name, counted from the data's watermark and never from the wall clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from dashboard.window.span import ONE_DAY, Span, Unit, months_later

DEFAULT = "28d"  # whole weeks: the days before it have the same weekdays
ALL = "all"
CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Preset:
    """A named range: ``span(watermark, first_day)`` are its days, ``unit`` what it counts in if not days."""

    label: str
    span: Callable[[date, date], Span]
    unit: Unit | None = None
    to_date: bool = False


def _last_days(label: str, days: int) -> Preset:
    return Preset(label, lambda watermark, _: Span.through(watermark - timedelta(days=days - 1), watermark))


def _to_date(label: str, unit: Unit) -> Preset:
    return Preset(label, lambda watermark, _: Span.through(unit.span(watermark).start, watermark), unit, True)


def _last_complete(label: str, unit: Unit) -> Preset:
    # The unit before the day after the watermark: on its last day, the watermark's own month is over.
    return Preset(label, lambda watermark, _: unit.span(unit.span(watermark + ONE_DAY).start - ONE_DAY), unit)


def _last_twelve_months(watermark: date, _: date) -> Span:
    end = watermark + ONE_DAY
    return Span(months_later(end, -12), end)


PRESETS: dict[str, Preset] = {
    "7d": _last_days("Last 7 days", 7),
    "28d": _last_days("Last 28 days", 28),
    "90d": _last_days("Last 90 days", 90),
    "12m": Preset("Last 12 months", _last_twelve_months),
    "mtd": _to_date("Month to date", Unit.MONTH),
    "qtd": _to_date("Quarter to date", Unit.QUARTER),
    "ytd": _to_date("Year to date", Unit.YEAR),
    "last_month": _last_complete("Last month", Unit.MONTH),
    "last_quarter": _last_complete("Last quarter", Unit.QUARTER),
    "last_year": _last_complete("Last year", Unit.YEAR),
    ALL: Preset("All time", lambda watermark, first_day: Span.through(min(first_day, watermark), watermark)),
}


def preset_of(span: Span, unit: Unit | None, watermark: date) -> str:
    """The name of the preset that these days are, seen from the watermark; ``custom`` if of none."""
    named = (
        name
        for name, preset in PRESETS.items()
        if name != ALL and preset.unit == unit and preset.span(watermark, watermark) == span
    )
    return next(named, CUSTOM)

"""How ranges are written in a URL: ``2017-11-01..2017-11-30``, ``2017-11``, ``2017-Q4``, ``2017``."""

import re
from datetime import date

from dashboard.errors import WindowError
from dashboard.window.preset import PRESETS
from dashboard.window.span import Span, Unit, known_day

DAYS_EXAMPLE = "2017-11-01..2017-11-30"

_CALENDAR = re.compile(r"(?P<year>\d{4})(-(?P<month>\d{2})|-Q(?P<quarter>[1-4]))?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)  # date.fromisoformat alone takes 2017-W44-3 as well
_SHOWN_CHARACTERS = 40


def parse_range(text: str) -> tuple[Span, Unit | None]:
    """The days of a range that is not a preset, and the unit they count in. Raises WindowError."""
    if ".." in text:
        return parse_days("range", text), None
    if not (match := _CALENDAR.fullmatch(text)):
        accepted = f"{', '.join(PRESETS)}, a first and last day ({DAYS_EXAMPLE}), 2017-11, 2017-Q4 or 2017"
        raise unreadable("range", text, accepted)
    year, month, quarter = match["year"], match["month"], match["quarter"]
    if quarter:
        unit, day = Unit.QUARTER, f"{year}-{int(quarter) * 3 - 2:02}-01"
    else:
        unit, day = (Unit.MONTH, f"{year}-{month}-01") if month else (Unit.YEAR, f"{year}-01-01")
    return unit.span(_parse_day("range", text, day)), unit


def parse_days(key: str, text: str) -> Span:
    """The days of ``2017-11-01..2017-11-30``, which names the first and the last. Raises WindowError."""
    first, _, last = text.partition("..")
    return Span.through(_parse_day(key, text, first), _parse_day(key, text, last))


def write_range(span: Span, unit: Unit | None) -> str:
    """The opposite of ``parse_range``; a part of a unit is written as its days."""
    start = span.start
    if unit is None or unit.span(start).end != span.end:
        return write_days(span)
    match unit:
        case Unit.MONTH:
            return f"{start:%Y-%m}"
        case Unit.QUARTER:
            return f"{start.year}-Q{(start.month + 2) // 3}"
        case Unit.YEAR:
            return f"{start.year}"


def write_days(span: Span) -> str:
    """The opposite of ``parse_days``."""
    return f"{span.start}..{span.last}"


def unreadable(key: str, text: str, accepted: str) -> WindowError:
    """The error for a value of the URL that means nothing."""
    shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return WindowError(f"{key}={shown} can't be read: write {accepted}.")


def _parse_day(key: str, text: str, day: str) -> date:
    try:
        if _DAY.fullmatch(day):
            return known_day(date.fromisoformat(day))
    except ValueError:
        pass  # no such day, like 2017-02-30
    raise unreadable(key, text, f"days that exist, as in {DAYS_EXAMPLE}")

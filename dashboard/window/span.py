"""Half-open ranges of business days, and the calendar's grains and units that cut them."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum, StrEnum, auto

from dashboard.errors import WindowError

ONE_DAY = timedelta(days=1)
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)  # so that no shift leaves what `date` can hold

_DAY_GRAIN_MAX_DAYS = 92
_WEEK_GRAIN_MAX_DAYS = 731
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Span:
    """The business days from ``start`` up to, and without, ``end``. Raises WindowError if there are none."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise WindowError(f"A range from {self.start} to {self.end - ONE_DAY} ends before it starts.")

    @classmethod
    def through(cls, first: date, last: date) -> "Span":
        """The days from ``first`` to ``last``, both included."""
        return Span(known_day(first), known_day(last) + ONE_DAY)

    @property
    def last(self) -> date:
        """The last day that belongs to the range."""
        return self.end - ONE_DAY

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def contains(self, day: date) -> bool:
        return self.start <= day < self.end

    def shift(self, days: int) -> "Span":
        """The range as many days later, or earlier if negative."""
        return Span(self.start + timedelta(days=days), self.end + timedelta(days=days))

    def within(self, other: "Span") -> "Span":
        """Its days that are also the other's. Raises WindowError if there are none."""
        return Span(max(self.start, other.start), min(self.end, other.end))

    def head(self, days: int) -> "Span":
        """Its first days: ``days`` of them, or all that it has."""
        return Span(self.start, min(self.start + timedelta(days=days), self.end))

    def label(self) -> str:
        """As people write it, both ends included: ``1–28 Nov 2018``, ``30 Dec 2017 – 2 Jan 2018``."""
        first, last = self.start, self.last
        written = f"{last.day} {_MONTH_NAMES[last.month - 1]} {last.year}"
        if first == last:
            return written
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{written}"
        year = "" if first.year == last.year else f" {first.year}"
        return f"{first.day} {_MONTH_NAMES[first.month - 1]}{year} – {written}"


class Unit(IntEnum):
    """A calendar unit that a window can count in; the value is its length in months."""

    MONTH = 1
    QUARTER = 3
    YEAR = 12

    def span(self, day: date) -> Span:
        """The month, quarter or year that a day lies in."""
        start = date(day.year, (day.month - 1) // self * self + 1, 1)
        return Span(start, months_later(start, self))


class Grain(StrEnum):
    """How finely time is cut into buckets. Weeks start on Monday, months on the 1st."""

    DAY = auto()
    WEEK = auto()
    MONTH = auto()

    @classmethod
    def by_length(cls, days: int) -> "Grain":
        """The grain that draws this many days as a readable number of buckets."""
        if days <= _DAY_GRAIN_MAX_DAYS:
            return cls.DAY
        return cls.WEEK if days <= _WEEK_GRAIN_MAX_DAYS else cls.MONTH

    def span(self, day: date) -> Span:
        """The whole calendar bucket that a day lies in."""
        match self:
            case Grain.DAY:
                return Span(day, day + ONE_DAY)
            case Grain.WEEK:
                monday = day - timedelta(days=day.weekday())
                return Span(monday, monday + timedelta(weeks=1))
            case Grain.MONTH:
                return Unit.MONTH.span(day)


@dataclass(frozen=True, slots=True)
class Bucket(Span):
    """A bucket's days within a window. Incomplete: the window cuts it off, or its days are not over."""

    complete: bool


def bucket_start(day: date, grain: Grain) -> date:
    """The first day of the whole calendar bucket that a day lies in: what SQL's ``date_trunc`` says."""
    return grain.span(day).start


def known_day(day: date) -> date:
    """The day itself, if it is one that windows can hold. Raises WindowError."""
    if not EARLIEST <= day <= LATEST:
        raise WindowError(f"{day} is out of reach: write a day from {EARLIEST} to {LATEST}.")
    return day


def months_later(edge: date, months: int) -> date:
    """The same edge in another month. An edge is where a day begins, so that 29 Feb becomes 1 Mar."""
    first, following = _month_start(edge, months), _month_start(edge, months + 1)
    return min(first + timedelta(days=edge.day - 1), following)


def _month_start(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)

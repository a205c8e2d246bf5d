"""When customers order: growth, seasons of year and week, Black Friday, hours of the day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from dashboard.loading.demo.draw import Dice, Integers, allotted

DAY_SECONDS = 86_400
WHOLE_MONTHS = 24  # before the month of the last day

# Orders by weekday, from Monday, and by hour in Olist's public data set.
WEEKDAYS = (16_196, 15_963, 15_552, 14_761, 14_122, 10_887, 11_960)
HOURS = (
    *(2_394, 1_170, 510, 272, 206, 188, 502, 1_231, 2_967, 4_785, 6_177, 6_578),
    *(5_995, 6_518, 6_569, 6_454, 6_675, 6_150, 5_769, 5_982, 6_193, 6_217, 5_816, 4_123),
)

# From January: Mother's Day in May, Father's Day in August, Children's Day in October, Christmas.
MONTHS = (0.96, 0.93, 1.0, 0.98, 1.08, 0.99, 0.98, 1.03, 0.97, 1.02, 1.12, 1.1)
QUIET_DAYS = {(12, 24): 0.6, (12, 25): 0.5, (12, 31): 0.55, (1, 1): 0.6}

# Factors of Black Friday and the three days after it; Olist had 4.7 times its usual orders on 2017-11-24.
BLACK_FRIDAY = (4.7, 2.6, 1.9, 1.5)

FIRST_LEVEL = 0.2  # of the orders a day at the end
NOISE = 0.12


@dataclass(frozen=True, slots=True)
class Purchases:
    """Orders as they are placed."""

    numbers: Integers
    seconds: Integers  # since 1970

    @property
    def months(self) -> Integers:
        """The month of the year, January being 0."""
        return self.seconds.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12


@dataclass(frozen=True, slots=True)
class Season:
    """The days of the shop and how many orders each has; orders are numbered from 0 in order of time."""

    first_day: date
    counts: Integers

    @property
    def last_day(self) -> date:
        """The day after which nothing is known yet."""
        return self.first_day + timedelta(days=len(self.counts) - 1)

    @property
    def end_seconds(self) -> int:
        """The midnight after the last day, in seconds since 1970; nothing has happened from there on."""
        return _seconds(self.first_day) + len(self.counts) * DAY_SECONDS

    def spans(self, size: int) -> Iterator[tuple[int, int]]:
        """Spans ``[first, end)`` of whole days, each with at least ``size`` orders except the last."""
        first = orders = 0
        for day, count in enumerate(self.counts, 1):
            orders += int(count)
            if orders >= size or (orders and day == len(self.counts)):
                yield first, day
                first, orders = day, 0

    def purchases(self, dice: Dice, first: int, end: int) -> Purchases:
        """The orders of the days from ``first`` to before ``end``, counted from the first day."""
        start = int(self.counts[:first].sum())
        days = np.repeat(np.arange(first, end), self.counts[first:end])
        numbers = np.arange(start, start + len(days))
        hours = dice.choices("hour", numbers, HOURS)
        seconds = hours * 3_600 + dice.integers("second of the hour", numbers, 0, 3_599)
        return Purchases(numbers, np.sort(_seconds(self.first_day) + days * DAY_SECONDS + seconds))


def season(orders: int, last_day: date, dice: Dice) -> Season:
    """Some 25 months with exactly ``orders`` orders, of which the last day has at least one."""
    first_day = date(last_day.year - WHOLE_MONTHS // 12, last_day.month, 1)
    length = (last_day - first_day).days + 1
    noise = dice.shares("day", np.arange(length)).tolist()
    weights = [
        _weight(first_day + timedelta(days=day), (day + 1) / length) * (1 - NOISE + 2 * NOISE * noise[day])
        for day in range(length)
    ]
    counts = np.array(allotted(orders, weights))
    if counts[-1] == 0:
        counts[counts.argmax()] -= 1
        counts[-1] = 1
    return Season(first_day, counts)


def black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 3 * 7 + 1)


def _weight(day: date, progress: float) -> float:
    """How busy a day is; ``progress`` runs to 1 over the life of the shop, whose growth slows down."""
    level = FIRST_LEVEL + (1 - FIRST_LEVEL) * progress * (2 - progress)
    since_black_friday = (day - black_friday(day.year)).days
    sale = BLACK_FRIDAY[since_black_friday] if 0 <= since_black_friday < len(BLACK_FRIDAY) else 1.0
    quiet = QUIET_DAYS.get((day.month, day.day), 1.0)
    return level * MONTHS[day.month - 1] * WEEKDAYS[day.weekday()] * sale * quiet


def _seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_SECONDS

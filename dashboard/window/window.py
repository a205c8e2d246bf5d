"""The window of time that a page looks at, and the days that it is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from dashboard.errors import WindowError
from dashboard.window import notation
from dashboard.window.preset import CUSTOM, DEFAULT, PRESETS, preset_of
from dashboard.window.span import ONE_DAY, Bucket, Grain, Span, Unit, known_day, months_later

AUTO_GRAIN = "auto"
_YEAR_OF_WEEKS_DAYS = 364


class Comparison(StrEnum):
    """What a window is compared with; the value is how a URL says it."""

    NONE = "none"
    PREVIOUS_PERIOD = "period"
    PREVIOUS_YEAR = "year"
    PREVIOUS_YEAR_WEEKDAY = "weekday"
    CUSTOM = "custom"

    @property
    def label(self) -> str:
        return _COMPARISON_LABELS[self]


_COMPARISON_LABELS = {
    Comparison.NONE: "No comparison",
    Comparison.PREVIOUS_PERIOD: "Previous period",
    Comparison.PREVIOUS_YEAR: "Previous year, same dates",
    Comparison.PREVIOUS_YEAR_WEEKDAY: "Previous year, same weekdays",
    Comparison.CUSTOM: "Other days",
}


@dataclass(frozen=True, slots=True)
class Window(Span):
    """Business days ``[start, end)``, how they are cut, and what they are compared with.

    ``watermark`` is the last complete business day of the data. A window with a ``unit`` starts where that
    month, quarter or year does, and steps and compares by it; one without counts in days. ``compared`` holds
    the days of a custom comparison. Raises WindowError for what makes no sense, so that no method has to.
    """

    watermark: date
    chosen_grain: Grain | None = None
    comparison: Comparison = Comparison.NONE
    compared: Span | None = None
    unit: Unit | None = None
    preset: str = CUSTOM

    def __post_init__(self) -> None:
        Span.__post_init__(self)  # super() does not know the class that slots=True makes
        for day in (self.watermark, self.start, self.last):
            known_day(day)
        if (self.comparison is Comparison.CUSTOM) != (self.compared is not None):
            raise WindowError(f"A custom comparison needs its days, as in compare={notation.DAYS_EXAMPLE}.")
        if self.unit and not _begins_unit(self, self.unit):
            raise WindowError(
                f"{self.label()} does not begin, and stay within, one {self.unit.name.lower()}."
            )
        if compared := self.comparison_span():
            Span.through(compared.start, compared.last)

    @classmethod
    def from_query(cls, params: Mapping[str, str], watermark: date, first_day: date) -> "Window":
        """The window that a URL's ``range``, ``compare`` and ``grain`` ask for; what is missing is default.

        ``first_day`` is the first day of the data, where ``range=all`` begins. Raises WindowError.
        """
        for day in (watermark, first_day):
            known_day(day)
        text = params.get("range") or DEFAULT
        preset = PRESETS.get(text)
        if preset:
            span, unit, name = preset.span(watermark, first_day), preset.unit, text
        else:
            (span, unit), name = notation.parse_range(text), CUSTOM
        comparison, compared = _parse_comparison(params.get("compare") or Comparison.PREVIOUS_PERIOD)
        grain = _parse_grain(params.get("grain") or AUTO_GRAIN)
        return cls(span.start, span.end, watermark, grain, comparison, compared, unit, name)

    def to_query(self) -> dict[str, str]:
        """What ``from_query`` reads back as this window, where the data has the same first and last day."""
        custom = self.compared and notation.write_days(self.compared)
        return {
            "range": notation.write_range(self.span, self.unit) if self.preset == CUSTOM else self.preset,
            "compare": custom or str(self.comparison),
            "grain": str(self.chosen_grain or AUTO_GRAIN),
        }

    @property
    def span(self) -> Span:
        """The bare days."""
        return Span(self.start, self.end)

    @property
    def grain(self) -> Grain:
        """As chosen, or by the length of the window."""
        return self.chosen_grain or Grain.by_length(self.days)

    @property
    def elapsed(self) -> Span:
        """The days that are over by the watermark, which is what a comparison can be fair to.

        All of the days if the window begins after the watermark.
        """
        return self.span if self.start > self.watermark else Span(self.start, min(self.end, self._data_end))

    @property
    def is_to_date(self) -> bool:
        """Whether the window's days, or those of its unit, are still going on."""
        if self.preset != CUSTOM and PRESETS[self.preset].to_date:
            return True
        unfinished = self.unit is not None and self.end < self.unit.span(self.start).end
        return unfinished or self.end > self._data_end

    @property
    def is_uneven(self) -> bool:
        """Whether the comparison has more or fewer days, so that totals do not compare like with like."""
        compared = self.comparison_span()
        return compared is not None and compared.days != self.elapsed.days

    def comparison_span(self) -> Span | None:
        """The days that this window is compared with. Of a window that goes on, only elapsed days count."""
        match self.comparison:
            case Comparison.NONE:
                return None
            case Comparison.PREVIOUS_PERIOD:
                return self._period_before()
            case Comparison.PREVIOUS_YEAR:
                return self._year_before()
            case Comparison.PREVIOUS_YEAR_WEEKDAY:
                return self.elapsed.shift(-_YEAR_OF_WEEKS_DAYS)
            case Comparison.CUSTOM:
                return self.compared

    def compared_window(self) -> "Window | None":
        """The comparison's days as a window of the same grain, itself without comparison."""
        span = self.comparison_span()
        return Window(span.start, span.end, self.watermark, self.grain) if span else None

    def buckets(self) -> list[Bucket]:
        """The buckets that tile the window, cut off at its edges; ``bucket_start`` says where one began."""
        buckets, start = [], self.start
        while start < self.end:
            whole = self.grain.span(start)
            end = min(whole.end, self.end)
            complete = (start, end) == (whole.start, whole.end) and end <= self._data_end
            buckets.append(Bucket(start, end, complete))
            start = end
        return buckets

    def aligned_buckets(self) -> list[tuple[Bucket, Span | None]]:
        """Each bucket with the days of the comparison that stand opposite it, or None beyond its end.

        By date against the previous year, by month where both begin on the same day of a month, otherwise by
        the number of days from the start: the opposite of a week is seven days, whichever they start on.
        """
        buckets, compared = self.buckets(), self.comparison_span()
        if compared is None:
            return [(bucket, None) for bucket in buckets]
        months = self._months_to(compared)
        edges = [compared.start]
        for bucket in buckets:
            by_days = compared.start + (bucket.end - self.start)
            edge = by_days if months is None else months_later(bucket.end, months)
            edges.append(max(edges[-1], min(edge, compared.end)))
        opposite = [Span(a, b) if a < b else None for a, b in pairwise(edges)]
        return list(zip(buckets, opposite, strict=True))

    def without_incomplete(self) -> "Window":
        """The window up to its last complete bucket, in the same grain; itself if no bucket is complete."""
        buckets = self.buckets()
        end = max((bucket.end for bucket in buckets if bucket.complete), default=self.end)
        if end == self.end:
            return self
        return replace(self, end=end, chosen_grain=self.grain, preset=CUSTOM)

    def previous(self) -> "Window | None":
        """The window before this one, of the same kind. None where time, as we know it, begins."""
        return self._moved(self._span_before())

    def next(self) -> "Window | None":
        """The window after this one, of the same kind. None where the data does not reach.

        A month, quarter or year needs one day of data, and is then taken to date; days need them all.
        """
        if self.unit is None:
            after = self.shift(self.days)
            return self._moved(after) if after.end <= self._data_end else None
        after = self.unit.span(self.unit.span(self.start).end)
        if after.start > self.watermark:
            return None
        return self._moved(Span(after.start, min(after.end, self._data_end)))

    @property
    def _data_end(self) -> date:
        return self.watermark + ONE_DAY

    def _span_before(self) -> Span:
        return self.unit.span(self.start - ONE_DAY) if self.unit else self.shift(-self.days)

    def _moved(self, span: Span) -> "Window | None":
        try:
            preset = preset_of(span, self.unit, self.watermark)
            return replace(self, start=span.start, end=span.end, preset=preset)
        except WindowError:
            return None

    def _period_before(self) -> Span:
        before = self._span_before()
        return before.head(self.elapsed.days) if self.is_to_date else before

    def _year_before(self) -> Span:
        span = self.elapsed
        if span.start.day == span.end.day == 1 and not self.is_to_date:  # whole months: February stays whole
            return Span(months_later(span.start, -12), months_later(span.end, -12))
        return Span(_year_earlier(span.start), _year_earlier(span.last) + ONE_DAY)

    def _months_to(self, compared: Span) -> int | None:
        if self.comparison is Comparison.PREVIOUS_YEAR:
            return -12
        if self.grain is Grain.MONTH and self.start.day == compared.start.day:
            return (compared.start.year - self.start.year) * 12 + compared.start.month - self.start.month
        return None


def _begins_unit(span: Span, unit: Unit) -> bool:
    whole = unit.span(span.start)
    return span.start == whole.start and span.end <= whole.end


def _year_earlier(day: date) -> date:
    is_leap_day = (day.month, day.day) == (2, 29)
    return (day - timedelta(days=is_leap_day)).replace(year=day.year - 1)


def _parse_comparison(text: str) -> tuple[Comparison, Span | None]:
    if ".." in text:
        return Comparison.CUSTOM, notation.parse_days("compare", text)
    named = [str(name) for name in Comparison if name is not Comparison.CUSTOM]
    if text not in named:
        accepted = f"{', '.join(named)}, or the days to compare with as in {notation.DAYS_EXAMPLE}"
        raise notation.unreadable("compare", text, accepted)
    return Comparison(text), None


def _parse_grain(text: str) -> Grain | None:
    grains = [str(name) for name in Grain]
    if text not in (AUTO_GRAIN, *grains):
        raise notation.unreadable("grain", text, f"{AUTO_GRAIN}, {', '.join(grains)}")
    return None if text == AUTO_GRAIN else Grain(text)

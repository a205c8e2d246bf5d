"""How amounts, counts, shares and durations are written in the reader's locale."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import ceil, floor, log10

from babel import Locale
from babel.numbers import (
    NumberPattern,
    format_compact_currency,
    format_compact_decimal,
    format_currency,
    format_decimal,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    parse_pattern,
)

Number = int | float | Decimal

MISSING = "–"
WHOLE_UNITS_FROM = 10_000
"""Amounts from here up are written without cents where space is short."""

_UNITS = (("s", 1), ("min", 60), ("h", 3_600), ("days", 86_400))
_SIZES = (("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12))
_AXIS_STEPS = 5
_LEAST_SHOWN = 2  # of a unit that is not the smallest: 90 minutes are 90 min, not 2 h


class Format(StrEnum):
    """What kind of number a measure gives."""

    MONEY = "money"
    COUNT = "count"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    SHARE = "share"
    SCORE = "score"
    DAYS = "days"
    BYTES = "bytes"


_DECIMALS = {Format.SCORE: 2, Format.DAYS: 1}


def axis(highest: float, kind: Format) -> list[float]:
    """Round values from zero to what is as high, or a bit higher, for the lines of an axis."""
    rough = max(highest, 1.0 if kind in (Format.MONEY, Format.COUNT) else 0.01) / _AXIS_STEPS
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    if kind is Format.COUNT:
        step = max(step, 1)
    return [step * n for n in range(ceil(highest / step) + 1)]


# A rerun of a page writes the same numbers again. There are a few notations, which outlive nobody.
_remembered = lru_cache(20_000, typed=True)


@dataclass(frozen=True, slots=True)
class Notation:
    """Writes numbers in a locale (``en_US``) and amounts in a currency (``BRL``)."""

    locale: str
    currency: str

    @_remembered
    def exact(self, value: Number | None, kind: Format) -> str:
        """The number in full: ``R$659,682.58``, ``4,071``; a share in per cent: ``12.3%``."""
        if value is None:
            return MISSING
        if kind is Format.MONEY:
            return format_currency(value, self.currency, locale=self.locale)
        if kind is Format.SECONDS:
            return self.duration(float(value))
        if kind is Format.BYTES:
            return self.size(float(value))
        if kind is Format.SHARE:
            return self.portion(float(value))
        if kind is Format.MILLISECONDS:
            return self.duration(float(value) / 1_000)
        if kind in _DECIMALS:
            return self._plain(value, _DECIMALS[kind]) + (" days" if kind is Format.DAYS else "")
        return format_decimal(value, locale=self.locale)

    def figure(self, value: Number | None, kind: Format) -> str:
        """The number for a headline: without cents where they no longer tell anything."""
        if value is None or kind is not Format.MONEY or -WHOLE_UNITS_FROM < value < WHOLE_UNITS_FROM:
            return self.exact(value, kind)
        return self._whole(value, kind)

    @_remembered
    def short(self, value: Number | None, kind: Format) -> str:
        """The number for a label in a chart: ``R$660K``."""
        if value is None or kind not in (Format.MONEY, Format.COUNT):
            return self.exact(value, kind)
        if kind is Format.MONEY:
            written = format_compact_currency(value, self.currency, locale=self.locale, fraction_digits=1)
        else:
            written = format_compact_decimal(value, locale=self.locale, fraction_digits=1)
        # Some locales have no short thousands, and 999,950 gets 1000K.
        return self._whole(value, kind) if re.search(r"\d{4}", written) else written

    @_remembered
    def share(self, ratio: float) -> str:
        """A signed change: ``+12.3%``."""
        return f"{'-' if round(ratio, 3) < 0 else '+'}{self.portion(abs(ratio))}"

    def portion(self, ratio: float) -> str:
        """A part of a whole: ``12.3%``."""
        return self._written(ratio, Locale.parse(self.locale).percent_formats[None], decimals=1)

    def duration(self, seconds: float) -> str:
        """As precise as one reads it: ``42 ms``, ``0.42 s``, ``12 s``, ``3 min``, ``5 h``, ``3 days``."""
        if seconds < 0.0995:  # noqa: PLR2004 - from here up two digits say enough
            return f"{format_decimal(round(seconds * 1_000), locale=self.locale)} ms"
        if seconds < 10:  # noqa: PLR2004 - from here up there is no need for any
            return f"{format_decimal(float(f'{seconds:.2g}'), locale=self.locale)} s"
        return self._in_whole_units(seconds)

    def size(self, size_bytes: float | None) -> str:
        """Three digits of a number of bytes, in powers of a thousand: ``812 B``, ``1.25 MB``; may be negative."""
        if size_bytes is None:
            return MISSING
        fitting = [one for one in _SIZES if abs(size_bytes) >= 0.9995 * one[1]]
        unit, length = fitting[-1] if fitting else _SIZES[0]
        return f"{format_decimal(float(f'{size_bytes / length:.3g}'), locale=self.locale)} {unit}"

    def ago(self, seconds: float) -> str:
        """How long ago: ``just now``, ``12 s ago``, ``3 min ago``."""
        return f"{self._in_whole_units(seconds)} ago" if seconds >= 1 else "just now"

    def _in_whole_units(self, seconds: float) -> str:
        fitting = [unit for unit in _UNITS if seconds >= _LEAST_SHOWN * unit[1]]
        name, length = fitting[-1] if fitting else _UNITS[0]
        return f"{format_decimal(int(seconds // length), locale=self.locale)} {name}"

    def _plain(self, value: Number, decimals: int) -> str:
        return self._written(value, Locale.parse(self.locale).decimal_formats[None], decimals)

    def _whole(self, value: Number, kind: Format) -> str:
        locale = Locale.parse(self.locale)
        is_money = kind is Format.MONEY
        style = locale.currency_formats["standard"] if is_money else locale.decimal_formats[None]
        return self._written(value, style, decimals=0)

    def _written(self, value: Number, style: NumberPattern, decimals: int) -> str:
        """The number in a style of the locale, but for the decimals."""
        pattern = parse_pattern(style.pattern)
        pattern.frac_prec = (decimals, decimals)
        return str(pattern.apply(value, self.locale, currency=self.currency, currency_digits=False))

    @property
    def symbol(self) -> str:
        """The currency's symbol: ``R$``."""
        return get_currency_symbol(self.currency, locale=self.locale)

    @property
    def separators(self) -> str:
        """Decimal and thousands separator, as Plotly's ``layout.separators`` wants them."""
        return get_decimal_symbol(self.locale) + get_group_symbol(self.locale)

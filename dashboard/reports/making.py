"""Making a report: all figures of one state of the data, then the document."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from dashboard import explore
from dashboard.data import STALE, Data, Extent, Frame, Reading
from dashboard.errors import DatabaseUnavailable, DataMoved, ReportError
from dashboard.measures import CATEGORY, ITEM_SALES, PAYMENT_TYPE, REVENUE, STATE, Dimension, Measure
from dashboard.notation import Notation
from dashboard.reports.title import readable
from dashboard.window import Window

BREAKDOWNS = ((CATEGORY, ITEM_SALES), (STATE, REVENUE), (PAYMENT_TYPE, REVENUE))
"""The dimensions that a report lists the members of, each with the measure that it ranks them by."""

_TIMES = 5  # that the data may change while it is read


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands in a report: ``totals`` and ``totals_before`` are those of ``explore.totals``, the latter None
    without a comparison; ``series`` is its series, and ``rankings`` are its rankings by dimension and measure.
    ``data_version`` is the newest of what they were read from.
    """

    window: Window
    extent: Extent
    totals: pl.DataFrame
    totals_before: pl.DataFrame | None
    series: pl.DataFrame
    rankings: tuple[tuple[Dimension, Measure, pl.DataFrame], ...]
    data_version: int


@dataclass(frozen=True, slots=True)
class Made:
    """A report: one HTML document, and the version of the data that it shows."""

    content: str
    data_version: int
    generated_at: datetime


def make(data: Data, title: str, window: Window, notation: Notation) -> Made:
    """The report of a window, whatever that takes for the watermark: it is that of the data now.

    Raises ReportError while there are no orders, DatabaseError, and WindowError.
    """
    from dashboard.reports.document import render  # noqa: PLC0415 - Jinja, which most processes do without

    figures, generated_at = _figures(data, window), datetime.now(UTC)
    content = render(readable(title, window), figures, notation, generated_at)
    return Made(content, figures.data_version, generated_at)


def _figures(data: Data, window: Window) -> Figures:
    for _ in range(_TIMES - 1):
        try:
            return _read(data.reading(), window)
        except DataMoved:
            continue
    return _read(data.reading(), window)


def _read(reading: Reading, window: Window) -> Figures:
    extent = reading.extent()
    if extent is None:
        raise ReportError(
            "There are no orders to report. Load a demo shop with `python -m dashboard load demo`, or the Olist "
            "files with `python -m dashboard load olist DIRECTORY`."
        )
    window = replace(window, watermark=extent.watermark)
    compared = window.comparison_span()
    totals = explore.totals(reading, window.elapsed)
    before = explore.totals(reading, compared) if compared else None
    series = explore.series(reading, window)
    rankings = [(*by, explore.ranking(reading, window, *by)) for by in BREAKDOWNS]
    _check([totals, before, series, *(members for *_, members in rankings)])
    return Figures(
        window,
        extent,
        totals.rows,
        before.rows if before else None,
        series.rows,
        tuple((dimension, measure, members.rows) for dimension, measure, members in rankings),
        # Of the relation that changed last: the oldest one's would not tell that another one has changed.
        max(version for _, _, version in reading.shown().parts),
    )


def _check(frames: Sequence[Frame | None]) -> None:
    """Raises DatabaseUnavailable if any of them is of before."""
    if any(frame.provenance.source == STALE for frame in frames if frame):
        raise DatabaseUnavailable("The database does not answer, and a report holds no figures of before.")

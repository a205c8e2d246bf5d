"""Figures of some members over time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from dashboard.data import Frame, Reading
from dashboard.explore.breakdown import breakdown
from dashboard.explore.kept import asked_as, kept
from dashboard.explore.question import Breakdown, Member
from dashboard.explore.series import overlaps
from dashboard.measures import DIMENSIONS
from dashboard.window import Window, bucket_start


def courses(
    reading: Reading,
    window: Window,
    asked: Breakdown,
    members: pl.DataFrame | Mapping[str, Sequence[Member]],
) -> Frame:
    """What is asked, of some members of its dimensions, in each bucket of the window that there is data for.

    ``members`` has a row of members of those dimensions for each course. Columns: date (Date, the first day of the
    calendar's bucket), is_complete (Boolean), the dimensions, and the measures as ``breakdown`` gives them; what adds
    up is zero where a member has none.
    """
    drawn = pl.DataFrame(members, schema_overrides={one.name: one.dtype for one in asked.dimensions})
    drawn = drawn.select(one.name for one in asked.dimensions)
    return kept(
        reading,
        "courses",
        [window.span],
        (repr(window), *asked_as(asked), tuple(drawn.iter_rows())),
        lambda: _courses(reading, window, asked, drawn),
    )


def _courses(reading: Reading, window: Window, asked: Breakdown, drawn: pl.DataFrame) -> Frame:
    extent, by = reading.extent(), drawn.columns
    buckets = [one for one in window.buckets() if overlaps(one, extent)]
    places = pl.DataFrame(
        {
            "date": [bucket_start(one.start, window.grain) for one in buckets],
            "is_complete": [one.complete for one in buckets],
        },
        schema={"date": pl.Date, "is_complete": pl.Boolean},
    )
    time = DIMENSIONS[window.grain]
    found = breakdown(reading, window.span, replace(asked, dimensions=(time, *asked.dimensions)))
    rows = (places.join(drawn, how="cross") if by else places).join(
        found.rows.rename({time.name: "date"}), on=["date", *by], how="left", maintain_order="left"
    )
    additive = [one.name for one in asked.measures if one.adds_up]
    return Frame(rows.with_columns(pl.col(additive).fill_null(0)), found.provenance)

"""A measure over time, a line for each member of a dimension."""

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import (
    NOW,
    alone,
    colors,
    figure,
    floats,
    hover,
    plain,
    shortened,
    strings,
    trace,
    value_axis,
)
from dashboard.charts.timeline import HOVER_DATES, time_axis
from dashboard.measures import Measure
from dashboard.notation import Notation
from dashboard.once import once
from dashboard.window import Grain

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Beside the colour, so that lines can be told apart without it."""
INCOMPLETE = "Hollow points are not over yet, or cut off by the window."

_FEW = 32  # points of a line that stand apart on a phone
_POINT, _HOLLOW = 5, 8


@once
def lines(
    rows: pl.DataFrame,
    members: Sequence[Any],
    measure: Measure,
    grain: Grain,
    label_of: Callable[[Any], str] | None,
    notation: Notation,
) -> go.Figure:
    """``rows``: date (Date), is_complete (Boolean), member, value; the lines are in the order of ``members``, which a
    point's ``customdata`` is. Incomplete buckets are hollow. Without ``label_of``, the line is all that there is."""
    traces = []
    labels = [label_of(member) for member in members] if label_of else [measure.label]
    shades = colors(labels) if label_of else [NOW]
    for member, name, color, dash in zip(members, labels, shades, cycle(DASHES), strict=False):
        line, label = rows.filter(pl.col("member") == member).sort("date"), plain(name)
        traces.append(
            trace(
                "scatter",
                x=strings(line["date"]),
                y=floats(line["value"]),
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 2},
                marker=_markers(line),
                cliponaxis=False,
                name=plain(shortened(name)),
                customdata=[member] * len(line),
                hovertext=["" if is_complete else " (incomplete)" for is_complete in line["is_complete"]],
                hovertemplate=f"{label}%{{hovertext}}: {hover('y', measure.format, notation)}<extra></extra>",
            )
        )
    dates = rows["date"].unique().sort()
    return figure(
        notation,
        traces,
        height=400,
        xaxis=time_axis(dates, grain) | {"hoverformat": HOVER_DATES[grain]},
        yaxis=value_axis(rows.select("value"), measure.format, notation),
        dragmode="select",
        selectdirection="h",
        selectionrevision=f"{len(dates)} from {min(dates, default=None)}",
    )


def _markers(line: pl.DataFrame) -> dict[str, object]:
    """A line of many points has them only where one is hollow, or has no neighbour."""
    are_complete, is_short = line["is_complete"], len(line) < _FEW
    return {
        "size": [
            (_POINT if is_short or is_alone else 0) if is_complete else _HOLLOW
            for is_complete, is_alone in zip(are_complete, alone(line["value"]), strict=True)
        ],
        "symbol": ["circle" if is_complete else "circle-open" for is_complete in are_complete],
    }

"""How few members bring most of the whole."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import BEFORE, GRID, LOW_MARGIN, NOW, NOW_AREA, Trace, figure, hover, plain, trace
from dashboard.measures import Measure
from dashboard.notation import Format, Notation, axis
from dashboard.once import once

STEPS = 200
"""Of each axis, as fine as the curve is drawn: some three pixels of a chart's width, and one of its height."""
_FEW = 80  # members that can each be pointed at
_AXIS = {"zeroline": False, "fixedrange": True, "automargin": True}


@once
def pareto(
    rows: pl.DataFrame,
    needed: int,
    measure: Measure,
    label_of: Callable[[Any], str],
    notation: Notation,
) -> go.Figure:
    """What the first members come to together, as a share of the whole; lines lead to the ``needed`` first.

    ``rows`` is ``explore.pareto``.
    """
    drawn = thinned(rows, needed)
    return figure(
        notation,
        [_curve(drawn, needed, label_of, _said(len(rows), measure, notation))],
        height=300,
        hovermode="x",
        showlegend=False,
        margin=LOW_MARGIN,
        xaxis=_place_axis(len(rows), notation),
        yaxis={"dtick": 0.2, "tickformat": ".0%", "range": [0, 1.04], "gridcolor": GRID, **_AXIS},
        shapes=_leading_to(rows, needed),
    )


def thinned(rows: pl.DataFrame, needed: int) -> pl.DataFrame:
    """So many of the points that what is left out lies within a step of both axes from what is drawn."""
    whole = pl.len()
    is_new = pl.any_horizontal(
        (each * STEPS).floor().diff().fill_null(1) > 0
        for each in (pl.col("place") / whole, pl.col("share_together"))
    )
    return rows.filter(is_new | pl.col("place").is_in([1, needed, len(rows)]))


def _curve(drawn: pl.DataFrame, needed: int, label_of: Callable[[Any], str], said: str) -> Trace:
    return trace(
        "scatter",
        x=drawn["place"].to_numpy(),
        y=drawn["share_together"].to_numpy(),
        mode="lines+markers" if len(drawn) <= _FEW else "lines",
        line={"color": NOW, "width": 2},
        marker={"size": [9 if place == needed else 5 for place in drawn["place"]]},
        fill="tozeroy",
        fillcolor=NOW_AREA,
        cliponaxis=False,
        text=[plain(label_of(member)) for member in drawn["member"]],
        customdata=drawn.select(pl.col("value").cast(pl.Float64), "share").to_numpy(),
        hovertemplate=said,
    )


def _leading_to(rows: pl.DataFrame, needed: int) -> list[dict[str, object]]:
    if rows.is_empty():
        return []
    share = rows["share_together"][needed - 1]
    line = {"width": 1, "dash": "dot", "color": BEFORE}
    return [
        {"type": "line", "x0": 0, "x1": needed, "y0": share, "y1": share, "line": line},
        {"type": "line", "x0": needed, "x1": needed, "y0": 0, "y1": share, "line": line},
    ]


def _said(members: int, measure: Measure, notation: Notation) -> str:
    """What a point says, for Plotly to fill in: writing each here would take half of a millisecond."""
    return (
        f"%{{x:,d}} of {notation.exact(members, Format.COUNT)} come to <b>%{{y:.1%}}</b>;<br>"
        "the last of them, %{text},<br>"
        f"brings {hover('customdata[0]', measure.format, notation)}, %{{customdata[1]:.1%}}<extra></extra>"
    )


def _place_axis(members: int, notation: Notation) -> dict[str, object]:
    ticks = axis(members, Format.COUNT)
    return {
        "tickvals": ticks,
        "ticktext": [notation.exact(tick, Format.COUNT) for tick in ticks],
        "range": [0, members * 1.02],
        "showgrid": False,
        **_AXIS,
    }

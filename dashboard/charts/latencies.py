"""How many of something took how long."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import LOW_MARGIN, NOW, figure, floats, trace, value_axis
from dashboard.notation import Format, Notation
from dashboard.once import once


@once
def latencies(rows: pl.DataFrame, what: str, notation: Notation) -> go.Figure:
    """A column for each bucket of durations, those that nothing took at either end left out.

    ``rows`` has ``up_to_seconds`` (Float64, null for what took longer than all) and ``number`` (integer).
    """
    bounds = rows["up_to_seconds"].to_list()
    lows = [0.0, *bounds[:-1]]
    taken = [place for place, number in enumerate(rows["number"]) if number]
    shown = rows.slice(taken[0], taken[-1] - taken[0] + 1) if taken else rows.clear()
    places = range(taken[0], taken[-1] + 1) if taken else range(0)
    labels = [
        f"≤ {notation.duration(bounds[place])}" if bounds[place] else f"> {notation.duration(lows[place])}"
        for place in places
    ]
    numbers = [notation.exact(number, Format.COUNT) for number in shown["number"]]
    bars = trace(
        "bar",
        x=labels,
        y=floats(shown["number"]),
        marker={"color": NOW, "cornerradius": 3, "line": {"width": 0}},
        hovertext=[f"{label}: <b>{number} {what}</b>" for label, number in zip(labels, numbers, strict=True)],
        hoverinfo="text",
    )
    return figure(
        notation,
        [bars],
        height=280,
        margin=LOW_MARGIN,
        bargap=0.15,
        hovermode="closest",
        showlegend=False,
        xaxis={"type": "category", "showgrid": False, "fixedrange": True, "automargin": True},
        yaxis=value_axis(shown.select("number"), Format.COUNT, notation),
    )

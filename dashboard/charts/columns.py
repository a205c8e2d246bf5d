"""How a measure is distributed over steps that have an order."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import BEFORE_AREA, NOW, figure, floats, hover, plain, trace, value_axis
from dashboard.measures import Measure
from dashboard.notation import Notation
from dashboard.once import once


@once
def columns(
    rows: pl.DataFrame, measure: Measure, label_of: Callable[[Any], str], notation: Notation
) -> go.Figure:
    """Members from left to right in their order, each before a wider column that shows its comparison.

    ``rows`` is like ``explore.ranking``: member, value, value_before; a column's ``customdata`` is its member.
    """
    rows = rows.sort("member")
    labels = [plain(label_of(member)) for member in rows["member"]]
    looks = (
        ("value_before", "Comparison", BEFORE_AREA, 0.85),
        ("value", measure.label, NOW, 0.5),
    )
    traces = [
        trace(
            "bar",
            x=list(range(len(rows))),
            y=floats(rows[column]),
            width=width,
            name=name,
            showlegend=rows["value_before"].null_count() < len(rows),
            customdata=rows["member"].to_list(),
            hovertext=labels,
            hovertemplate=f"%{{hovertext}}, {name}: {hover('y', measure.format, notation)}<extra></extra>",
            marker={"color": color, "cornerradius": 3, "line": {"width": 0}},
        )
        for column, name, color, width in looks
    ]
    return figure(
        notation,
        traces,
        height=320,
        barmode="overlay",
        hovermode="closest",
        xaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": labels,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "automargin": True,
        },
        yaxis=value_axis(rows.select("value", "value_before"), measure.format, notation),
    )

"""Members of a dimension as bars."""

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import (
    BEFORE_AREA,
    NOW,
    PALE,
    Trace,
    figure,
    floats,
    hover,
    plain,
    shortened,
    trace,
)
from dashboard.measures import Measure, change
from dashboard.notation import Format, Notation
from dashboard.once import once

BAR_HEIGHT = 38


@once
def ranking(
    rows: pl.DataFrame,
    measure: Measure,
    label_of: Callable[[Any], str],
    notation: Notation,
    chosen: Collection[str] = (),
) -> go.Figure:
    """Members as bars, greatest on top, each over a wider bar that shows its comparison.

    ``rows`` is like ``explore.ranking``: member, value, value_before; a bar's ``customdata`` is its member. If some are
    ``chosen``, the others are pale. The figures stand in a column of their own,
    as the labels of a second axis: Plotly makes room for those, however narrow the chart is.
    """
    rows = rows.reverse()
    figures = [
        _figure(value, before, measure.format, notation)
        for value, before in rows.select("value", "value_before").iter_rows()
    ]
    opacity = [1 if not chosen or member in chosen else PALE for member in rows["member"]]
    return figure(
        notation,
        [_bars(rows, column, opacity, measure, notation) for column in ("value_before", "value")],
        height=BAR_HEIGHT * len(rows) + 60,
        barmode="overlay",
        hovermode="y unified",
        xaxis={"visible": False, "rangemode": "tozero", "fixedrange": True},
        yaxis=member_axis([plain(shortened(label_of(member))) for member in rows["member"]]),
        yaxis2=member_axis(figures) | {"side": "right", "overlaying": "y"},
    )


def _bars(
    rows: pl.DataFrame, column: str, opacity: list[float], measure: Measure, notation: Notation
) -> Trace:
    is_now = column == "value"
    name = measure.label if is_now else "Comparison"
    return trace(
        "bar",
        x=floats(rows[column]),
        y=list(range(len(rows))),
        yaxis="y2" if is_now else "y",
        orientation="h",
        customdata=rows["member"].to_list(),
        name=name,
        showlegend=rows[column].null_count() < len(rows),
        legendrank=1 if is_now else 2,
        width=0.4 if is_now else 0.75,
        marker={
            "color": NOW if is_now else BEFORE_AREA,
            "opacity": opacity,
            "cornerradius": 4,
            "line": {"width": 0},
        },
        hovertemplate=f"{name}: {hover('x', measure.format, notation)}<extra></extra>",
    )


def member_axis(labels: list[str]) -> dict[str, object]:
    places = list(range(len(labels)))
    return {
        "tickvals": places,
        "ticktext": labels,
        "range": [-0.5, len(labels) - 0.5],
        "ticksuffix": "  ",
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }


def _figure(value: Decimal, before: Decimal | None, kind: Format, notation: Notation) -> str:
    ratio = change(value, before)
    return notation.short(value, kind) + (f" ({notation.share(ratio)})" if ratio is not None else "")

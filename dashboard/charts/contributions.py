"""What made a difference, as bars to both sides of zero."""

from collections.abc import Collection

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import LESS, LOW_MARGIN, MORE, PALE, figure, floats, plain, shortened, trace
from dashboard.charts.ranking import BAR_HEIGHT, member_axis
from dashboard.measures import Dimension, Measure, change
from dashboard.notation import Notation
from dashboard.once import once


@once
def contributions(
    rows: pl.DataFrame,
    measure: Measure,
    dimension: Dimension,
    notation: Notation,
    chosen: Collection[str] = (),
) -> go.Figure:
    """Members by what they added to the difference, with the rest at the bottom; pale unless they are ``chosen``.

    ``rows`` is ``explore.contributions``. A bar's ``customdata`` is its member.
    """
    rows = rows.reverse()
    labels = [
        _label(member, count, dimension) for member, count in rows.select("member", "members").iter_rows()
    ]
    said = [
        _said(now, before, difference, measure, notation)
        for now, before, difference in rows.select("value", "value_before", "difference").iter_rows()
    ]
    bars = trace(
        "bar",
        x=floats(rows["difference"]),
        y=list(range(len(rows))),
        yaxis="y2",
        orientation="h",
        width=0.5,
        marker={
            "color": [MORE if value >= 0 else LESS for value in rows["difference"]],
            "opacity": [1 if not chosen or member in chosen else PALE for member in rows["member"]],
            "cornerradius": 4,
            "line": {"width": 0},
        },
        customdata=rows["member"].to_list(),
        hovertext=[f"{plain(label)}: {words}" for label, (_, words) in zip(labels, said, strict=True)],
        hoverinfo="text",
        showlegend=False,
    )
    # An axis shows its labels only if something is drawn on it.
    nothing = trace("bar", x=[0] * len(rows), y=list(range(len(rows))), orientation="h", showlegend=False)
    return figure(
        notation,
        [bars, nothing],
        height=BAR_HEIGHT * len(rows) + 40,
        barmode="overlay",
        hovermode="closest",
        margin=LOW_MARGIN,
        xaxis={"visible": False, "fixedrange": True},
        yaxis=member_axis([plain(shortened(label)) for label in labels]),
        yaxis2=member_axis([written for written, _ in said]) | {"side": "right", "overlaying": "y"},
        shapes=[
            {
                "type": "line",
                "x0": 0,
                "x1": 0,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"width": 1, "color": "#8d99ae"},
            }
        ],
    )


def _label(member: str | None, count: int, dimension: Dimension) -> str:
    return f"{count:,} others" if member is None else dimension.label_of(member)


def _said(
    value: float, before: float, difference: float, measure: Measure, notation: Notation
) -> tuple[str, str]:
    """The figure beside a bar, and the sentence of who points at it."""
    sign = "+" if difference >= 0 else "-"
    ratio = change(value, before)
    relative = f" ({notation.share(ratio)})" if ratio is not None else ""
    figures = [notation.exact(figure, measure.format) for figure in (before, value)]
    exact = f"{sign}{notation.exact(abs(difference), measure.format)}"
    return (
        f"{sign}{notation.short(abs(difference), measure.format)}",
        f"from {figures[0]} to <b>{figures[1]}</b>, {exact}{relative}",
    )

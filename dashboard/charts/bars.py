"""Bars: what a figure is made of over time, how amounts are distributed, and shares of a whole."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import (
    BEFORE,
    LEGEND,
    MANY,
    NOW,
    Trace,
    figure,
    floats,
    hover,
    plain,
    trace,
    value_axis,
)
from dashboard.charts.timeline import HOVER_DATES
from dashboard.measures import Measure
from dashboard.notation import Format, Notation
from dashboard.once import once
from dashboard.window import Grain

_PART_HEIGHT = 46
_ROOM_FOR_TEXT = 1.2  # beside the longest bar
_EDGES_A_LABEL = 2  # so that the labels fit on a phone
_DATED_BUCKETS = 7  # for the same reason
_HATCHED = {"shape": "/", "fillmode": "replace", "size": 6}


@once
def stack(rows: pl.DataFrame, parts: Sequence[Measure], grain: Grain, notation: Notation) -> go.Figure:
    """Measures that are parts of a whole, one on the other in each bucket, with the whole of the comparison as a line.

    ``rows`` has the columns of ``explore.series`` for these measures. Incomplete buckets are hatched.
    """
    kind = parts[0].format
    rows = rows.with_columns(
        bucket=pl.col("date").dt.strftime(HOVER_DATES[grain]),
        now=_sum(parts, ""),
        before=_sum(parts, "_before"),
    )
    traces = [
        _part(some, part, MANY[place], notation, is_complete=all(is_complete))
        for place, part in enumerate(parts)
        for is_complete, some in rows.group_by("is_complete", maintain_order=True)
    ]
    if rows["before"].null_count() < len(rows):
        traces.append(_whole_before(rows, kind, grain, notation))
    return figure(
        notation,
        traces,
        barmode="stack",
        bargap=0.25,
        legend=LEGEND | {"traceorder": "normal"},
        xaxis=_bucket_axis(rows, grain),
        yaxis=value_axis(rows.select("now", "before"), kind, notation),
    )


def _sum(parts: Sequence[Measure], suffix: str) -> pl.Expr:
    return pl.sum_horizontal((f"{part.name}{suffix}" for part in parts), ignore_nulls=False)


def _bucket_axis(rows: pl.DataFrame, grain: Grain) -> dict[str, object]:
    """A place for each bucket: by their dates, one that the window cuts off would push the others together."""
    dated = rows.gather_every(ceil(len(rows) / _DATED_BUCKETS) or 1)
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": rows["bucket"].to_list(),
        "tickvals": dated["bucket"].to_list(),
        "ticktext": dated["date"]
        .dt.strftime("%b<br>%Y" if grain is Grain.MONTH else "%-d %b<br>%Y")
        .to_list(),
        "showgrid": False,
        "fixedrange": True,
        "automargin": True,
    }


def _part(rows: pl.DataFrame, part: Measure, color: str, notation: Notation, *, is_complete: bool) -> Trace:
    name = part.label if is_complete else f"{part.label} (incomplete)"
    return trace(
        "bar",
        x=rows["bucket"].to_list(),
        y=floats(rows[part.name]),
        name=name,
        showlegend=is_complete,
        marker={"color": color, "line": {"width": 0}, "pattern": {} if is_complete else _HATCHED},
        hovertemplate=f"{name}: {hover('y', part.format, notation)}<extra></extra>",
    )


def _whole_before(rows: pl.DataFrame, kind: Format, grain: Grain, notation: Notation) -> Trace:
    return trace(
        "scatter",
        x=rows["bucket"].to_list(),
        y=floats(rows["before"]),
        mode="lines+markers" if len(rows) == 1 else "lines",
        line={"color": BEFORE, "width": 2},
        name="Comparison, both",
        customdata=rows["date_before"].dt.strftime(HOVER_DATES[grain]).to_list(),
        hovertemplate=f"%{{customdata}}, both: {hover('y', kind, notation)}<extra></extra>",
    )


@once
def histogram(rows: pl.DataFrame, notation: Notation) -> go.Figure:
    """How many people spent how much.

    ``rows`` is ``customers.People.spending``: from, up_to (null in the last row), people, revenue, people_share.
    """
    edges = rows["from"].to_list()
    labels = [notation.short(edge, Format.MONEY) for edge in edges]
    ticks = range(0, len(edges), _EDGES_A_LABEL)
    bars = trace(
        "bar",
        x=[place + 0.5 for place in range(len(rows))],
        y=floats(rows["people"]),
        marker={"color": NOW, "cornerradius": 3, "line": {"width": 0}},
        hovertext=[_said_of_bar(row, notation) for row in rows.iter_rows(named=True)],
        hoverinfo="text",
    )
    return figure(
        notation,
        [bars],
        height=300,
        bargap=0.08,
        hovermode="closest",
        showlegend=False,
        xaxis={
            "tickvals": list(ticks),
            "ticktext": [f"{labels[tick]}{'+' if tick == len(edges) - 1 else ''}" for tick in ticks],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "automargin": True,
        },
        yaxis=value_axis(rows.select("people"), Format.COUNT, notation),
    )


def _said_of_bar(row: Mapping[str, Any], notation: Notation) -> str:
    written = notation.exact(row["from"], Format.MONEY)
    up_to = row["up_to"]
    amounts = f"{written} up to {notation.exact(up_to, Format.MONEY)}" if up_to else f"{written} or more"
    return (
        f"{amounts}: <b>{notation.exact(row['people'], Format.COUNT)} people</b>, "
        f"{notation.exact(row['people_share'], Format.SHARE)} of all;<br>"
        f"together {notation.exact(row['revenue'], Format.MONEY)}"
    )


@once
def shares(rows: pl.DataFrame, parts: dict[str, str], notation: Notation) -> go.Figure:
    """Shares of several wholes for each member, the first on top.

    ``rows``: member (String), and a column of shares for each of ``parts``, which says what they are of.
    """
    rows = rows.reverse()  # Plotly draws from the bottom
    labels = [plain(member) for member in rows["member"]]
    longest = max((share for column in parts for share in rows[column].drop_nulls()), default=0)
    traces = [
        _shares(rows, column, name, MANY[place], notation) | {"legendrank": place + 1}
        for place, (column, name) in reversed([*enumerate(parts.items())])
    ]
    return figure(
        notation,
        traces,
        height=_PART_HEIGHT * len(rows) + 60,
        barmode="group",
        bargap=0.3,
        hovermode="y unified",
        xaxis={"visible": False, "range": [0, _ROOM_FOR_TEXT * (longest or 1)], "fixedrange": True},
        yaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": labels,
            "ticksuffix": "  ",
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "automargin": True,
        },
    )


def _shares(rows: pl.DataFrame, column: str, name: str, color: str, notation: Notation) -> Trace:
    written = [notation.exact(share, Format.SHARE) for share in rows[column]]
    return trace(
        "bar",
        x=floats(rows[column]),
        y=list(range(len(rows))),
        orientation="h",
        name=name,
        marker={"color": color, "cornerradius": 3, "line": {"width": 0}},
        text=written,
        textposition="outside",
        cliponaxis=False,
        customdata=written,
        hovertemplate=f"{name}: <b>%{{customdata}}</b><extra></extra>",
    )

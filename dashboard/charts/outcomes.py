"""Where answers came from over time, as shares of the reads."""

from datetime import datetime
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import BEFORE, FAILED, LEGEND, MANY, figure, floats, plain, trace
from dashboard.notation import Format, Notation
from dashboard.once import once

LABELS = {
    "memory": "Memory",
    "redis": "Redis",
    "disk": "Disk",
    "waited": "Waited for another reader",
    "database": "Database",
    "stale": "Stale",
    "error": "Failed",
}
"""What outcomes are called, the best ones first."""

_COLORS = {
    "memory": MANY[0],
    "redis": MANY[4],
    "disk": MANY[4],
    "waited": MANY[3],
    "database": MANY[1],
    "stale": BEFORE,
    "error": FAILED,
}
_TICKS = (0, 0.25, 0.5, 0.75, 1)


@once
def outcomes(
    course: pl.DataFrame,
    since: datetime,
    until: datetime,
    bucket_minutes: int,
    zone: str,
    notation: Notation,
) -> go.Figure:
    """``course`` is that of ``cache_state.read``; buckets without a read are empty. Moments are in a time zone."""
    shown = course.with_columns(
        at=pl.col("bucket").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M"),
        share=pl.col("reads") / pl.col("reads").sum().over("bucket"),
        said=pl.Series([notation.exact(reads, Format.COUNT) for reads in course["reads"]], dtype=pl.String),
    )
    known = [name for name in LABELS if name in set(shown["outcome"])]
    others = sorted({*shown["outcome"]} - {*known})
    traces = [
        trace(
            "bar",
            x=some["at"].to_list(),
            y=floats(some["share"]),
            width=bucket_minutes * 60_000,
            offset=0,
            name=plain(LABELS.get(name, name)),
            marker={"color": _COLORS.get(name, MANY[7]), "line": {"width": 0}},
            customdata=some["said"].to_list(),
            hovertemplate=f"{plain(LABELS.get(name, name))}: <b>%{{y:.1%}}</b> (%{{customdata}})<extra></extra>",
        )
        for name in (*known, *others)
        for some in [shown.filter(pl.col("outcome") == name)]
    ]
    return figure(
        notation,
        traces,
        height=260,
        barmode="stack",
        bargap=0,
        legend=LEGEND | {"traceorder": "normal"},
        xaxis={
            "type": "date",
            "range": [f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}" for moment in (since, until)],
            "hoverformat": "%-d %b, %H:%M",
            "showgrid": False,
            "fixedrange": True,
            "automargin": True,
        },
        yaxis={
            "range": [0, 1],
            "tickvals": list(_TICKS),
            "ticktext": [notation.portion(tick) for tick in _TICKS],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "automargin": True,
        },
    )

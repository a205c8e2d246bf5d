"""How long refreshes take."""

from math import ceil, floor

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import FAILED, GRID, Trace, colors, figure, trace
from dashboard.notation import Notation
from dashboard.once import once

_LEAST_SECONDS = 0.001


@once
def durations(history: pl.DataFrame, zone: str, notation: Notation) -> go.Figure:
    """How long the refreshes of each view took, in a time zone; those that failed are crosses.

    ``history`` is that of ``freshness.read``. The views differ by orders of magnitude, so the axis is logarithmic.
    """
    traces = []
    history = history.sort("finished_at")
    shown = history.with_columns(
        at=pl.col("finished_at").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M:%S%.3f"),
        height=pl.col("duration_seconds").clip(lower_bound=_LEAST_SECONDS),
        said=pl.Series(map(notation.duration, history["duration_seconds"]), dtype=pl.String),
        is_failed=pl.col("error").is_not_null(),
    )
    views = shown["view"].unique().sort()
    for view, color in zip(views, colors(views), strict=True):
        done = shown.filter(~pl.col("is_failed"), view=view)
        looks = {"marker": {"size": 5, "color": color}, "line": {"width": 1.5, "color": color}}
        traces.append(_refreshes(done, name=view, mode="lines+markers", **looks))
    if shown["is_failed"].any():
        cross = {"symbol": "x", "size": 9, "color": FAILED}
        traces.append(_refreshes(shown.filter("is_failed"), name="failed", mode="markers", marker=cross))
    return figure(
        notation,
        traces,
        xaxis={"showgrid": False, "automargin": True},
        yaxis=_duration_axis(shown["height"], notation),
        hovermode="closest",
    )


def _refreshes(rows: pl.DataFrame, **looks: object) -> Trace:
    return trace(
        "scatter",
        x=rows["at"].to_list(),
        y=rows["height"].to_list(),
        customdata=rows.select("view", "said").rows(),
        hovertemplate="%{customdata[0]}, %{x|%-d %b, %H:%M:%S}: <b>%{customdata[1]}</b><extra></extra>",
        **looks,
    )


def _duration_axis(seconds: pl.Series, notation: Notation) -> dict[str, object]:
    """Ticks at 1, 2, 5, 10 … of each power of ten, or at those powers alone if they are many."""
    powers = seconds.log10()
    low = floor(min(powers, default=0))
    high = max(ceil(max(powers, default=0)), low + 1)
    factors = (1, 2, 5) if high - low == 1 else (1,)
    ticks = [factor * 10.0**power for power in range(low, high + 1) for factor in factors]
    return {
        "type": "log",
        "range": [low, high + 0.05],
        "tickvals": ticks,
        "ticktext": [notation.duration(tick) for tick in ticks],
        "gridcolor": GRID,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }

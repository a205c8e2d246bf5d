"""A measure over time."""

from collections.abc import Iterator
from datetime import timedelta
from math import ceil

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import (
    BEFORE,
    NOW,
    NOW_AREA,
    Trace,
    alone,
    figure,
    floats,
    hover,
    strings,
    trace,
    value_axis,
)
from dashboard.measures import Measure
from dashboard.notation import Notation
from dashboard.once import once
from dashboard.window import Grain

_DOT = 9
_DATED_BUCKETS = 7  # as many dates as fit below a chart on a phone
_DAY_MS = 86_400_000
# Plotly writes the second line only where it changes.
_TICKS = [
    {"dtickrange": [None, 27 * _DAY_MS], "value": "%-d %b\n%Y"},
    {"dtickrange": [27 * _DAY_MS, "M11"], "value": "%b\n%Y"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]
_STEPS_MS = {Grain.DAY: _DAY_MS, Grain.WEEK: 7 * _DAY_MS}
HOVER_DATES = {Grain.DAY: "%a %-d %b %Y", Grain.WEEK: "week from %-d %b %Y", Grain.MONTH: "%b %Y"}


@once
def timeline(rows: pl.DataFrame, measure: Measure, grain: Grain, notation: Notation) -> go.Figure:
    """A measure over time, with the comparison drawn behind, each bucket at the place of its opposite.

    ``rows`` is ``explore.series``. Incomplete buckets are dashed.
    """
    traces = []
    if rows["date_before"].null_count() < len(rows):
        traces.append(_before_trace(rows, measure, grain, notation))
    named: set[bool] = set()
    for part, is_complete in _parts(rows):
        line = _now_trace(part, measure, grain, notation, is_complete=is_complete)
        traces.append(line | {"showlegend": is_complete not in named})
        named.add(is_complete)
    # Dragging chooses days; what was chosen is not shown in the chart of those days.
    span = f"{len(rows)} from {rows['date'][0] if len(rows) else None}"
    return figure(
        notation,
        traces,
        xaxis=time_axis(rows["date"], grain),
        yaxis=value_axis(rows.select(measure.name, f"{measure.name}_before"), measure.format, notation),
        dragmode="select",
        selectdirection="h",
        selectionrevision=span,
    )


def _parts(rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, bool]]:
    """Runs of complete and of incomplete buckets; an incomplete run reaches to its complete neighbours."""
    runs = rows.with_columns(run=pl.col("is_complete").rle_id()).partition_by("run", maintain_order=True)
    start = 0
    for run in runs:
        is_complete = run["is_complete"][0]
        reach = 0 if is_complete else 1
        first, last = max(start - reach, 0), min(start + len(run) + reach, len(rows))
        yield rows.slice(first, last - first), is_complete
        start += len(run)


def _now_trace(
    rows: pl.DataFrame, measure: Measure, grain: Grain, notation: Notation, *, is_complete: bool
) -> Trace:
    figure = hover("y", measure.format, notation)
    return trace(
        "scatter",
        **_dates(rows["date"], grain),
        **_line(rows[measure.name], NOW, 2, dash="solid" if is_complete else "dot"),
        **_area(rows[measure.name]),
        name=measure.label if is_complete else f"{measure.label} (incomplete)",
        legendrank=1 if is_complete else 2,
        **(
            {"hovertemplate": f"%{{x|{HOVER_DATES[grain]}}}: {figure}<extra></extra>"}
            if is_complete
            else _said_when_incomplete(rows, measure, grain, notation)
        ),
    )


def _said_when_incomplete(
    rows: pl.DataFrame, measure: Measure, grain: Grain, notation: Notation
) -> dict[str, object]:
    """What the dashed line says; nothing where it joins its complete neighbours, who speak for themselves.

    In words that are ready: beside a template, Plotly does not look at what a single point wants to say.
    """
    dates = rows["date"].dt.strftime(HOVER_DATES[grain])
    figures = [notation.exact(value, measure.format) for value in rows[measure.name]]
    return {
        "hoverinfo": ["none" if complete else "text" for complete in rows["is_complete"]],
        "hovertext": [
            f"{day} (incomplete): <b>{figure}</b>" for day, figure in zip(dates, figures, strict=True)
        ],
    }


def _before_trace(rows: pl.DataFrame, measure: Measure, grain: Grain, notation: Notation) -> Trace:
    return trace(
        "scatter",
        **_dates(rows["date"], grain),
        **_line(rows[f"{measure.name}_before"], BEFORE, 1.5),
        name="Comparison",
        legendrank=3,
        customdata=rows["date_before"].dt.strftime(HOVER_DATES[grain]).to_list(),
        hovertemplate=f"%{{customdata}}: {hover('y', measure.format, notation)}<extra></extra>",
    )


def _line(values: pl.Series, color: str, width: float, dash: str = "solid") -> dict[str, object]:
    """A line, with a dot where a value has no neighbour: the line alone would not show it."""
    is_alone = alone(values)
    dots = (
        {"marker": {"color": color, "size": [_DOT if dot else 0 for dot in is_alone]}}
        if is_alone.any()
        else {}
    )
    mode = "lines+markers" if dots else "lines"
    return {"y": floats(values), "mode": mode, "line": {"color": color, "width": width, "dash": dash}, **dots}


def _area(values: pl.Series) -> dict[str, object]:
    """The area below a line without gaps. Plotly would fill those, too."""
    return {} if values.null_count() else {"fill": "tozeroy", "fillcolor": NOW_AREA}


def _dates(dates: pl.Series, grain: Grain) -> dict[str, object]:
    """The x of a trace: a start and a step where the step is even, which is a tenth of the bytes."""
    step = _STEPS_MS.get(grain)
    if step is None or len(dates) < 2 or not _is_even(dates, step):  # noqa: PLR2004
        return {"x": strings(dates)}
    return {"x0": str(dates[0]), "dx": step}


def _is_even(dates: pl.Series, step_ms: int) -> bool:
    return bool((dates.diff().drop_nulls() == timedelta(milliseconds=step_ms)).all())


def time_axis(dates: pl.Series, grain: Grain) -> dict[str, object]:
    axis = {"showgrid": False, "automargin": True, "tickformatstops": _TICKS}
    if grain is Grain.WEEK or len(dates) <= _DATED_BUCKETS:
        # Plotly would date weeks by their Sundays, and a single day by its hours.
        axis["tickvals"] = strings(dates.gather_every(ceil(len(dates) / _DATED_BUCKETS) or 1))
    return axis

"""Charts: a frame in, a Plotly figure out. Colours are chosen by meaning and read on light and on dark."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import cycle
from math import ceil, floor

import plotly.graph_objects as go
import polars as pl

from dashboard.measures import Dimension, Measure, change
from dashboard.notation import Format, Notation, axis
from dashboard.window import Grain

NOW = "#2e7de1"
NOW_AREA = "rgba(46, 125, 225, 0.10)"
BEFORE = "#8d99ae"
BEFORE_AREA = "rgba(141, 153, 174, 0.35)"
GRID = "rgba(141, 153, 174, 0.25)"
FAILED = "#d9363e"
MANY = ("#2e7de1", "#e69f00", "#0f9d7a", "#cc79a7", "#56b4e9", "#8d99ae")

CONFIG = {"displayModeBar": False, "scrollZoom": False}
"""Options of Plotly's toolbar, for all charts."""

_BAR_HEIGHT = 38
_DOT = 9
_DATED_BUCKETS = 7  # as many dates as fit below a chart on a phone
_DAY_MS = 86_400_000
_LEAST_SECONDS = 0.001
# Plotly writes the second line only where it changes.
_TICKS = [
    {"dtickrange": [None, 27 * _DAY_MS], "value": "%-d %b\n%Y"},
    {"dtickrange": [27 * _DAY_MS, "M11"], "value": "%b\n%Y"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]
_STEPS_MS = {Grain.DAY: _DAY_MS, Grain.WEEK: 7 * _DAY_MS}
_HOVER_DATES = {Grain.DAY: "%a %-d %b %Y", Grain.WEEK: "week from %-d %b %Y", Grain.MONTH: "%b %Y"}


def timeline(rows: pl.DataFrame, measure: Measure, grain: Grain, notation: Notation) -> go.Figure:
    """A measure over time, with the comparison drawn behind, each bucket at the place of its opposite.

    ``rows`` is ``explore.series``. Incomplete buckets are dashed.
    """
    figure = go.Figure(layout=_layout(notation))
    values = rows.select(measure.name, f"{measure.name}_before")
    figure.update_layout(
        xaxis=_time_axis(rows["date"], grain), yaxis=_value_axis(values, measure.format, notation)
    )
    if rows["date_before"].null_count() < len(rows):
        figure.add_trace(_before_trace(rows, measure, grain, notation))
    named: set[bool] = set()
    for part, is_complete in _parts(rows):
        trace = _now_trace(part, measure, grain, notation, is_complete=is_complete)
        figure.add_trace(trace.update(showlegend=is_complete not in named))
        named.add(is_complete)
    return figure


def ranking(rows: pl.DataFrame, dimension: Dimension, notation: Notation) -> go.Figure:
    """Members as bars, greatest on top, each over a wider bar that shows its comparison.

    ``rows`` is ``explore.ranking``: member, value, value_before. The figures stand in a column of their own,
    as the labels of a second axis: Plotly makes room for those, however narrow the chart is.
    """
    rows = rows.reverse()
    figures = [
        _figure(value, before, dimension.format, notation)
        for value, before in rows.select("value", "value_before").iter_rows()
    ]
    figure = go.Figure(layout=_layout(notation))
    figure.add_trace(_bars(rows, "value_before", dimension, notation))
    figure.add_trace(_bars(rows, "value", dimension, notation))
    figure.update_layout(
        height=_BAR_HEIGHT * len(rows) + 60,
        barmode="overlay",
        hovermode="y unified",
        xaxis={"visible": False, "rangemode": "tozero", "fixedrange": True},
        yaxis=_member_axis([plain(member) for member in rows["member"]]),
        yaxis2=_member_axis(figures) | {"side": "right", "overlaying": "y"},
    )
    return figure


def _bars(rows: pl.DataFrame, column: str, dimension: Dimension, notation: Notation) -> go.Bar:
    is_now = column == "value"
    name = dimension.value_label if is_now else "Comparison"
    return go.Bar(
        x=_floats(rows[column]),
        y=list(range(len(rows))),
        yaxis="y2" if is_now else "y",
        orientation="h",
        name=name,
        showlegend=rows[column].null_count() < len(rows),
        legendrank=1 if is_now else 2,
        width=0.4 if is_now else 0.75,
        marker={"color": NOW if is_now else BEFORE_AREA, "cornerradius": 4, "line": {"width": 0}},
        hovertemplate=f"{name}: {_hover('x', dimension.format, notation)}<extra></extra>",
    )


def _member_axis(labels: list[str]) -> dict[str, object]:
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


def durations(history: pl.DataFrame, zone: str, notation: Notation) -> go.Figure:
    """How long the refreshes of each view took, in a time zone; those that failed are crosses.

    ``history`` is that of ``freshness.read``. The views differ by orders of magnitude, so the axis is logarithmic.
    """
    figure = go.Figure(layout=_layout(notation))
    history = history.sort("finished_at")
    shown = history.with_columns(
        at=pl.col("finished_at").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M:%S%.3f"),
        height=pl.col("duration_seconds").clip(lower_bound=_LEAST_SECONDS),
        said=pl.Series(map(notation.duration, history["duration_seconds"]), dtype=pl.String),
        is_failed=pl.col("error").is_not_null(),
    )
    for view, color in zip(shown["view"].unique().sort(), cycle(MANY), strict=False):
        done = shown.filter(~pl.col("is_failed"), view=view)
        looks = {"marker": {"size": 5, "color": color}, "line": {"width": 1.5, "color": color}}
        figure.add_trace(_refreshes(done, name=view, mode="lines+markers", **looks))
    if shown["is_failed"].any():
        cross = {"symbol": "x", "size": 9, "color": FAILED}
        figure.add_trace(_refreshes(shown.filter("is_failed"), name="failed", mode="markers", marker=cross))
    return figure.update_layout(
        xaxis={"showgrid": False, "automargin": True},
        yaxis=_duration_axis(shown["height"], notation),
        hovermode="closest",
    )


def _refreshes(rows: pl.DataFrame, **looks: object) -> go.Scatter:
    return go.Scatter(
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


def plain(text: str) -> str:
    """Text from the data, for a label: Plotly would read tags and entities in it as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
) -> go.Scatter:
    figure = _hover("y", measure.format, notation)
    return go.Scatter(
        **_dates(rows["date"], grain),
        **_line(rows[measure.name], NOW, 2),
        **_area(rows[measure.name]),
        name=measure.label if is_complete else f"{measure.label} (incomplete)",
        legendrank=1 if is_complete else 2,
        line_dash="solid" if is_complete else "dot",
        **(
            {"hovertemplate": f"%{{x|{_HOVER_DATES[grain]}}}: {figure}<extra></extra>"}
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
    dates = rows["date"].dt.strftime(_HOVER_DATES[grain])
    figures = [notation.exact(value, measure.format) for value in rows[measure.name]]
    return {
        "hoverinfo": ["none" if complete else "text" for complete in rows["is_complete"]],
        "hovertext": [
            f"{day} (incomplete): <b>{figure}</b>" for day, figure in zip(dates, figures, strict=True)
        ],
    }


def _before_trace(rows: pl.DataFrame, measure: Measure, grain: Grain, notation: Notation) -> go.Scatter:
    return go.Scatter(
        **_dates(rows["date"], grain),
        **_line(rows[f"{measure.name}_before"], BEFORE, 1.5),
        name="Comparison",
        legendrank=3,
        customdata=rows["date_before"].dt.strftime(_HOVER_DATES[grain]).to_list(),
        hovertemplate=f"%{{customdata}}: {_hover('y', measure.format, notation)}<extra></extra>",
    )


def _line(values: pl.Series, color: str, width: float) -> dict[str, object]:
    """A line, with a dot where a value has no neighbour: the line alone would not show it."""
    known = values.is_not_null()
    alone = known & ~known.shift(1, fill_value=False) & ~known.shift(-1, fill_value=False)
    dots = {"marker": {"color": color, "size": [_DOT if dot else 0 for dot in alone]}} if alone.any() else {}
    mode = "lines+markers" if dots else "lines"
    return {"y": _floats(values), "mode": mode, "line": {"color": color, "width": width}, **dots}


def _area(values: pl.Series) -> dict[str, object]:
    """The area below a line without gaps. Plotly would fill those, too."""
    return {} if values.null_count() else {"fill": "tozeroy", "fillcolor": NOW_AREA}


def _dates(dates: pl.Series, grain: Grain) -> dict[str, object]:
    """The x of a trace: a start and a step where the step is even, which is a tenth of the bytes."""
    step = _STEPS_MS.get(grain)
    if step is None or len(dates) < 2 or not _is_even(dates, step):  # noqa: PLR2004
        return {"x": _strings(dates)}
    return {"x0": str(dates[0]), "dx": step}


def _is_even(dates: pl.Series, step_ms: int) -> bool:
    return bool((dates.diff().drop_nulls() == timedelta(milliseconds=step_ms)).all())


def _floats(values: pl.Series) -> object:
    return values.cast(pl.Float64).to_numpy()


def _hover(axis: str, kind: Format, notation: Notation) -> str:
    if kind is Format.MONEY:
        return f"<b>{notation.symbol}%{{{axis}:,.2f}}</b>"
    return f"<b>%{{{axis}:,.0f}}</b>"


def _time_axis(dates: pl.Series, grain: Grain) -> dict[str, object]:
    axis = {"showgrid": False, "automargin": True, "tickformatstops": _TICKS}
    if grain is Grain.WEEK or len(dates) <= _DATED_BUCKETS:
        # Plotly would date weeks by their Sundays, and a single day by its hours.
        axis["tickvals"] = _strings(dates.gather_every(ceil(len(dates) / _DATED_BUCKETS) or 1))
    return axis


def _strings(dates: pl.Series) -> list[str]:
    return dates.dt.strftime("%Y-%m-%d").to_list()


def _value_axis(values: pl.DataFrame, kind: Format, notation: Notation) -> dict[str, object]:
    """From zero to the greatest value, with round numbers written as everywhere else."""
    highest = max((float(value) for column in values for value in column.drop_nulls()), default=0.0)
    ticks = axis(highest, kind)
    return {
        "range": [0, ticks[-1] * 1.02 or 1],
        "tickvals": ticks,
        "ticktext": [notation.short(tick, kind) for tick in ticks],
        "gridcolor": GRID,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }


def _layout(notation: Notation) -> go.Layout:
    return go.Layout(
        height=340,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        separators=notation.separators,
        hovermode="x unified",
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None},
    )

"""What all charts share: colours by meaning, which read on light and on dark, axes, and how numbers are written."""

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeAlias
from zlib import crc32

import plotly.graph_objects as go
import polars as pl

from dashboard.notation import Format, Notation, axis

NOW = "#2e7de1"
NOW_AREA = "rgba(46, 125, 225, 0.10)"
BEFORE = "#8d99ae"
BEFORE_AREA = "rgba(141, 153, 174, 0.35)"
PALE = 0.35
"""Opacity of marks that are not chosen."""
GRID = "rgba(141, 153, 174, 0.25)"
FAILED = "#d9363e"
MORE, LESS = "#2e7de1", "#e69f00"
"""Of differences: two colours that everyone can tell apart. Whether more is good depends on the measure."""
TEXT = "#000037"
"""Streamlit puts the colour of the theme's text in its place, in the browser."""
MANY = ("#2e7de1", "#e69f00", "#0f9d7a", "#cc79a7", "#56b4e9", "#d55e00", "#a8483c", "#526b94")
"""Of things that stand beside each other: those of Okabe and Ito, and two more that keep as far from them for those who
see less red or green."""

MARGIN = {"l": 8, "r": 8, "t": 28, "b": 8}
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
LOW_MARGIN = MARGIN | {"t": 8}
"""Of a chart without a legend."""

Trace: TypeAlias = dict[str, Any]

CONFIG = {
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "png", "scale": 2, "filename": "daybook"},
    "scrollZoom": False,
}
"""Options of Plotly's toolbar, for all charts: a picture to take away."""


def shortened(text: str, longest: int = 24) -> str:
    """Text for a label that has to leave room for the marks."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def plain(text: str) -> str:
    """Text from the data, for a label: Plotly would read tags and entities in it as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colors(members: Iterable[str]) -> list[str]:
    """A colour for each member, by its label: the same on all charts, unless one before it in this chart has that.

    It then has the next colour that is free; they are given out anew once all are taken.
    """
    found: list[str] = []
    for member in members:
        taken = found[len(found) - len(found) % len(MANY) :]
        first = crc32(member.encode()) % len(MANY)
        found.append(next(color for color in (*MANY[first:], *MANY[:first]) if color not in taken))
    return found


def floats(values: pl.Series) -> object:
    return values.cast(pl.Float64).to_numpy()


def alone(values: pl.Series) -> pl.Series:
    """Where a value has no neighbour, so that a line would not show it."""
    known = values.is_not_null()
    return known & ~known.shift(1, fill_value=False) & ~known.shift(-1, fill_value=False)


def strings(dates: pl.Series) -> list[str]:
    return dates.dt.strftime("%Y-%m-%d").to_list()


_HOVERED = {
    Format.COUNT: "%{:,.0f}",
    Format.SHARE: "%{:.1%}",
    Format.SCORE: "%{:,.2f}",
    Format.DAYS: "%{:,.1f} days",
    Format.SECONDS: "%{:,.2f} s",
}


def hover(axis: str, kind: Format, notation: Notation) -> str:
    """A figure of a mark, for Plotly to fill in; ``axis`` says which."""
    written = f"{notation.symbol}%{{:,.2f}}" if kind is Format.MONEY else _HOVERED[kind]
    return f"<b>{written.replace('{', '{' + axis)}</b>"


def value_axis(values: pl.DataFrame, kind: Format, notation: Notation) -> dict[str, object]:
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


def trace(kind: str, **properties: Any) -> Trace:
    """A trace of a figure: its type, and what Plotly calls its attributes."""
    return {"type": kind, **properties}


class Drawing(go.Figure):  # type: ignore[misc] # Plotly says no types
    """A figure to be shown as it was drawn up. Plotly does not check it, which takes thirty times as long: tests do."""

    def __init__(self, data: list[Trace], layout: dict[str, Any]) -> None:
        self._drawn = data, layout

    def to_dict(self) -> dict[str, Any]:
        data, layout = self._drawn
        return {"data": data, "layout": layout | {"template": _template()}}


@cache
def _template() -> Any:
    """The looks that Streamlit has Plotly's figures take on, which it replaces by those of the theme in the browser."""
    return go.Figure().to_dict()["layout"]["template"]


def figure(notation: Notation, traces: Iterable[Trace], **layout: Any) -> go.Figure:
    """A figure of these traces; its layout is what all charts share, and what this one has of its own."""
    shared = {
        "height": 340,
        "margin": MARGIN,
        "separators": notation.separators,
        "hovermode": "x unified",
        "showlegend": True,
        "legend": LEGEND,
    }
    return Drawing([*traces], shared | layout)


def still(figure: go.Figure) -> go.Figure:
    """The figure, but nothing happens when one drags over it."""
    drawn = figure.to_dict()
    return Drawing(drawn["data"], drawn["layout"] | {"dragmode": False})

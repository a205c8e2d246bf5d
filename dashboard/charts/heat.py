"""Values by rows and columns, as shades of one colour."""

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import LOW_MARGIN, TEXT, Trace, figure, plain, trace
from dashboard.measures import Measure
from dashboard.notation import Format, Notation
from dashboard.once import once

# One hue, of which there is more where there is more: nobody takes it for another one, and the page shines through,
# be it light or dark, so the text in its own colour reads on all shades.
_SHADES = ((0.0, "rgba(46, 125, 225, 0.06)"), (1.0, "rgba(46, 125, 225, 0.75)"))
_ROW_HEIGHT = 28
_ROOM = 48  # for the signs of a row on a phone; of more, Plotly would make specks


@once
def heat(cells: pl.DataFrame, notation: Notation, across: str = "") -> go.Figure:
    """A cell for each row and column, both in the order in which they come first, the first row on top.

    ``cells``: row, column (String), value (a number; null leaves the cell blank), text (String, what stands in it; null
    is nothing) and said (String, what it says to those who point at it). ``across`` says what the columns are.
    """
    rows, columns = _places(cells["row"]), _places(cells["column"])
    return figure(
        notation,
        [_shades(cells, rows, columns)],
        height=_ROW_HEIGHT * len(rows) + (70 if across else 50),
        hovermode="closest",
        showlegend=False,
        margin=LOW_MARGIN,
        xaxis=_axis(columns) | {"side": "top", "title": {"text": plain(across), "standoff": 8}},
        yaxis=_axis(rows) | {"range": [len(rows) - 0.5, -0.5]},
    )


@once
def said(cells: pl.DataFrame, measure: Measure, notation: Notation) -> pl.DataFrame:
    """Cells (row, column, value) with what stands in them and what they say: a measure's figures."""
    values = cells["value"]
    sentences = [
        f"{row}, {column}: {notation.exact(value, measure.format)}"
        for row, column, value in cells.iter_rows()
    ]
    kind = Format.COUNT if measure.format is Format.MONEY else measure.format  # without the currency
    texts = [None if value is None else notation.short(value, kind) for value in values]
    return cells.with_columns(
        text=pl.Series(texts, dtype=pl.String), said=pl.Series(sentences, dtype=pl.String)
    )


def _places(labels: pl.Series) -> dict[str, int]:
    return {label: place for place, label in enumerate(labels.unique(maintain_order=True))}


def _shades(cells: pl.DataFrame, rows: dict[str, int], columns: dict[str, int]) -> Trace:
    values = np.full((len(rows), len(columns)), np.nan)
    said, texts = (np.full(values.shape, "", dtype=object) for _ in range(2))
    for row, column, value, text, sentence in cells.select(
        "row", "column", "value", "text", "said"
    ).iter_rows():
        if value is not None:
            place = rows[row], columns[column]
            values[place], texts[place], said[place] = value, plain(text or ""), plain(sentence)
    longest = max(cells["text"].str.len_chars().drop_nulls(), default=0)
    return trace(
        "heatmap",
        z=values,
        zmin=0,
        zmax=np.nanmax(values, initial=0) or 1,
        colorscale=_SHADES,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hoverinfo="text",
        hovertext=said,
        text=texts,
        texttemplate="%{text}" if longest * len(columns) <= _ROOM else None,
        textfont={"color": TEXT},  # Plotly would choose one as if the shades lay on white
    )


def _axis(places: dict[str, int]) -> dict[str, object]:
    return {
        "tickvals": list(places.values()),
        "ticktext": [plain(label) for label in places],
        "range": [-0.5, len(places) - 0.5],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }

"""Rows under the labels of their columns."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import polars as pl
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from dashboard import app
from dashboard.export import harmless
from dashboard.measures import Column
from dashboard.notation import MISSING, Format
from dashboard.once import once
from dashboard.ui.cards import nothing_here
from dashboard.ui.text import JOINER, escaped, zone

_SHOWN_IN_FULL = 14  # rows: ten, what comes to the others, and the total, need no scrolling
_SEEN_AT_ONCE = 9  # columns; beside more of them, the first stays in sight


def table(
    rows: pl.DataFrame,
    columns: Sequence[Column],
    alt: str,
    empty: str = "",
    key: str | None = None,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Rows under the labels of their columns, with amounts and counts written in full; ``empty`` if there are none.

    Cells can be copied into a spreadsheet, and the browser offers them as a file: none of them is a formula there.
    A row that the reader chooses is told to ``on_pick`` by its number, from 0; that needs a ``key``.
    """
    if rows.is_empty():
        st.caption(empty) if empty else nothing_here()
        return
    config = {column.name: _column_config(column, rows.schema[column.name]) for column in columns}
    if len(columns) > _SEEN_AT_ONCE:
        config[columns[0].name]["pinned"] = True
    st.dataframe(
        _shown(rows, columns),
        column_config=config,
        hide_index=True,
        height="content" if len(rows) <= _SHOWN_IN_FULL else "auto",
        placeholder=MISSING,
        alt=alt,
        **_picking(key, on_pick),
    )


def _picking(key: str | None, on_pick: Callable[[int], None] | None) -> dict[str, Any]:
    if key is None or on_pick is None:
        return {}

    def picked() -> None:
        if chosen := st.session_state[key].selection.rows:
            on_pick(chosen[0])

    return {"key": key, "on_select": picked, "selection_mode": "single-row"}


@once
def _shown(rows: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    money = [column.name for column in columns if column.format is Format.MONEY]
    links = [
        pl.Series(
            column.name, [f"{column.page}?id={quote(one, safe='')}" for one in rows[column.name]], pl.String
        )
        for column in columns
        if column.page
    ]
    shown = rows.select(column.name for column in columns)
    return harmless(shown.with_columns(pl.col(money).cast(pl.Float64), *links), JOINER)


_NUMBERS = {
    Format.COUNT: "localized",
    Format.SECONDS: "%.2f s",
    Format.MILLISECONDS: "%.2f ms",
    Format.SHARE: "percent",
    Format.SCORE: "%.2f",
    Format.DAYS: "%.1f days",
    Format.BYTES: "bytes",
}


def _column_config(column: Column, dtype: pl.DataType) -> ColumnConfig:
    kinds = st.column_config
    help = escaped(column.definition) or None
    if column.page:
        return kinds.LinkColumn(column.label, display_text=r"\?id=(.*)", help=help)
    if column.format is Format.MONEY:
        return kinds.NumberColumn(f"{column.label} ({app.notation().symbol})", format="accounting", help=help)
    if column.format:
        return kinds.NumberColumn(column.label, format=_NUMBERS[column.format], help=help)
    if dtype == pl.Date:
        return kinds.DateColumn(column.label, format="ddd D MMM YYYY")
    if isinstance(dtype, pl.Datetime):
        return kinds.DatetimeColumn(column.label, format="D MMM YYYY, HH:mm:ss", timezone=zone())
    return kinds.Column(column.label, help=help)

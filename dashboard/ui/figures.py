"""Charts, with their text alternative, what they leave out, and their badge."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from dashboard import app, charts
from dashboard.data import Frame
from dashboard.export import Sheet
from dashboard.measures import Measure
from dashboard.once import once
from dashboard.ui.cards import nothing_here
from dashboard.ui.taking import foot
from dashboard.ui.text import escaped


def drawing(figure: go.Figure, alt: str) -> None:
    """A chart of what does not come from the cache, with its text alternative."""
    st.plotly_chart(figure, config=charts.CONFIG, alt=alt)


def chart(
    figure: go.Figure,
    source: Frame,
    alt: str,
    note: str = "",
    empty: str = "",
    sheet: Sheet | None = None,
    key: str | None = None,
    on_pick: Callable[[Any], None] | None = None,
    on_zoom: Callable[[date, date], None] | None = None,
) -> None:
    """A chart with its text alternative, what it leaves out, and its foot; ``empty`` where there are no rows.

    ``sheet`` says what its rows are to those who want them. A click on a mark calls ``on_pick`` with its
    ``customdata``, and dragging over days calls ``on_zoom`` with the first and the last of them, but on a phone; either
    needs a ``key``.
    """
    if source.rows.is_empty():
        st.caption(empty) if empty else nothing_here()
        return
    if on_zoom and _is_handheld():
        figure, on_zoom = charts.still(figure), None  # a finger scrolls the page
    if key is None or not (on_pick or on_zoom):
        st.plotly_chart(figure, config=charts.CONFIG, alt=alt)
    else:
        st.plotly_chart(
            figure,
            config=charts.CONFIG,
            alt=alt,
            key=key,
            on_select=partial(_picked, key, on_pick, on_zoom),
            selection_mode=["points"] if on_pick else ["box"],
        )
    if note:
        st.caption(escaped(note))
    foot(source, alt, sheet)


def _is_handheld() -> bool:
    """Whether the browser says so: https://developer.mozilla.org/docs/Web/HTTP/Guides/Browser_detection_using_the_user_agent"""
    return "Mobi" in st.context.headers.get("User-Agent", "")


def _picked(
    key: str, on_pick: Callable[[Any], None] | None, on_zoom: Callable[[date, date], None] | None
) -> None:
    selection = st.session_state[key].selection
    last = f"{key} last picked"
    if on_zoom and selection.box:
        first, end = sorted(str(edge)[:10] for edge in selection.box[0]["x"])
        on_zoom(date.fromisoformat(first), date.fromisoformat(end))
    if on_pick:
        # A click on the mark that was clicked last gives no points.
        picked = selection.points[0].get("customdata") if selection.points else st.session_state.get(last)
        st.session_state[last] = picked
        if picked is not None:
            on_pick(picked[0] if isinstance(picked, list) else picked)


@once
def rest(members: pl.DataFrame, top: int, measure: Measure) -> str:
    """What a chart of the top members leaves out, in words; ``members`` is ``explore.ranking``."""
    others = members.slice(top).filter(pl.col("value") != 0)["value"]
    total = members["value"].sum()
    if not total or others.is_empty():
        return ""
    share = f"{float(others.sum()) / float(total):.0%}"
    return (
        f"The other {len(others):,} come to {app.notation().figure(others.sum(), measure.format)}, "
        f"{share} of all."
    )

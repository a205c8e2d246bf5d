"""Single figures: tiles of measures with their change, and others with their course."""

from collections.abc import Sequence

import polars as pl
import streamlit as st

from dashboard import app
from dashboard.data import Frame, Provenance
from dashboard.measures import Measure, change
from dashboard.once import once
from dashboard.ui.badge import badge
from dashboard.ui.text import escaped


def tiles(measures: Sequence[Measure], now: Frame, before: Frame | None, series: Frame | None = None) -> None:
    """A tile a measure: the figure, its change against the comparison, and its course over complete buckets."""
    courses = _courses(series.rows, [one.name for one in measures]) if series else {}
    with st.container(horizontal=True):
        for measure in measures:
            value = now.rows[measure.name][0]
            value_before = before.rows[measure.name][0] if before else None
            _tile(measure, value, value_before, courses.get(measure.name, []), compared=before is not None)
    shown = (frame.provenance for frame in (now, before, series) if frame)
    badge(Provenance.merged(*shown), "tiles")


@once
def _courses(rows: pl.DataFrame, names: Sequence[str]) -> dict[str, list[float]]:
    """The figures of the buckets that are over."""
    shown = rows.filter("is_complete").select(pl.col(names).cast(pl.Float64).fill_null(0))
    return shown.to_dict(as_series=False)


def _tile(
    measure: Measure, value: float | None, before: float | None, course: Sequence[float], *, compared: bool
) -> None:
    notation = app.notation()
    ratio = change(value, before)
    then = "nothing to compare with" if compared and ratio is None else None
    st.metric(
        measure.label,
        escaped(notation.figure(value, measure.format)),
        then if ratio is None else notation.share(ratio),
        delta_color="normal" if ratio else "off",
        delta_arrow="off" if not ratio else "up" if ratio > 0 else "down",
        delta_description=escaped(f"from {notation.figure(before, measure.format)}")
        if ratio is not None
        else None,
        help=escaped(f"{measure.definition} Exactly {notation.exact(value, measure.format)}."),
        chart_data=course if len(course) > 1 else None,
        chart_type="area",
        border=True,
        height="stretch",
    )


def figure(
    label: str, value: str, help: str = "", course: Sequence[float] = (), *, is_framed: bool = False
) -> None:
    """A figure with what it says to those who point at it, and its course. One in no card is framed."""
    st.metric(
        label,
        escaped(value),
        help=escaped(help) or None,
        chart_data=course if len(course) > 1 else None,
        border=is_framed,
        height="stretch" if is_framed else "content",
    )

"""Ways to take rows away: as files, from where they are shown."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from dashboard import app, export
from dashboard.data import Frame
from dashboard.explore import Filters
from dashboard.export import FileType, Sheet
from dashboard.measures import Column, Measure
from dashboard.ui.badge import badge_parts
from dashboard.ui.cards import guarded
from dashboard.ui.tables import table
from dashboard.window import Window


def sheet(
    title: str,
    columns: Sequence[Column],
    source: Frame,
    window: Window | None = None,
    filters: Filters = (),
    measures: Sequence[Measure] = (),
) -> Sheet:
    """What rows, of a window if of any, are as a file; titles are different on a page."""
    said = export.notes(source.provenance, window, filters, measures)
    days = f" {window.start} to {window.last}" if window else ""
    return Sheet(f"{title}{days}", columns, app.notation(), said)


def foot(source: Frame, of: str, sheet: Sheet | None = None, *, is_table: bool = False) -> None:
    """Below a chart or a table: where its figures come from, and its rows, to be read and taken away."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        badge_parts(source.provenance, of)
        if sheet:
            take_away(sheet, source, is_table=is_table)


def take_away(sheet: Sheet, frame: Frame, *, is_table: bool = True) -> None:
    """A button that opens the rows, unless they are shown as a table already, and the choice of files with them."""
    with guarded():
        menu = st.popover(
            ":gray[:small[Export]]" if is_table else ":gray[:small[Data]]",
            icon=":material/download:" if is_table else ":material/table:",
            type="tertiary",
            key=f"take away {sheet.title}",
            on_change="rerun",
        )
        if menu.open:
            with menu:
                if not is_table:
                    table(frame.rows, sheet.columns, alt=f"{sheet.title}, as a table.")
                _files(sheet, frame)


def _files(sheet: Sheet, frame: Frame) -> None:
    st.caption(f"{len(frame.rows):,} rows, with what they are and where they come from.")
    with st.container(horizontal=True):
        for kind in FileType:
            st.download_button(
                kind.label,
                partial(export.content, kind, sheet, frame.rows),
                file_name=export.file_name(kind, sheet.title),
                mime=kind.mime,
                key=f"export {sheet.title} {kind}",
                on_click="ignore",
            )


def statement(sql: str) -> None:
    """The SQL that an answer stands on, to be read and copied."""
    shown = st.expander("SQL", icon=":material/code:", type="compact", key="sql", on_change="rerun")
    if shown.open:
        with shown:
            st.code(sql, language="sql", wrap_lines=True)


def download(
    label: str, content: Callable[[], bytes], file_name: str, mime: str, key: str | None = None
) -> None:
    """A button whose file is made when it is clicked; several of one label and name need a key each."""
    st.download_button(
        label, content, file_name=file_name, mime=mime, key=key, on_click="ignore", icon=":material/download:"
    )

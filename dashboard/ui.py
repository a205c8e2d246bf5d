"""The parts that pages are put together from: tiles, cards, charts, tables, badges and their errors."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import polars as pl
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig
from streamlit.navigation.page import StreamlitPage

from dashboard import app, charts, live
from dashboard.advice import Level, Verdict
from dashboard.data import Asked, Frame, Provenance
from dashboard.errors import DaybookError
from dashboard.measures import Column, Dimension, Measure, change
from dashboard.notation import MISSING, Format
from dashboard.window import Span

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
# What Streamlit reads in the text that is left when Markdown is done: addresses, :emoji:, arrows.
_LIVELY = re.compile(r"(?<=:)(?=\S)|(?<=@)|(?<=www)(?=\.)|(?<=[-<>=~])(?=[-<>=~])", re.IGNORECASE)
_JOINER = "\u2060"  # takes no room and breaks no line

_SOURCES = {
    "database": ":material/database: fresh from the database",
    "memory": ":material/bolt: from memory",
    "redis": ":material/bolt: from Redis",
    "disk": ":material/bolt: from the disk cache",
    "stale": ":material/history: kept from before, as the database does not answer",
}
_VERDICTS = {
    Level.GOOD: (st.success, ":material/check_circle:"),
    Level.NOTE: (st.info, ":material/info:"),
    Level.WARNING: (st.warning, ":material/warning:"),
    Level.BAD: (st.error, ":material/error:"),
}
_COLOURS = {Level.GOOD: "green", Level.NOTE: "blue", Level.WARNING: "orange", Level.BAD: "red"}


def show(page: StreamlitPage) -> None:
    """Draw a page under its head, and let it learn of newer data; what fails shows its error."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(page.title, anchor=False)
        corner = st.container(horizontal=True, vertical_alignment="center", width="content")
    try:
        with guarded():
            page.run()
    finally:  # also of a page that stops, for want of data
        if live.is_served():
            with corner:
                live.listen(app.data())


def escaped(text: str) -> str:
    """Text from the data or an error, so that Streamlit's Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\1", _LIVELY.sub(_JOINER, text))


class Tag(NamedTuple):
    """A word or two about a thing, and how bad that is."""

    text: str
    level: Level


@contextmanager
def card(title: str, help: str | None = None, tag: Tag | None = None) -> Iterator[None]:
    """A box with a title. What fails inside shows its error there, and the rest of the page lives on."""
    state = f" :{_COLOURS[tag.level]}-badge[{escaped(tag.text)}]" if tag else ""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{escaped(title)}**{state}", help=help)
        with guarded():
            yield


@contextmanager
def guarded() -> Iterator[None]:
    """Show an error in the place of what could not be shown."""
    try:
        with app.one_state():
            yield
    except DaybookError as error:
        st.error(escaped(str(error)), icon=":material/error:")


def verdict(said: Verdict) -> None:
    """What is the matter and what to do about it, in a colour that says how bad it is."""
    show, icon = _VERDICTS[said.level]
    show(f"**{_spoken(said.finding)}** {_spoken(said.advice)}", icon=icon)


def _spoken(text: str) -> str:
    """A sentence of ours, in which nothing is markup but what stands between backticks."""
    parts = text.split("`")
    return "".join(f"`{part}`" if number % 2 else escaped(part) for number, part in enumerate(parts))


def no_data() -> None:
    """What a page says while there is not a single order."""
    st.info(
        "There are no orders yet. Load a demo shop with `python -m dashboard load demo`, or the Olist files "
        "with `python -m dashboard load olist DIRECTORY`, then reload this page.",
        icon=":material/inbox:",
    )


def tiles(measures: Sequence[Measure], now: Frame, before: Frame | None, series: Frame) -> None:
    """A tile a measure: the figure, its change against the comparison, and its course over complete buckets."""
    course = series.rows.filter("is_complete")
    with st.container(horizontal=True):
        for measure in measures:
            value = now.rows[measure.name][0]
            value_before = before.rows[measure.name][0] if before else None
            _tile(measure, value, value_before, course[measure.name], compared=before is not None)
    shown = [now, series] if before is None else [now, before, series]
    badge(Provenance.merged(*(frame.provenance for frame in shown)), "tiles")


def _tile(
    measure: Measure, value: float | None, before: float | None, course: pl.Series, *, compared: bool
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
        chart_data=course.cast(pl.Float64).fill_null(0).to_list() if len(course) > 1 else None,
        chart_type="area",
        border=True,
        height="stretch",
    )


def line(text: str, icon: str = "") -> None:
    """A line of small print, behind an icon."""
    st.caption(f":material/{icon}: {escaped(text)}" if icon else escaped(text))


def raw(text: str) -> None:
    """Text from the database as it is, to be read in full and copied."""
    st.code(text, language=None, wrap_lines=True)


def figure(label: str, value: str, help: str = "", course: Sequence[float] = ()) -> None:
    """A figure with what it says to those who point at it, and its course."""
    st.metric(
        label, escaped(value), help=escaped(help) or None, chart_data=course if len(course) > 1 else None
    )


def facts(shown: Mapping[str, str]) -> None:
    """What is to be said, in small print, line by line behind its label."""
    st.markdown(
        "  \n".join(f":small[:gray[{escaped(label)}] {escaped(said)}]" for label, said in shown.items())
    )


def drawing(figure: go.Figure, alt: str) -> None:
    """A chart of what does not come from the cache, with its text alternative."""
    st.plotly_chart(figure, config=charts.CONFIG, alt=alt)


def chart(figure: go.Figure, source: Frame, alt: str, note: str = "") -> None:
    """A chart with its text alternative, what it leaves out, and its badge; words where there are no rows."""
    if source.rows.is_empty():
        _nothing_here()
        return
    st.plotly_chart(figure, config=charts.CONFIG, alt=alt)
    if note:
        st.caption(escaped(note))
    badge(source.provenance, alt)


def rest(members: pl.DataFrame, top: int, dimension: Dimension) -> str:
    """What a chart of the top members leaves out, in words; ``members`` is ``explore.ranking``."""
    others = members.slice(top).filter(pl.col("value") != 0)["value"]
    total = members["value"].sum()
    if not total or others.is_empty():
        return ""
    share = f"{float(others.sum()) / float(total):.0%}"
    return (
        f"The other {len(others)} come to {app.notation().figure(others.sum(), dimension.format)}, "
        f"{share} of all."
    )


def _nothing_here() -> None:
    extent = app.data().extent()
    days = Span.through(extent.first_day, extent.last_day).label() if extent else ""
    st.info(f"No orders on these days. The data covers {days}.", icon=":material/inbox:")


def badge(provenance: Provenance, of: str) -> None:
    """Where the figures of a tile come from, how old they are, up to which day there is data; and to read them anew."""
    source = _SOURCES[provenance.source]
    age = "" if provenance.source == "database" else f", computed {_ago(provenance.computed_at)}"
    through = f" · data through {provenance.data_through:%-d %b %Y}" if provenance.data_through else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{source}{age}{through}",
            help=escaped(
                f"{', '.join(provenance.queries)}. Data version {provenance.version}; "
                f"{provenance.database_ms:,.0f} ms in the database."
            ),
            width="content",
        )
        st.button(
            ":gray[:small[Read anew]]",
            icon=":material/refresh:",
            type="tertiary",
            key=f"renew {of}",
            help="Ask the database again, whatever the cache has.",
            on_click=_renew,
            args=(provenance.asked,),
        )


def _renew(asked: tuple[Asked, ...]) -> None:
    with guarded():
        app.process_data().reading().renew(asked)


def _ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"


def zone() -> str:
    """The time zone of who reads; UTC if the browser names none that is known here."""
    try:
        return ZoneInfo(st.context.timezone or "UTC").key
    except (KeyError, ValueError, OSError):
        return "UTC"


def exact(moment: datetime | None) -> str:
    """A moment to the second, where the reader is; nothing if there is none."""
    if moment is None:
        return ""
    return f"{moment.astimezone(ZoneInfo(zone())):%-d %b %Y, %H:%M:%S} ({zone()})"


def table(rows: pl.DataFrame, columns: Sequence[Column], alt: str, empty: str = "") -> None:
    """Rows under the labels of their columns, with amounts and counts written in full; ``empty`` if there are none."""
    if rows.is_empty():
        st.caption(empty) if empty else _nothing_here()
        return
    money = [column.name for column in columns if column.format is Format.MONEY]
    st.dataframe(
        rows.select(column.name for column in columns).with_columns(pl.col(money).cast(pl.Float64)),
        column_config={column.name: _column_config(column, rows.schema[column.name]) for column in columns},
        hide_index=True,
        placeholder=MISSING,
        alt=alt,
    )


def _column_config(column: Column, dtype: pl.DataType) -> ColumnConfig:
    match column.format:
        case Format.MONEY:
            label = f"{column.label} ({app.notation().symbol})"
            return st.column_config.NumberColumn(label, format="accounting")
        case Format.COUNT:
            return st.column_config.NumberColumn(column.label, format="localized")
        case Format.SECONDS:
            return st.column_config.NumberColumn(column.label, format="%.2f s")
        case _ if dtype == pl.Date:
            return st.column_config.DateColumn(column.label, format="ddd D MMM YYYY")
        case _ if isinstance(dtype, pl.Datetime):
            return st.column_config.DatetimeColumn(
                column.label, format="D MMM YYYY, HH:mm:ss", timezone=zone()
            )
        case _:
            return st.column_config.Column(column.label)


def download(
    label: str, content: Callable[[], bytes], file_name: str, mime: str, key: str | None = None
) -> None:
    """A button whose file is made when it is clicked; several of one label and name need a key each."""
    st.download_button(
        label, content, file_name=file_name, mime=mime, key=key, on_click="ignore", icon=":material/download:"
    )

"""What a page is made of: its cards, and the place where an error becomes a message."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import streamlit as st

from dashboard import app
from dashboard.advice import Level, Verdict
from dashboard.errors import DaybookError
from dashboard.ui.text import escaped, spoken
from dashboard.window import Span

_VERDICTS = {
    Level.GOOD: (st.success, ":material/check_circle:"),
    Level.NOTE: (st.info, ":material/info:"),
    Level.WARNING: (st.warning, ":material/warning:"),
    Level.BAD: (st.error, ":material/error:"),
}
_COLOURS = {Level.GOOD: "green", Level.NOTE: "blue", Level.WARNING: "orange", Level.BAD: "red"}


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
    show(f"**{spoken(said.finding)}** {spoken(said.advice)}", icon=icon)


def no_data() -> None:
    """What a page says while there is not a single order."""
    st.info(
        "There are no orders yet. Load a demo shop with `python -m dashboard load demo`, or the Olist files "
        "with `python -m dashboard load olist DIRECTORY`, then reload this page.",
        icon=":material/inbox:",
    )


def unknown(kind: str, name: str) -> None:
    """What a page about one thing says if there is no such thing, or none was named."""
    said = (
        f"There is no {kind} {name}." if name else f"The address names no {kind}: it ends in ?id=, and an id."
    )
    st.info(escaped(said), icon=":material/search_off:")


def nothing_here() -> None:
    extent = app.data().extent()
    days = Span.through(extent.first_day, extent.last_day).label() if extent else ""
    st.info(f"No orders on these days. The data covers {days}.", icon=":material/inbox:")

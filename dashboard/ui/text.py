"""Words on a page, in which nothing from the data becomes markup."""

import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
# What Streamlit reads in the text that is left when Markdown is done: addresses, :emoji:, arrows.
_LIVELY = re.compile(r"(?<=:)(?=\S)|(?<=@)|(?<=www)(?=\.)|(?<=[-<>=~])(?=[-<>=~])", re.IGNORECASE)
JOINER = "\u2060"
"""Takes no room and breaks no line."""


def escaped(text: str) -> str:
    """Text from the data or an error, so that Streamlit's Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\1", _LIVELY.sub(JOINER, text))


def spoken(text: str) -> str:
    """A sentence of ours, in which nothing is markup but what stands between backticks."""
    parts = text.split("`")
    return "".join(f"`{part}`" if number % 2 else escaped(part) for number, part in enumerate(parts))


def line(text: str, icon: str = "") -> None:
    """A line of small print, behind an icon."""
    st.caption(f":material/{icon}: {escaped(text)}" if icon else escaped(text))


def raw(text: str) -> None:
    """Text from the database as it is, to be read in full and copied."""
    st.code(text, language=None, wrap_lines=True)


def facts(shown: Mapping[str, str]) -> None:
    """What is to be said, in small print, line by line behind its label."""
    st.markdown(
        "  \n".join(f":small[:gray[{escaped(label)}] {escaped(said)}]" for label, said in shown.items())
    )


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

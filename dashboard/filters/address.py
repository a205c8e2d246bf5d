"""The URL as the state of pages: widgets show what it says, and change it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import streamlit as st

from dashboard.measures import DIMENSIONS, MEASURES, Measure
from dashboard.window import Span, write_days

WINDOW = ("range", "compare", "grain")
MEMBERS = tuple(name for name, one in DIMENSIONS.items() if not one.dtype.is_temporal())
"""Dimensions that the URL can filter by; days are the window's."""

_CARRIED = (*WINDOW, "incomplete", *MEMBERS)
_REMEMBERED = "last address"


def recall() -> None:
    """Go on with what the page before showed, on one that was reached through the menu: its URL says nothing."""
    if not any(key in st.query_params for key in _CARRIED):
        st.query_params.update(st.session_state.get(_REMEMBERED, {}))


def keep(window: Mapping[str, str]) -> None:
    """Say the window in the URL, and remember all that the next page shows as well."""
    if any(st.query_params.get(key) != window[key] for key in WINDOW):
        st.query_params.update(window)
    said = {name: st.query_params.get_all(name) for name in _CARRIED}
    st.session_state[_REMEMBERED] = {name: values for name, values in said.items() if values}


def ask(**changes: str | Sequence[str]) -> None:
    """Have the URL say something else; an empty sequence says nothing."""
    for name, said in changes.items():
        if said:
            st.query_params[name] = said
        else:
            st.query_params.pop(name, None)


def leaves_out_incomplete() -> bool:
    """Whether the reader wants buckets that are over only."""
    return st.query_params.get("incomplete") == "out"


def zoom(first: date, last: date) -> None:
    """Look at these days only."""
    ask(range=write_days(Span.through(first, last)))


def let_show(key: str, value: object) -> None:
    """Let a widget show what the URL says.

    Also when the state has that value: it may be that of the page before, whose widget was another one.
    """
    st.session_state[key] = value


def asked(name: str, options: Sequence[str]) -> str:
    """Which of the options the URL says; the first, if it says none of them."""
    said = st.query_params.get(name, options[0])
    return said if said in options else options[0]


def choice(name: str, label: str, options: Mapping[str, str]) -> str:
    """Draw a choice of one of the options, given by name and label; the name of the one that the URL says."""
    chosen = asked(name, list(options))
    let_show(name, chosen)
    st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        key=name,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: ask(**{name: st.session_state[name]}),
    )
    return chosen


def measure(measures: Iterable[Measure] = tuple(MEASURES.values())) -> Measure:
    """Draw the choice of a measure; the one that the page shows."""
    known = {one.name: one for one in measures}
    return known[choice("measure", "Measure", {name: one.label for name, one in known.items()})]

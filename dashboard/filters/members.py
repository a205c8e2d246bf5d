"""What pages are filtered by: members of dimensions, chosen from lists or by clicking marks."""

from collections.abc import Sequence
from datetime import date

import streamlit as st

from dashboard import app, explore, ui
from dashboard.errors import ParameterError
from dashboard.explore import Breakdown, Filter, Filters, Member
from dashboard.filters.address import MEMBERS, ask, let_show, zoom
from dashboard.measures import CATEGORY, ORDERS, PAYMENT_TYPE, STATE, STATUS, Dimension
from dashboard.notation import Format
from dashboard.window import Grain, Span

_LISTED = (STATE, CATEGORY, PAYMENT_TYPE, STATUS)
_NAMED = 2  # members that a chip has room for
_COMPARED, _MOST_COMPARED = 2, 4


def readable() -> Filters:
    """What the URL says; without what can't be read, of which it is said so."""
    found: Filters = ()
    for name in MEMBERS:
        if members := st.query_params.get_all(name):
            try:
                found += explore.filters({name: members})
            except ParameterError as error:
                st.warning(ui.escaped(f"A part of the address is ignored. {error}"))
    return found


def choices(span: Span, only: Filters) -> None:
    """Draw lists to choose from, with how many orders each member has under the other filters."""
    lists = st.popover("Filters", icon=":material/filter_alt:", key="filter-lists", on_change="rerun")
    if lists.open:
        with lists, ui.guarded():
            for dimension in _LISTED:
                _list(dimension, span, only)


def chips(only: Filters) -> None:
    """Draw each filter, to be taken away by a click, and one click for all."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips"):
        for one in only:
            st.button(
                f"{ui.escaped(described(one))} :material/close:",
                key=f"without {one.dimension.name}",
                help=f"Show every {one.dimension.label.lower()} again.",
                on_click=ask,
                kwargs={one.dimension.name: []},
            )
        st.button(
            "Clear filters",
            type="tertiary",
            on_click=ask,
            kwargs={one.dimension.name: [] for one in only},
        )


def described(one: Filter) -> str:
    """A filter in words: ``State: SP, RJ and 3 more``."""
    named = ", ".join(one.dimension.brief_of(member) for member in one.members[:_NAMED])
    more = len(one.members) - _NAMED
    return f"{one.dimension.label}: {named}{f' and {more} more' if more > 0 else ''}"


def toggle(dimension: Dimension, member: Member) -> None:
    """Filter by a member of a dimension as well, or no longer."""
    members = st.query_params.get_all(dimension.name)
    text = str(member)
    ask(**{dimension.name: [one for one in members if one != text] + [text] * (text not in members)})


def pick(dimensions: Sequence[Dimension], mark: str) -> None:
    """Filter by what a mark stands for (see ``explore.marked``), or look at its days."""
    for dimension, member in explore.members_of(mark, dimensions):
        if isinstance(member, date):
            days = Grain(dimension.name).span(member)
            zoom(days.start, days.last)
        else:
            toggle(dimension, member)


def without(only: Filters, dimension: Dimension) -> Filters:
    """The filters but for those by a dimension: what a list or a chart of its members is subject to."""
    return tuple(one for one in only if one.dimension is not dimension)


def members(only: Filters, dimension: Dimension) -> tuple[str, ...]:
    """The members of a dimension that are filtered by, as texts; none if all are shown."""
    return tuple(text for one in only if one.dimension is dimension for text in one.texts)


def compared(name: str, dimension: Dimension, members: Sequence[str]) -> tuple[str, ...]:
    """Draw a choice of members to be compared: those that the URL says, even if they are not listed, or the first."""
    said = list(dict.fromkeys(st.query_params.get_all(name)))[:_MOST_COMPARED]
    chosen = said or list(members[:_COMPARED])
    let_show(name, chosen)
    st.multiselect(
        "Side by side",
        [*members, *(one for one in chosen if one not in members)],
        format_func=dimension.label_of,
        key=name,
        max_selections=_MOST_COMPARED,
        help=f"Up to {_MOST_COMPARED}. {dimension.definition}",
        on_change=lambda: ask(**{name: st.session_state[name]}),
    )
    return tuple(chosen)


def _list(dimension: Dimension, span: Span, only: Filters) -> None:
    asked = Breakdown((ORDERS,), (dimension,), without(only, dimension))
    counts = dict(explore.breakdown(app.data(), span, asked).rows.sort("orders", descending=True).iter_rows())
    chosen = list(members(only, dimension))
    key = f"only {dimension.name}"
    let_show(key, chosen)
    st.multiselect(
        dimension.label,
        [*counts, *(member for member in chosen if member not in counts)],
        format_func=lambda member: (
            f"{dimension.label_of(member)} · {app.notation().exact(counts.get(member, 0), Format.COUNT)}"
        ),
        key=key,
        help=dimension.definition,
        placeholder="All",
        select_all=False,
        on_change=lambda: ask(**{dimension.name: st.session_state[key]}),
    )

"""The saved views of a page: a list to open them from, and to save, rename and delete them in."""

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from dashboard import app, live, saved_views
from dashboard.database import Database
from dashboard.errors import DaybookError, NameTaken
from dashboard.saved_views import LONGEST, Query, SavedView
from dashboard.ui.cards import guarded
from dashboard.ui.orders import PLACE
from dashboard.ui.text import escaped, line

P = ParamSpec("P")

OPENED = "saved"
"""The parameter of the URL that says which view was opened; it opens none, for the rest of the URL is what counts."""

_NOT_SAVED = (OPENED, PLACE, live.PARAMETER)
_MENU, _NAME = "views", "name of the view"
_DOING = "what is done to which view"
_FAILED = "why a view stayed as it was"
_HAS_OPENED = "the page is to show another view"

_HELP = {  # whether it is open, and changed since
    (False, False): "Show the page as it was saved.",
    (True, False): "The page shows this view.",
    (True, True): "The page shows something else since this was opened. Show it as it was saved.",
}
_MANY, _HEIGHT_PX = 8, 330


@st.fragment
def views(page: str) -> None:
    """A button that opens the saved views of a page, by its path. They are read from the database only then."""
    if st.session_state.pop(_HAS_OPENED, False):
        st.rerun()
    menu = st.popover("Views", icon=":material/bookmarks:", type="tertiary", key=_MENU, on_change="rerun")
    if menu.open:
        with menu, guarded():
            _draw(page)
    else:
        _leave()
        st.session_state.pop(_FAILED, None)


def _draw(page: str) -> None:
    if failed := st.session_state.pop(_FAILED, ""):
        st.error(escaped(failed), icon=":material/error:")
    found = saved_views.listed(_database(), page)
    with st.container(gap="xxsmall", height=_HEIGHT_PX if len(found) > _MANY else "content"):
        for view in found:
            _row(view)
    if not found:
        line("Nobody saved a view of this page yet.", "bookmark")
    with (
        st.form("save view", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        st.text_input("Save what the page shows as", key=_NAME, max_chars=LONGEST)
        st.form_submit_button("Save", on_click=_attempt, args=(_save, page))
    line("Everybody who can open this dashboard sees these views, and can change them.")


def _row(view: SavedView) -> None:
    what, view_id = st.session_state.get(_DOING, ("", None))
    draw = _ROWS[what] if view_id == view.view_id else _choices
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        draw(view)


def _choices(view: SavedView) -> None:
    number = view.view_id
    is_open = st.query_params.get(OPENED) == str(number)
    is_changed = is_open and _address() != view.query
    with st.container(horizontal=True):
        st.button(
            f"{escaped(view.name)}{' :gray[:small[changed since]]' if is_changed else ''}",
            icon=":material/check:" if is_open else ":material/bookmark:",
            type="tertiary",
            key=f"open view {number}",
            help=_HELP[is_open, is_changed],
            on_click=_open,
            args=(view,),
        )
    with st.container(horizontal=True, gap="small", width="content"):
        if is_changed:
            _ask("replace", number, ":material/save:", "Save what the page shows under this name.")
        _ask("rename", number, ":material/edit:", "Rename")
        _ask("delete", number, ":material/delete:", "Delete")


def _ask(what: str, number: int, icon: str, help: str) -> None:
    """A button that puts a row into another state."""
    st.button(
        "",
        icon=icon,
        type="tertiary",
        key=f"{what} view {number}",
        help=help,
        on_click=st.session_state.__setitem__,
        args=(_DOING, (what, number)),
    )


def _renaming(view: SavedView) -> None:
    key = f"other name of view {view.view_id}"
    with (
        st.form(f"rename view {view.view_id}", border=False),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        st.text_input("Name", view.name, key=key, max_chars=LONGEST, label_visibility="collapsed")
        st.form_submit_button("Rename", type="primary", on_click=_attempt, args=(_rename, view, key))
        st.form_submit_button("Cancel", on_click=_leave)


def _replacing(view: SavedView) -> None:
    _confirmation(view, "Replace", "by what the page shows?", _replace)


def _deleting(view: SavedView) -> None:
    _confirmation(view, "Delete", "for good?", _delete)


_ROWS = {"rename": _renaming, "replace": _replacing, "delete": _deleting}


def _confirmation(view: SavedView, label: str, question: str, action: Callable[[SavedView], None]) -> None:
    """Where the button to this was, a second click does nothing."""
    st.markdown(f"{label} **{escaped(view.name)}** {question}", width="stretch")
    st.button(label, type="primary", key=f"{label} {view.view_id}", on_click=_attempt, args=(action, view))
    st.button("Keep", key=f"keep {view.view_id}", on_click=_leave)


def _leave() -> None:
    st.session_state.pop(_DOING, None)


def _attempt(action: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do what was clicked for, before the list is read again; what fails is said above it."""
    try:
        action(*args, **kwargs)
    except DaybookError as error:
        st.session_state[_FAILED] = str(error)
    else:
        _leave()


def _save(page: str) -> None:
    try:
        number = saved_views.save(_database(), page, st.session_state[_NAME], _address())
    except NameTaken as taken:
        st.session_state[_DOING] = ("replace", taken.view_id)
        raise
    st.session_state[_NAME] = ""
    st.query_params[OPENED] = str(number)


def _replace(view: SavedView) -> None:
    saved_views.replace(_database(), view, _address())
    st.session_state[_NAME] = ""
    st.query_params[OPENED] = str(view.view_id)


def _rename(view: SavedView, key: str) -> None:
    saved_views.rename(_database(), view, st.session_state[key])


def _delete(view: SavedView) -> None:
    saved_views.delete(_database(), view)
    if st.query_params.get(OPENED) == str(view.view_id):
        del st.query_params[OPENED]


def _open(view: SavedView) -> None:
    st.query_params.from_dict({**view.query, OPENED: str(view.view_id)})
    st.session_state[_MENU] = False
    st.session_state[_HAS_OPENED] = True


def _address() -> Query:
    """What the URL says of the page: neither who looks how, nor where in a list."""
    return {name: st.query_params.get_all(name) for name in st.query_params if name not in _NOT_SAVED}


def _database() -> Database:
    return app.process_data().database

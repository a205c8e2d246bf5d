"""How an open page learns of newer data: its part in the browser, and the switch in its head.

The browser holds what the page shows, and asks ``PATH`` to be told when that is outdated: see ``server.live``.
It then offers to show the new data, or in live mode does so itself. Until then no script runs.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from dashboard.data import Reading

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

PATH = "/live"
PARAMETER = "live"
"""The parameter of the URL that says that the page follows the data."""

_PACKAGE, _COMPONENT = "daybook", "live"
_NAME = f"{_PACKAGE}.{_COMPONENT}"


def register() -> None:
    """Let the pages of this process listen at ``PATH``; without it they have no live mode.

    Streamlit finds the manifests of installed packages only. The script of a component without one is text
    that the browser makes a ``blob:`` of, which our content security policy refuses.
    """
    manifest = ComponentManifest(_PACKAGE, "1", [ComponentConfig(_COMPONENT, asset_dir="frontend")])
    get_bidi_component_manager().register_from_manifest(manifest, Path(__file__).parent)


def is_served() -> bool:
    """Whether there is something to listen to: not under plain ``streamlit run``."""
    return get_bidi_component_manager().get_component_asset_root(_NAME) is not None


def listen(reading: Reading) -> None:
    """Let the page learn when what the reading answered is outdated, and draw the switch of the live mode.

    Nothing, if it answered nothing.
    """
    shown = reading.shown()
    if not (shown.parts or shown.extents):
        return
    offer = st.container(width="content")
    if st.session_state.get(PARAMETER) and PARAMETER not in st.query_params:
        st.session_state[PARAMETER] = True  # the URL was set to something else, and is to say it again
    follows = st.toggle(
        "Live",
        key=PARAMETER,
        help="Show new data by itself, as soon as there is some.",
        bind="query-params",
        persist_state="session",
        width="content",
    )
    with offer:
        _component()(
            key=_NAME, data={"path": PATH, "shown": shown.to_text(), "follows": follows}, width="content"
        )


@cache
def _component() -> "ComponentRenderer":
    return st.components.v2.component(_NAME, js="live.js", css="live.css")

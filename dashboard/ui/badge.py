"""Where the figures of a tile come from."""

from datetime import UTC, datetime
from urllib.parse import quote

import streamlit as st

from dashboard import app
from dashboard.data import Asked, Provenance
from dashboard.ui.cards import guarded
from dashboard.ui.text import escaped

_SOURCES = {
    "database": ":material/database: fresh from the database",
    "memory": ":material/bolt: from memory",
    "redis": ":material/bolt: from Redis",
    "disk": ":material/bolt: from the disk cache",
    "stale": ":material/history: kept from before, as the database does not answer",
}


def badge(provenance: Provenance, of: str) -> None:
    """Where the figures of a tile come from, how old they are, up to which day there is data; and to read them anew."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        badge_parts(provenance, of)


def badge_parts(provenance: Provenance, of: str) -> None:
    """The parts of a badge, side by side where they are."""
    source = _SOURCES[provenance.source]
    age = "" if provenance.source == "database" else f", computed {_ago(provenance.computed_at)}"
    through = f" · data through {provenance.data_through:%-d %b %Y}" if provenance.data_through else ""
    st.caption(
        f"{source}{age}{through}",
        help=", ".join(map(_linked, provenance.queries))
        + escaped(f". Data version {provenance.version}; {provenance.database_ms:,.0f} ms in the database."),
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


def _linked(query: str) -> str:
    """A query's name, as a link to what is known of its statements. In the help it costs no element of its own."""
    return f"[{escaped(query)}](slow_queries?query={quote(query, safe='')})"


def _renew(asked: tuple[Asked, ...]) -> None:
    with guarded():
        app.process_data().reading().renew(asked)


def _ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"

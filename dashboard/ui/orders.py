"""The orders behind a figure: page by page, and as files of all of them."""

import io
import secrets
from functools import partial

import streamlit as st

from dashboard import app, explore, export
from dashboard.database import Cancellation
from dashboard.errors import ParameterError
from dashboard.explore import ORDER_COLUMNS, Breakdown, Filters, OrderPage, Place
from dashboard.export import FileType
from dashboard.measures import ORDERS
from dashboard.notation import Format
from dashboard.ui.badge import badge
from dashboard.ui.cards import guarded, nothing_here
from dashboard.ui.tables import table
from dashboard.ui.text import escaped
from dashboard.window import Window

MOST_ROWS_IN_MEMORY = 50_000

PLACE = "orders"
"""The parameter of the URL that says where in the list the page is."""

_LOOK_SECONDS = 1.0


@st.fragment
def orders_table(window: Window, filters: Filters = (), key: str = PLACE) -> None:
    """The orders of the window's days that are over, newest first, with paging and export.

    ``key`` is the parameter of the URL for the place in the list; another window begins anew.
    """
    with guarded():
        _draw(window, filters, key)


def _draw(window: Window, filters: Filters, key: str) -> None:
    reading = app.data()
    counted = explore.breakdown(reading, window.elapsed, Breakdown((ORDERS,), (), filters))
    number: int = counted.rows["orders"][0]
    if not number:
        nothing_here()
        return
    page = explore.order_page(reading, window.elapsed, filters, _place(window, filters, key))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        written = app.notation().exact(number, Format.COUNT)
        orders = "order" if number == 1 else "orders, newest first"
        st.markdown(f"**{escaped(written)}** {orders}", width="content")
        _export_menu(window, filters, number, key)
    table(page.rows, ORDER_COLUMNS, alt=f"Orders of {window.label()}, newest first.")
    _turning(page, key)
    badge(page.provenance, key)


def _place(window: Window, filters: Filters, key: str) -> Place | None:
    """Where the URL says that the page begins, unless it said so of other orders."""
    of, remembered = (window.elapsed, filters), f"{key} of"
    if st.session_state.setdefault(remembered, of) != of:
        st.session_state[remembered] = of
        st.query_params.pop(key, None)
    asked = st.query_params.get(key)
    try:
        return Place.parse(asked) if asked else None
    except ParameterError as error:
        st.warning(escaped(f"The newest orders are shown. {error}"))
        return None


def _turning(page: OrderPage, key: str) -> None:
    with st.container(horizontal=True, gap="small"):
        for label, icon, place in (
            ("Newer", ":material/chevron_left:", page.newer),
            ("Older", ":material/chevron_right:", page.older),
        ):
            st.button(
                label,
                icon=icon,
                icon_position="left" if label == "Newer" else "right",
                key=f"{key} {label}",
                disabled=place is None,
                on_click=st.query_params.update,
                kwargs={key: str(place)},
            )


def _export_menu(window: Window, filters: Filters, number: int, key: str) -> None:
    menu = st.popover(
        "Export", icon=":material/download:", type="tertiary", key=f"{key} export", on_change="rerun"
    )
    if menu.open:
        with menu:
            if export.is_served():
                _links(window, filters, number, key)
            elif number <= MOST_ROWS_IN_MEMORY:
                _buttons(window, filters, key)
            else:
                st.caption(
                    f"More than {MOST_ROWS_IN_MEMORY:,} orders can be exported if the dashboard is started with "
                    "`make run`. Narrow the range, or filter."
                )


def _links(window: Window, filters: Filters, number: int, key: str) -> None:
    """Each export gets an id, by which it is asked how far it is."""
    begun = f"{key} begun"
    st.caption("All of these orders, in one state of the data.")
    if number > export.MOST_ROWS:
        st.caption(f"Excel holds the newest {export.MOST_ROWS:,} of them only.")
    for kind in FileType:
        this = secrets.token_hex(8)
        st.link_button(
            kind.label,
            export.link(kind, window, filters, this),
            key=f"{key} {kind}",
            on_click=partial(st.session_state.__setitem__, begun, this),
            width="stretch",
        )
    if begun in st.session_state:
        st.fragment(_progress, run_every=_LOOK_SECONDS)(st.session_state[begun])


def _progress(this: str) -> None:
    """How far an export is; it may not have reached the server yet."""
    so_far = export.progress(this) or export.Progress(0, 1)
    rows = f"{so_far.rows:,} of {so_far.total:,} rows"
    if so_far.has_failed:
        st.caption(f":material/error: The export broke off after {rows}.")
    elif so_far.has_ended:
        st.caption(f":material/check_circle: All {so_far.total:,} rows are in the file.")
    else:
        st.progress(so_far.share, rows if so_far.rows else "Beginning …")


def _buttons(window: Window, filters: Filters, key: str) -> None:
    for kind in FileType:
        title = export.orders_title(kind, window, 0)
        st.download_button(
            kind.label,
            partial(_in_memory, kind, window, filters),
            file_name=export.file_name(kind, title),
            mime=kind.mime,
            key=f"{key} {kind}",
            on_click="ignore",
            width="stretch",
        )


def _in_memory(kind: FileType, window: Window, filters: Filters) -> bytes:
    sink = io.BytesIO()
    with explore.streamed_orders(app.process_data(), window.elapsed, filters, Cancellation()) as stream:
        export.write_orders(kind, stream, stream.frames, window, filters, app.notation(), sink)
    return sink.getvalue()

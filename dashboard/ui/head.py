"""The head of a page: its title, its saved views, and how it learns of newer data."""

import base64
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import app, live, saved_views
from dashboard.telemetry import TRAFFIC
from dashboard.ui.cards import guarded
from dashboard.ui.views import views

_SVG = (Path(__file__).parent.parent / "icon.svg").read_bytes()
ICON = f"data:image/svg+xml;base64,{base64.b64encode(_SVG).decode()}"
"""What Streamlit would make of the file in each run of a page."""


def show(page: StreamlitPage) -> None:
    """Draw a page under its head, and let it learn of newer data; what fails shows its error."""
    path = f"/{page.url_path}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(page.title, anchor=False, width="content")
        if path in saved_views.PAGES:
            views(path)
        corner = st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center")
    try:
        with app.shown(path), TRAFFIC.rerun(path), guarded(), app.turn():
            page.run()
    finally:  # also of a page that stops, for want of data
        if live.is_served():
            with corner:
                live.listen(app.data())

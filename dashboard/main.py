"""Streamlit's entry point: the registry of pages, and nothing else."""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).with_name("icon.svg")

st.set_page_config(page_title="Daybook", page_icon=ICON, layout="wide")
st.logo(ICON, size="large")

st.navigation(
    {
        "Business": [
            st.Page(
                "../pages/business/overview.py", title="Overview", icon=":material/dashboard:", default=True
            ),
            st.Page("../pages/business/sales.py", title="Sales", icon=":material/show_chart:"),
        ],
    }
).run()

"""Streamlit's entry point: the registry of pages, and nothing else."""

import sys
from pathlib import Path

import streamlit as st

PROJECT = str(Path(__file__).parent.parent)

if PROJECT not in sys.path:  # plain `streamlit run` knows this file's folder only
    sys.path.insert(0, PROJECT)

from dashboard import ui  # noqa: E402 - only now can it be found

st.set_page_config(page_title="Daybook", page_icon=ui.ICON, layout="wide")
st.logo(ui.ICON, size="large")

page = st.navigation(
    {
        "Business": [
            st.Page(
                "../pages/business/overview.py", title="Overview", icon=":material/dashboard:", default=True
            ),
            st.Page("../pages/business/sales.py", title="Sales", icon=":material/show_chart:"),
            st.Page("../pages/business/explore.py", title="Explore", icon=":material/travel_explore:"),
            st.Page("../pages/business/products.py", title="Products", icon=":material/category:"),
            st.Page("../pages/business/customers.py", title="Customers", icon=":material/group:"),
            st.Page(
                "../pages/business/customer.py",
                title="Customer",
                icon=":material/person:",
                visibility="hidden",
            ),
            st.Page("../pages/business/reports.py", title="Reports", icon=":material/description:"),
        ],
        "Operations": [
            st.Page("../pages/ops/freshness.py", title="Freshness", icon=":material/update:"),
            st.Page("../pages/ops/cache.py", title="Cache", icon=":material/bolt:"),
            st.Page("../pages/ops/slow_queries.py", title="Slow queries", icon=":material/hourglass_bottom:"),
            st.Page("../pages/ops/database.py", title="Database", icon=":material/database:"),
            st.Page("../pages/ops/system.py", title="System", icon=":material/memory:"),
        ],
    }
)
ui.show(page)

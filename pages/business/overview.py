"""How are we doing, compared with when, and where does it come from."""

import streamlit as st

from dashboard import app, charts, explore, filters, ui
from dashboard.measures import CATEGORY, MEASURES, REVENUE, STATE

TOP = 8

window = filters.window()
data, notation = app.data(), app.notation()
compared = window.comparison_span()

with ui.guarded():
    now = explore.totals(data, window.elapsed)
    before = explore.totals(data, compared) if compared else None
    ui.tiles(list(MEASURES.values()), now, before, explore.series(data, window))

with ui.card("Revenue over time", help=REVENUE.definition):
    sales = explore.series(data, window)
    ui.chart(
        charts.timeline(sales.rows, REVENUE, window.grain, notation),
        sales,
        alt=f"Revenue by {window.grain}, {window.label()}.",
    )

for dimension, column in zip((CATEGORY, STATE), st.columns(2), strict=True):
    with column, ui.card(f"Top {dimension.label.lower()}", help=dimension.definition):
        members = explore.ranking(data, window, dimension)
        ui.chart(
            charts.ranking(members.rows.head(TOP), dimension, notation),
            members,
            alt=f"{dimension.value_label} of the top {dimension.label.lower()}, {window.label()}.",
            note=ui.rest(members.rows, TOP, dimension),
        )

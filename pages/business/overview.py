"""How are we doing, compared with when, and what made the difference."""

from functools import partial

import streamlit as st

from dashboard import app, charts, explore, filters, ui
from dashboard.measures import CATEGORY, ITEM_SALES, MEASURES, PAYMENT_TYPE, REVENUE, STATE

TOP = 8
DRIVERS = ((STATE, REVENUE), (CATEGORY, ITEM_SALES), (PAYMENT_TYPE, REVENUE))

window, only = filters.bar()
data, notation = app.data(), app.notation()
compared = window.comparison_span()

with ui.guarded():
    now = explore.totals(data, window.elapsed, only)
    before = explore.totals(data, compared, only) if compared else None
    ui.tiles(list(MEASURES.values()), now, before, explore.series(data, window, only))

with ui.card("Revenue over time", help=f"{REVENUE.definition} Drag over days to look at those only."):
    sales = explore.series(data, window, only)
    ui.chart(
        charts.timeline(sales.rows, REVENUE, window.grain, notation),
        sales,
        alt=f"Revenue by {window.grain}, {window.label()}.",
        sheet=ui.sheet(
            "Revenue over time", explore.series_columns(window, [REVENUE]), sales, window, only, [REVENUE]
        ),
        key="timeline",
        on_zoom=filters.zoom,
    )

for (dimension, measure), column in zip(DRIVERS, st.columns(len(DRIVERS)), strict=True):
    title = f"{'What changed' if compared else measure.label} by {dimension.label.lower()}"
    with column, ui.card(title, help=f"{measure.definition} Click a bar to filter by it."):
        members = explore.ranking(data, window, dimension, measure, filters.without(only, dimension))
        chosen = filters.members(only, dimension)
        ui.chart(
            charts.contributions(
                explore.contributions(members.rows, TOP), measure, dimension, notation, chosen
            )
            if compared
            else charts.ranking(
                explore.first(members.rows, TOP), measure, dimension.label_of, notation, chosen
            ),
            members,
            alt=f"{title}, {measure.label.lower()}, {window.label()}.",
            sheet=ui.sheet(
                title, explore.ranking_columns(window, dimension, measure), members, window, only, [measure]
            ),
            key=f"by {dimension.name}",
            on_pick=partial(filters.toggle, dimension),
        )

"""Sales from all sides: over time, when people buy, what orders are worth, how they arrive; and all figures by day."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard import app, charts, explore, filters, ui
from dashboard.data import Frame
from dashboard.explore import Sort
from dashboard.export import Sheet
from dashboard.measures import (
    CATEGORY,
    DELIVERED_IN,
    DELIVERY_DAYS,
    HOUR,
    INSTALLMENTS,
    ITEM_SALES,
    LATE_SHARE,
    MEASURES,
    ORDER_VALUE,
    ORDERS,
    PAYMENT_TYPE,
    REVENUE,
    STATE,
    STATUS,
    WEEKDAY,
    Column,
    Dimension,
    Measure,
)

TOP = 15
BREAKDOWNS: Mapping[str, tuple[Dimension, Measure]] = {
    one.name: (one, ITEM_SALES if one is CATEGORY else REVENUE)
    for one in (STATE, CATEGORY, PAYMENT_TYPE, STATUS, INSTALLMENTS)
}
ADDED_UP = {measure.name: measure for measure in (REVENUE, ORDERS)}

window, only = filters.bar()
data, notation = app.data(), app.notation()
sheet = partial(ui.sheet, window=window, filters=only)


def over_time() -> None:
    measure = filters.measure()
    with ui.card(f"{measure.label} by {window.grain}", help=f"{measure.definition} Drag to look closer."):
        timeline(
            explore.series(data, window, only),
            measure,
            f"{measure.label} by {window.grain}",
            explore.series_columns(window, [measure]),
        )


def cumulative() -> None:
    measure = ADDED_UP[filters.choice("of", "Measure", {name: one.label for name, one in ADDED_UP.items()})]
    with ui.card(
        f"{measure.label} so far", help=f"{measure.definition} Added up from the window's first day."
    ):
        timeline(
            explore.cumulative(explore.series(data, window, only), measure),
            measure,
            f"{measure.label} so far",
            explore.cumulative_columns(window, measure),
        )


def timeline(sales: Frame, measure: Measure, title: str, columns: Sequence[Column]) -> None:
    ui.chart(
        charts.timeline(sales.rows, measure, window.grain, notation),
        sales,
        alt=f"{title}, {window.label()}.",
        sheet=sheet(title, columns, sales, measures=[measure]),
        key="timeline",
        on_zoom=filters.zoom,
    )


def by_hour() -> None:
    measure = filters.measure()
    title = f"{measure.label} by weekday and hour"
    with ui.card(title, help=measure.definition):
        found = explore.pivot(data, window.elapsed, measure, [WEEKDAY], HOUR, only, Sort.NAME, (7, 24))
        ui.chart(
            charts.heat(charts.said(found.cells, measure, notation), notation, HOUR.label),
            found.frame,
            alt=f"{title}, {window.label()}.",
            sheet=sheet(title, found.table_columns, found.frame, measures=[measure]),
        )


def broken_down() -> None:
    names = {name: dimension.label for name, (dimension, _) in BREAKDOWNS.items()}
    dimension, measure = BREAKDOWNS[filters.choice("of", "Broken down by", names)]
    with ui.card(
        f"{measure.label} by {dimension.label.lower()}", help=f"{measure.definition} Click to filter."
    ):
        ranking(dimension, measure)


def order_values() -> None:
    with ui.card("Orders by value", help=ORDER_VALUE.definition):
        distribution(ORDER_VALUE)


def deliveries() -> None:
    with ui.card("Orders by delivery time", help=DELIVERED_IN.definition):
        distribution(DELIVERED_IN)
    for measure, column in zip((DELIVERY_DAYS, LATE_SHARE), st.columns(2), strict=True):
        with column, ui.card(f"{measure.label} by state", help=f"{measure.definition} Click to filter."):
            ranking(STATE, measure)


def distribution(dimension: Dimension) -> None:
    found = explore.ranking(data, window, dimension, ORDERS, only)
    ui.chart(
        charts.columns(found.rows, ORDERS, dimension.label_of, notation),
        found,
        alt=f"Orders by {dimension.label.lower()}, {window.label()}.",
        sheet=members_sheet(dimension, ORDERS, found),
        key=f"by {dimension.name}",
        on_pick=partial(filters.toggle, dimension),
    )


def ranking(dimension: Dimension, measure: Measure) -> None:
    found = explore.ranking(data, window, dimension, measure, filters.without(only, dimension))
    ui.chart(
        charts.ranking(
            explore.first(found.rows, TOP),
            measure,
            dimension.label_of,
            notation,
            filters.members(only, dimension),
        ),
        found,
        alt=f"{measure.label} by {dimension.label.lower()}, {window.label()}.",
        note=ui.rest(found.rows, TOP, measure) if measure.adds_up else "",
        sheet=members_sheet(dimension, measure, found),
        key=f"{measure.name} by {dimension.name}",
        on_pick=partial(filters.toggle, dimension),
    )


def members_sheet(dimension: Dimension, measure: Measure, found: Frame) -> Sheet:
    title = f"{measure.label} by {dimension.label.lower()}"
    return sheet(title, explore.ranking_columns(window, dimension, measure), found, measures=[measure])


VIEWS = {
    "time": ("Over time", over_time),
    "cumulative": ("Cumulative", cumulative),
    "hours": ("Weekday and hour", by_hour),
    "breakdown": ("Breakdown", broken_down),
    "values": ("Order values", order_values),
    "delivery": ("Delivery", deliveries),
}
chosen = filters.choice("view", "View", {name: label for name, (label, _) in VIEWS.items()})
VIEWS[chosen][1]()

with ui.card(f"All figures by {window.grain}"):
    sales, measure = explore.series(data, window, only), REVENUE
    columns = explore.series_columns(window, [measure])
    ui.table(sales.rows, columns, alt=f"Sales by {window.grain}, {window.label()}.")
    ui.foot(
        sales,
        "all figures",
        sheet(f"Sales by {window.grain}", columns, sales, measures=list(MEASURES.values())),
        is_table=True,
    )

with ui.card("The orders behind it"):
    ui.orders_table(window, only)

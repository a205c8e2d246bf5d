"""Who the customers are: new or returning, in which segment, worth how much, and whether they come back."""

from functools import partial

import streamlit as st

from dashboard import app, charts, customers, explore, filters, ui
from dashboard.measures import Column
from dashboard.notation import Format
from dashboard.window import Span

TOP = 20
SEGMENT_COLUMNS = (
    Column("member", "Segment"),
    Column("people", "People", Format.COUNT),
    Column("people_share", "of all", Format.SHARE),
    Column("revenue", "Revenue", Format.MONEY),
    Column("revenue_share", "of all revenue", Format.SHARE),
)
BEST_COLUMNS = (
    Column("customer_unique_id", "Customer", page="customer"),
    Column("revenue", "Revenue", Format.MONEY),
    Column("orders", "Orders", Format.COUNT),
    Column("segment", "Segment"),
    Column("first_order", "First order"),
    Column("last_order", "Last order"),
)
SPENDING_COLUMNS = (
    Column("from", "Paid from", Format.MONEY),
    Column("up_to", "up to", Format.MONEY),
    Column("people", "People", Format.COUNT),
    Column("people_share", "of all", Format.SHARE),
    Column("revenue", "Revenue", Format.MONEY),
)
COHORT_COLUMNS = (
    Column("cohort", "First order in the month from"),
    Column("people", "People", Format.COUNT),
    Column("month", "Months later", Format.COUNT),
    Column("returned", "Ordered again", Format.COUNT),
    Column("share", "of the people", Format.SHARE),
    Column("revenue", "Revenue", Format.MONEY),
    Column("revenue_share", "of that in their first month", Format.SHARE),
)
FIGURES = {
    "median": ("Median", "Half of the people spent this much or less."),
    "average": ("Average", "All revenue until then, divided by the people."),
    "ninetieth": ("90th percentile", "Nine in ten people spent this much or less."),
}
TOP_SPENDER = "Paid {amount} or more in all, as at least one in five of those did who paid anything."
EVERYBODY = (
    "Stands on every order up to the last day of the window, and on everybody who placed one; with filters, on "
    "everybody who placed one that passes them."
)

window, only = filters.bar()
data, notation = app.data(), app.notation()
compared = window.comparison_span()
sheet = partial(ui.sheet, window=window, filters=only)

with ui.guarded():
    now = customers.totals(data, window.elapsed, only)
    before = customers.totals(data, compared, only) if compared else None
    ui.tiles(customers.ARRIVALS, now, before, customers.series(data, window, only))

by = filters.choice("by", "Figures", {"people": "People", "revenue": "Revenue"})
parts = customers.PARTS[by]

with ui.card("New and returning customers", help=" ".join(part.definition for part in parts)):
    course = customers.series(data, window, only)
    title = f"{parts[0].label} and {parts[1].label.lower()} by {window.grain}"
    ui.chart(
        charts.stack(course.rows, parts, window.grain, notation),
        course,
        alt=f"{title}, {window.label()}.",
        sheet=sheet(
            title,
            explore.series_columns(window, customers.ARRIVALS, customers.ARRIVALS),
            course,
            measures=customers.ARRIVALS,
        ),
    )

people = customers.People.of(data, window, only)
until = Span.through(people.day, people.day).label()

with ui.card(f"Segments on {until}", help=EVERYBODY):
    segments = people.segments()
    chart, table = st.columns([2, 3])
    with chart:
        ui.chart(
            charts.shares(
                segments.rows, {"people_share": "of people", "revenue_share": "of revenue"}, notation
            ),
            segments,
            alt=f"Shares of the segments in people and in revenue until {until}.",
        )
    with table:
        ui.table(segments.rows, SEGMENT_COLUMNS, alt=f"Segments on {until} in figures.")
        ui.take_away(sheet(f"Segments on {until}", SEGMENT_COLUMNS, segments), segments)
        for much in people.typical().rows["much"]:
            amount = notation.exact(much, Format.MONEY)
            ui.facts(customers.DEFINITIONS | {"Top spender": TOP_SPENDER.format(amount=amount)})

worth, best = st.columns([4, 5])
with (
    worth,
    ui.card(f"Lifetime value until {until}", help=f"How many people paid how much in all. {EVERYBODY}"),
):
    typical = people.typical()
    with st.container(horizontal=True):
        for row in typical.rows.iter_rows(named=True):
            for name, (label, definition) in FIGURES.items():
                ui.figure(label, notation.figure(row[name], Format.MONEY), help=definition)
    spending = people.spending()
    ui.chart(
        charts.histogram(spending.rows, notation),
        spending,
        alt=f"How many people paid how much in all until {until}.",
        sheet=sheet(f"Lifetime values until {until}", SPENDING_COLUMNS, spending),
    )
with (
    best,
    ui.card(f"Who paid most until {until}", help=f"Click an id for the customer's orders. {EVERYBODY}"),
):
    high = people.best(TOP)
    title = f"The {TOP} customers with the most revenue until {until}"
    ui.table(high.rows, BEST_COLUMNS, alt=f"{title}.")
    ui.foot(high, "best customers", sheet(title, BEST_COLUMNS, high), is_table=True)

with ui.card("Do they come back?", help=customers.COHORTS):
    cohorts = customers.cohorts(data, window, only)
    ui.chart(
        charts.cohorts(cohorts.rows, notation, by_revenue=by == "revenue"),
        cohorts,
        alt=f"Customers who ordered again, by month of first order and months since, until {until}.",
        note="Months that are not over yet are blank.",
        sheet=sheet(f"Cohorts until {until}", COHORT_COLUMNS, cohorts),
        empty="Nobody's first order is so long ago that the month after it is over.",
    )

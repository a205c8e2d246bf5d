"""Sales over time: one measure as a chart, all of them as a table to take away."""

from functools import partial

from dashboard import app, charts, explore, export, filters, ui

window = filters.window()
measure = filters.measure()
days = explore.series_columns(window, measure)

with ui.card(f"{measure.label} by {window.grain}", help=measure.definition):
    sales = explore.series(app.data(), window)
    ui.chart(
        charts.timeline(sales.rows, measure, window.grain, app.notation()),
        sales,
        alt=f"{measure.label} by {window.grain}, {window.label()}.",
    )

with ui.card(f"All figures by {window.grain}"):
    sales = explore.series(app.data(), window)
    ui.table(sales.rows, days, alt=f"Sales by {window.grain}, {window.label()}.")
    ui.download(
        "Download CSV",
        partial(export.csv, sales.rows, days),
        file_name=f"sales {window.start} to {window.last} by {window.grain}.csv",
        mime="text/csv",
    )

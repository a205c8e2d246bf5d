"""What sells: categories and products from all sides, how few of them make most, and categories over time."""

from functools import cache, partial

import streamlit as st

from dashboard import app, charts, explore, filters, ui
from dashboard.data import Frame
from dashboard.explore import Breakdown, Filter, Filters, Ranked, Sort
from dashboard.measures import (
    AVERAGE_PRICE,
    CATEGORY,
    FREIGHT_SHARE,
    ITEM_SALES,
    LATE_SHARE,
    ORDERS,
    PRODUCT,
    REVIEW_SCORE,
    UNITS,
    Column,
)
from dashboard.notation import Format

TOP, LISTED = 24, 200
MEASURES = (ITEM_SALES, UNITS, AVERAGE_PRICE, FREIGHT_SHARE, REVIEW_SCORE, LATE_SHARE, ORDERS)
KINDS = {"categories": (CATEGORY,), "products": (PRODUCT, CATEGORY)}

window, only = filters.bar()
data, notation, compared = app.data(), app.notation(), window.comparison_span()
sheet = partial(ui.sheet, window=window, filters=only)

kind = filters.choice("of", "Broken down by", {name: name.capitalize() for name in KINDS})
measure = filters.measure(MEASURES)
dimension, *_ = dimensions = KINDS[kind]
by = f"by {dimension.label.lower()}"
figures = (measure, *(one for one in MEASURES if one is not measure))


@cache
def ranked(subject_to: Filters) -> Ranked:
    asked = Breakdown(figures, dimensions, subject_to)
    return explore.ranked(data, window.elapsed, compared, asked, Sort.VALUE, LISTED)


def bars() -> None:
    found, title = ranked(filters.without(only, dimension)), f"{measure.label} {by}"
    rows = found.figures(dimension, measure)
    columns = explore.ranked_columns(dimensions, [measure], compared)
    members = Frame(found.members, found.provenance)
    ui.chart(
        charts.ranking(
            explore.first(rows, TOP),
            measure,
            found.label_of(dimensions),
            notation,
            filters.members(only, dimension),
        ),
        members,
        alt=f"{title}, {window.label()}.",
        note=ui.rest(rows, TOP, measure) if explore.adds_up(measure, dimension) else "",
        sheet=sheet(title, columns, members, measures=[measure]),
        key=title,
        on_pick=partial(filters.toggle, dimension),
    )


def few() -> None:
    found = ranked(filters.without(only, dimension))
    rows = explore.pareto(found.figures(dimension, ITEM_SALES))
    needed, share = explore.needed(rows), f"{float(explore.MOST):.0%}"
    if needed:
        ui.line(f"{needed:,} of {len(rows):,} {kind} make {share} of item sales.")
    columns = [
        Column("place", "Place", Format.COUNT),
        Column("member", dimension.label),
        Column("value", ITEM_SALES.label, ITEM_SALES.format),
        Column("share", "Share", Format.SHARE),
        Column("share_together", "Share with those before", Format.SHARE),
    ]
    members = Frame(rows, found.provenance)
    ui.chart(
        charts.pareto(rows, needed, ITEM_SALES, found.label_of(dimensions), notation),
        members,
        alt=f"Share of item sales that the first {kind} have together, {window.label()}.",
        sheet=sheet(f"Item sales of the first {kind}", columns, members, measures=[ITEM_SALES]),
    )


def over_time() -> None:
    others = filters.without(only, CATEGORY)
    sold = explore.ranking(data, window, CATEGORY, ITEM_SALES, others).rows["member"].to_list()
    chosen = filters.compared("compared_categories", CATEGORY, sold)
    asked = Breakdown((measure,), (CATEGORY,), (*others, Filter(CATEGORY, chosen)))
    found = explore.courses(data, window, asked, {CATEGORY.name: chosen})
    columns = [
        Column("date", f"{window.grain.capitalize()} from"),
        Column("is_complete", "Complete"),
        Column(CATEGORY.name, CATEGORY.label),
        Column(measure.name, measure.label, measure.format),
    ]
    rows = found.rows.select("date", "is_complete", member=CATEGORY.name, value=measure.name)
    title = f"{measure.label} of {', '.join(map(CATEGORY.label_of, chosen))}"
    ui.chart(
        charts.lines(rows, chosen, measure, window.grain, CATEGORY.label_of, notation),
        found,
        alt=f"{title} by {window.grain}, {window.label()}.",
        note="" if all(rows["is_complete"]) else charts.INCOMPLETE,
        sheet=sheet(f"{measure.label} of categories by {window.grain}", columns, found, measures=[measure]),
        key="categories over time",
        on_zoom=filters.zoom,
    )


def table() -> None:
    found = ranked(only)
    columns = explore.ranked_columns(dimensions, figures, compared)
    rows = Frame(found.table(dimensions), found.provenance)
    ui.table(rows.rows, columns, alt=f"All figures {by}, {window.label()}.")
    title = f"{dimension.label} figures"
    ui.foot(rows, title, sheet(title, columns, rows, measures=MEASURES), is_table=True)


left, right = st.columns(2)
with left, ui.card(f"{measure.label} {by}", help=f"{measure.definition} Click to filter."):
    bars()
with right:
    with ui.card(f"How few {kind} make most", help=ITEM_SALES.definition):
        few()
    with ui.card(
        f"{measure.label} of categories over time", help=f"{measure.definition} Drag to look closer."
    ):
        over_time()
with ui.card(f"All figures {by}"):
    table()

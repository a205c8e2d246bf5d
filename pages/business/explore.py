"""Any measures by any dimensions: choose, look, click a mark to filter by it."""

from dataclasses import replace
from functools import partial

from dashboard import app, charts, explore, filters, ui
from dashboard.data import Frame
from dashboard.explore import Breakdown, Sort
from dashboard.filters import Look
from dashboard.measures import Column, Measure
from dashboard.window import Grain

MOST_LINES, MOST_ROWS, MOST_COLUMNS, MOST_AREAS = 8, 31, 24, 200

window, only = filters.bar()
chosen = filters.exploration()
reading, notation, compared = app.data(), app.notation(), window.comparison_span()
span, dimensions = window.elapsed, chosen.dimensions
sheet = partial(ui.sheet, window=window, filters=only, measures=chosen.measures)
by = f" by {' and '.join(one.label.lower() for one in dimensions)}" if dimensions else ""


def of(measure: Measure) -> Column:
    return Column(measure.name, measure.label, measure.format)


def ranked(measures: tuple[Measure, ...], top: int = chosen.top) -> explore.Ranked:
    asked = Breakdown(measures, dimensions, only)
    return explore.ranked(reading, span, compared, asked, chosen.sort, top)


def bars(measure: Measure, alt: str) -> None:
    found = ranked((measure, *(one for one in chosen.measures if one is not measure)))
    before = f"{measure.name}_before"
    ui.chart(
        charts.ranking(
            explore.marked(found.named, dimensions, value=measure.name, value_before=before),
            measure,
            partial(explore.label_of, dimensions=dimensions),
            notation,
        ),
        found.frame,
        alt=alt,
        sheet=sheet(alt, explore.ranked_columns(dimensions, chosen.measures, compared), found.frame),
        key=f"bars of {measure.name}",
        on_pick=partial(filters.pick, dimensions),
    )


def lines(measure: Measure, alt: str) -> None:
    [time], others = chosen.times, [one for one in dimensions if one not in chosen.times]
    asked, cut = Breakdown((measure,), tuple(others), only), replace(window, chosen_grain=Grain(time.name))
    leading = explore.ranked(reading, span, None, asked, Sort.VALUE, MOST_LINES)
    found = explore.courses(reading, cut, asked, leading.named)
    more = f"{leading.others} more are not drawn." if leading.others else ""
    ui.chart(
        charts.lines(
            explore.marked(found.rows, others, date="date", is_complete="is_complete", value=measure.name),
            explore.marked(leading.named, others)["member"].to_list(),
            measure,
            cut.grain,
            partial(explore.label_of, dimensions=others) if others else None,
            notation,
        ),
        found,
        alt=alt,
        note=" ".join([more, "" if all(found.rows["is_complete"]) else charts.INCOMPLETE]).strip(),
        key=f"lines of {measure.name}",
        on_zoom=filters.zoom,
        sheet=sheet(
            alt,
            [*(Column(one.name, one.label) for one in others), Column("date", time.label), of(measure)],
            found,
        ),
    )


def heat(measure: Measure, alt: str) -> None:
    found = pivot(measure)
    ui.chart(
        charts.heat(charts.said(found.cells, measure, notation), notation, found.across.label),
        found.frame,
        alt=alt,
        note=left_out(found),
        sheet=sheet(alt, found.table_columns, found.frame),
    )


def treemap(measure: Measure, alt: str) -> None:
    found = ranked((measure,), MOST_AREAS)
    ui.chart(
        charts.treemap(found.named, dimensions, measure, notation),
        found.frame,
        alt=alt,
        note=f"The {found.others:,} smallest have no area." if found.others else "",
        sheet=sheet(alt, explore.ranked_columns(dimensions, [measure], compared), found.frame),
    )


def table(measure: Measure, alt: str) -> None:
    found = pivot(measure)
    ui.table(found.frame.rows, found.table_columns, alt=alt)
    if note := left_out(found):
        ui.line(note)
    ui.foot(found.frame, alt, sheet(alt, found.table_columns, found.frame), is_table=True)


def pivot(measure: Measure) -> explore.Pivot:
    *down, across = dimensions
    top = max(chosen.top, MOST_ROWS), MOST_COLUMNS
    return explore.pivot(reading, span, measure, down, across, only, chosen.sort, top)


def left_out(found: explore.Pivot) -> str:
    more = {"rows": found.more_rows, "columns": found.more_columns}
    said = " and ".join(f"{count:,} more {what}" for what, count in more.items() if count)
    return f"{said} are left out; the totals are of everything." if said else ""


with ui.guarded():
    everything = Breakdown(chosen.measures, (), only)
    ui.tiles(
        chosen.measures,
        explore.breakdown(reading, span, everything),
        explore.breakdown(reading, compared, everything) if compared else None,
    )

draw = {Look.BARS: bars, Look.LINES: lines, Look.HEAT: heat, Look.TREEMAP: treemap, Look.TABLE: table}[
    chosen.look
]
if len(dimensions) > (chosen.look is Look.TABLE):
    for measure in chosen.measures:
        with ui.card(f"{measure.label}{by}", help=measure.definition):
            draw(measure, f"{measure.label}{by}")

title = f"All figures{by}"
with ui.card(title):
    found = ranked(chosen.measures)
    rows, shown = (
        Frame(found.table(dimensions), found.provenance),
        explore.ranked_columns(dimensions, chosen.measures, compared),
    )
    ui.table(rows.rows, shown, alt=f"{title}, {window.label()}.")
    if compared != explore.comparable(dimensions, compared):
        ui.line("Days, weeks and months are not compared here: Sales sets each beside its opposite.")
    ui.foot(rows, "table", sheet(f"{title}, with totals", shown, rows), is_table=True)
    ui.statement(explore.written(Breakdown(chosen.measures, dimensions, only), span))

with ui.card("The orders behind it"):
    ui.orders_table(window, only)

"""The document of a report: figures in, HTML out, which runs no script and asks nobody for anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from dashboard import explore
from dashboard.measures import MEASURES, REVENUE, Column, Dimension, Measure, change
from dashboard.notation import MISSING, Format, Notation, Number
from dashboard.reports.drawing import HEIGHT, WIDTH, timeline
from dashboard.reports.making import Figures
from dashboard.window import Grain, Span, Window

TOP = 10
"""Members of a dimension that are listed by name."""

_DATES = {Grain.DAY: "%a %-d %b %Y", Grain.WEEK: "%-d %b %Y", Grain.MONTH: "%b %Y"}


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a figure, as it is written, and ``up``, ``down`` or ``flat``."""

    text: str
    direction: str


@dataclass(frozen=True, slots=True)
class Tile:
    """The figure of a measure; ``before`` is what it is compared with, ``note`` stands where it can't be."""

    label: str
    value: str
    change: Change | None
    before: str
    note: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A member of a dimension; the percentages are lengths of its bars."""

    label: str
    value: str
    share: str
    change: Change | None
    percent: float | None
    percent_before: float | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    dimension: Dimension
    measure: Measure
    bars: tuple[Bar, ...]
    sums: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A bucket: what stands in each column, and whether its days are over and all there."""

    cells: tuple[str, ...]
    change: Change | None
    is_complete: bool


def render(title: str, figures: Figures, notation: Notation, generated_at: datetime) -> str:
    """The document, as text. Whatever comes from the data is text in it, and never markup."""
    window, series = figures.window, figures.series
    columns = [column for column in explore.series_columns(window, [REVENUE]) if column.name != "is_complete"]
    return _template().render(
        title=title,
        window=window,
        compared=window.comparison_span(),
        day=lambda day: Span.through(day, day).label(),
        extent=Span.through(figures.extent.first_day, figures.extent.last_day),
        data_version=figures.data_version,
        generated_at=generated_at,
        notation=notation,
        tiles=list(_tiles(figures, notation)),
        drawing=timeline(series, REVENUE, window.grain, notation) if len(series) else None,
        size=(WIDTH, HEIGHT),
        revenue=REVENUE,
        breakdowns=[_breakdown(*ranking, notation) for ranking in figures.rankings],
        columns=columns,
        rows=[_row(row, columns, window, notation) for row in series.to_dicts()],
        has_incomplete=not series["is_complete"].all(),
        measures=list(MEASURES.values()),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["counted"] = lambda column: column.format is not None
    return environment.get_template("report.html")


def _tiles(figures: Figures, notation: Notation) -> Iterator[Tile]:
    before = figures.totals_before
    for measure in MEASURES.values():
        value = figures.totals[measure.name][0]
        then = before[measure.name][0] if before is not None else None
        yield _tile(measure, value, then, notation, is_compared=before is not None)


def _tile(
    measure: Measure, value: Number | None, before: Number | None, notation: Notation, *, is_compared: bool
) -> Tile:
    became = _change(value, before, notation)
    return Tile(
        measure.label,
        notation.figure(value, measure.format),
        became,
        notation.figure(before, measure.format) if became else "",
        "nothing to compare with" if is_compared and not became else "",
    )


def _change(value: Number | None, before: Number | None, notation: Notation) -> Change | None:
    ratio = change(value, before)
    if ratio is None:
        return None
    text = notation.share(ratio)
    return Change(text, "flat" if text == notation.share(0) else "up" if ratio > 0 else "down")


def _breakdown(
    dimension: Dimension, measure: Measure, members: pl.DataFrame, notation: Notation
) -> Breakdown:
    """The greatest members by name, the others as one, and all of them; ``members`` is ``explore.ranking``."""
    members = members.filter((pl.col("value") != 0) | (pl.col("value_before").fill_null(0) != 0))
    top, others = members.head(TOP), members.slice(TOP)
    total = _total(members["value"])
    longest = max((value for value in [*top["value"], *top["value_before"]] if value), default=None)

    def bar(label: str, value: Decimal, before: Decimal | None, scale: Decimal | None = None) -> Bar:
        return Bar(
            label,
            notation.exact(value, measure.format),
            notation.portion(float(value / total)) if total else MISSING,
            _change(value, before, notation),
            _percent(value, scale),
            _percent(before, scale),
        )

    rows = top.select("member", "value", "value_before").iter_rows()
    bars = tuple(bar(dimension.label_of(member), value, before, longest) for member, value, before in rows)
    count = notation.exact(len(others), Format.COUNT)
    sums = [(f"{count} {'other' if len(others) == 1 else 'others'}", others)] if len(others) else []
    sums += [("All", members)] if len(members) else []
    return Breakdown(dimension, measure, bars, tuple(bar(label, *_sums(some)) for label, some in sums))


def _sums(members: pl.DataFrame) -> tuple[Decimal, Decimal | None]:
    before = members["value_before"]
    return _total(members["value"]), None if before.null_count() else _total(before)


def _total(values: pl.Series) -> Decimal:
    return sum(values, Decimal(0))


def _percent(value: Decimal | None, longest: Decimal | None) -> float | None:
    if value is None or not longest:
        return None
    return round(max(float(value / longest), 0.0) * 100, 2)


def _row(row: dict[str, object], columns: list[Column], window: Window, notation: Notation) -> Row:
    cells = tuple(_cell(row[column.name], column, window.grain, notation) for column in columns)
    now, before = row[REVENUE.name], row[f"{REVENUE.name}_before"]
    assert now is None or isinstance(now, Decimal)
    assert before is None or isinstance(before, Decimal)
    return Row(cells, _change(now, before, notation), bool(row["is_complete"]))


def _cell(value: object, column: Column, grain: Grain, notation: Notation) -> str:
    match value:
        case None:
            return MISSING
        case date():
            return f"{value:{_DATES[grain]}}"
        case int() | float() | Decimal() if column.format:
            return notation.exact(value, column.format)
        case _:
            return str(value)

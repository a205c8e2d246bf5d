"""What is taken away, and what is said about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

import polars as pl

from dashboard.data import Provenance
from dashboard.explore import Filter, Filters
from dashboard.measures import Column, Measure
from dashboard.notation import Format, Notation
from dashboard.window import Window

# What a spreadsheet takes for a formula, by its first sign: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that rows are written to; ``notes`` say by label what they are."""

    title: str
    columns: Sequence[Column]
    notation: Notation
    notes: Mapping[str, str] = field(default_factory=dict)

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The columns of the table, in its order; texts are texts, and moments are in UTC."""
        return rows.select(_plain(column.name, rows.schema[column.name]) for column in self.columns)

    def labels(self, schema: pl.Schema) -> list[str]:
        """What the columns are called, with the units that their numbers are in."""
        return [f"{column.label}{self._unit(column, schema[column.name])}" for column in self.columns]

    def _unit(self, column: Column, dtype: pl.DataType) -> str:
        match column.format:
            case Format.MONEY:
                return f" ({self.notation.symbol})"
            case Format.DAYS:
                return " (days)"
            case Format.SECONDS:
                return " (s)"
        return " (UTC)" if isinstance(dtype, pl.Datetime) and dtype.time_zone else ""


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    return column.dt.convert_time_zone("UTC") if getattr(dtype, "time_zone", None) else column


def harmless(rows: pl.DataFrame, sign: str) -> pl.DataFrame:
    """The rows, with a sign before texts that a spreadsheet would take for a formula."""
    text = pl.col(pl.String)
    return rows.with_columns(
        pl.when(text.str.contains(_FORMULA)).then(sign + text).otherwise(text).name.keep()
    )


def notes(
    provenance: Provenance,
    window: Window | None = None,
    filters: Filters = (),
    measures: Sequence[Measure] = (),
) -> dict[str, str]:
    """What a reader of a file has to know, by label: days, comparison, filters, state of the data, definitions."""
    return dict(_notes(provenance, window, filters, measures))


def _notes(
    provenance: Provenance, window: Window | None, filters: Filters, measures: Sequence[Measure]
) -> Iterator[tuple[str, str]]:
    if window:
        compared = window.comparison_span()
        yield "Days", window.label()
        yield "Compared with", compared.label() if compared else "nothing"
    yield "Filters", "; ".join(_written(one) for one in filters) or "none"
    yield "Data read", f"{provenance.computed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield "Data version", str(provenance.version)
    if provenance.data_through:
        yield "Data through", provenance.data_through.isoformat()
    yield from ((measure.label, measure.definition) for measure in measures)


def _written(one: Filter) -> str:
    return f"{one.dimension.label}: {', '.join(one.texts)}"

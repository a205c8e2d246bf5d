"""What a field's text must be for its column to hold it: the same rules for every version of PostgreSQL."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from dashboard.loading.rejects import Reject, as_csv
from dashboard.loading.source import LINE, Batch
from dashboard.loading.tables import Column, Kind, Table
from dashboard.window import EARLIEST, LATEST

MAX_ID_LENGTH = 255  # characters; an index entry holds 2,704 bytes

_NUMBER = r"^-?[0-9]+$"
_AMOUNT = r"^-?[0-9]+(\.[0-9]+)?$"
_PARTS_OF_CENTS = r"\.[0-9]{2}[0-9]*[1-9]$"
_MOMENT = r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}( ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?$"


class Check(NamedTuple):
    """What makes a field wrong; null, which an empty field is, never does but in the check for it."""

    column: str
    reason: str
    is_wrong: pl.Expr


def checked(batch: Batch, table: Table) -> Batch:
    """The batch without the rows that have a wrong field; these are rejected with their first fault."""
    checks = [check for column in table.columns for check in _checks(column, table)]
    first = pl.coalesce(pl.when(check.is_wrong).then(number) for number, check in enumerate(checks))
    fault = batch.rows.select(first.alias("fault")).to_series()
    if fault.null_count() == len(fault):
        return batch
    wrong = batch.rows.filter(fault.is_not_null())
    found = (checks[number] for number in fault.drop_nulls())
    rejected = [_reject(row, check) for row, check in zip(wrong.iter_rows(named=True), found, strict=True)]
    return Batch(batch.rows.filter(fault.is_null()), [*batch.rejected, *rejected])


def _reject(row: dict[str, object], check: Check) -> Reject:
    line = row.pop(LINE)
    assert isinstance(line, int)
    return Reject(line, check.column, check.reason, str(row[check.column] or ""), as_csv(list(row.values())))


def _checks(column: Column, table: Table) -> Iterator[Check]:
    text = pl.col(column.name)
    if column.required:
        missing = "missing key" if column.name in table.key else "missing value"
        yield Check(column.name, missing, text.is_null())
    for reason, is_wrong in _faults(text, column):
        yield Check(column.name, reason, is_wrong)


def _faults(text: pl.Expr, column: Column) -> Iterator[tuple[str, pl.Expr]]:
    match column.kind:
        case Kind.ID:
            yield f"longer than {MAX_ID_LENGTH} characters", text.str.len_chars() > MAX_ID_LENGTH
        case Kind.TIMESTAMP:
            day = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
            yield "not a date", ~text.str.contains(_MOMENT) | (text.is_not_null() & day.is_null())
            yield "out of range", ~day.is_between(EARLIEST, LATEST)
        case Kind.INTEGER:
            yield "not a number", ~text.str.contains(_NUMBER)
            yield "out of range", _is_outside(text, column)
        case Kind.MONEY:
            yield "not a number", ~text.str.contains(_AMOUNT)
            yield "more than two decimals", text.str.contains(_PARTS_OF_CENTS)
            yield "out of range", _is_outside(text, column)


def _is_outside(text: pl.Expr, column: Column) -> pl.Expr:
    return ~text.cast(pl.Float64, strict=False).is_between(column.minimum, column.maximum)

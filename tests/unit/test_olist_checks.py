"""Which texts a column of each kind takes."""

import polars as pl
import pytest

from dashboard.loading.checks import checked
from dashboard.loading.source import Batch
from dashboard.loading.tables import Column, Kind, Table

TABLE = Table(
    "things",
    "things.csv",
    (
        Column("id", Kind.ID, required=True),
        Column("count", Kind.INTEGER, minimum=1, maximum=5),
        Column("price", Kind.MONEY, maximum=9_999_999_999.99),
        Column("at", Kind.TIMESTAMP),
        Column("note", required=True),
    ),
    key=("id",),
)
GOOD = {"id": "a", "count": "3", "price": "1.50", "at": "2017-11-24 23:59:59", "note": "x"}


def verdict(**fields: str | None) -> tuple[str | None, str] | None:
    """Column and reason of the rejection of a row that is good but for these fields."""
    rows = pl.DataFrame([{"line": 7, **GOOD, **fields}], schema_overrides=dict.fromkeys(GOOD, pl.String))
    batch = checked(Batch(rows, []), TABLE)
    if not batch.rejected:
        assert batch.rows.equals(rows)
        return None
    [reject] = batch.rejected
    assert (reject.line, batch.rows.height) == (7, 0)
    return reject.column, reject.reason


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"count": None, "price": None, "at": None},
        {"count": "1"},
        {"count": "05"},
        {"price": "0"},
        {"price": "-0.00"},
        {"price": "9999999999.99"},
        {"price": "109.9000"},
        {"at": "2016-02-29"},
        {"at": "2016-02-29 00:00:00"},
        {"id": "ç" * 255},
    ],
)
def test_good_fields_are_kept(fields: dict[str, str | None]) -> None:
    assert verdict(**fields) is None


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("id", None, "missing key"),
        ("note", None, "missing value"),
        ("id", "a" * 256, "longer than 255 characters"),
        *(
            ("count", text, "not a number")
            for text in ("x", " 3", "3.0", "1e3", "+3", "٣", "3\n", "0x3", "1_0")
        ),
        *(("at", text, "out of range") for text in ("1899-12-31 10:00:00", "2200-01-01", "9999-12-31")),
        *(("count", text, "out of range") for text in ("0", "6", "-1", "9" * 400)),
        *(
            ("price", text, "not a number")
            for text in ("NaN", "Infinity", "-inf", "1e3", "1,50", "R$ 1", " 1", ".", "1.")
        ),
        *(("price", text, "out of range") for text in ("-0.01", "10000000000", "9" * 400)),
        ("price", "1.005", "more than two decimals"),
        *(
            ("at", text, "not a date")
            for text in (
                *("2017-02-29", "2017-13-01 00:00:00", "2017-04-31 10:00:00", "2017-00-10", "0000-01-01"),
                *("now", "infinity", "24/11/2017", "2017-1-5", "20170105", "2017-11-24 24:00:00"),
                *(
                    "2017-11-24 10:00:60",
                    "2017-11-24 10:00",
                    "2017-11-24 10:00:00+02",
                    "2017-11-24 ",
                    "٢017-11-24",
                ),
            )
        ),
    ],
)
def test_wrong_fields_are_rejected_with_column_and_reason(column: str, text: str | None, reason: str) -> None:
    assert verdict(**{column: text}) == (column, reason)


def test_a_row_is_rejected_once_for_its_first_fault_and_shown_whole() -> None:
    rows = pl.DataFrame(
        [{"line": 2, **GOOD}, {"line": 4, **GOOD, "count": "x", "price": "y", "note": 'a "b",\nc'}]
    )
    batch = checked(Batch(rows, []), TABLE)
    assert batch.rows["line"].to_list() == [2]
    [reject] = batch.rejected
    assert (reject.line, reject.column, reject.detail) == (4, "count", "x")
    assert reject.row == 'a,x,y,2017-11-24 23:59:59,"a ""b"",\nc"'

import csv as standard
import io
from datetime import date
from decimal import Decimal

import polars as pl

from dashboard import export
from dashboard.measures import Column

DAYS = pl.DataFrame(
    {
        "date": [date(2017, 11, 24), date(2017, 11, 25)],
        "total_orders": [49, None],
        "total_revenue": pl.Series([Decimal("7200.50"), Decimal("0.00")], dtype=pl.Decimal(38, 2)),
        "remark": ['São "Paulo", SP', "two\nlines"],
    }
)
COLUMNS = [Column("date", "Day"), Column("total_revenue", "Revenue (R$)"), Column("total_orders", "Orders")]


def read(content: bytes) -> list[list[str]]:
    return list(standard.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_rows_come_under_their_labels_in_the_order_asked_for() -> None:
    assert read(export.csv(DAYS, COLUMNS)) == [
        ["Day", "Revenue (R$)", "Orders"],
        ["2017-11-24", "7200.50", "49"],
        ["2017-11-25", "0.00", ""],
    ]


def test_spreadsheets_are_told_the_encoding() -> None:
    assert export.csv(DAYS, COLUMNS).startswith(b"\xef\xbb\xbfDay,")


def test_any_text_survives() -> None:
    _, *rows = read(export.csv(DAYS, [Column("remark", "Remark")]))
    assert [row[0] for row in rows] == DAYS["remark"].to_list()


def test_without_rows_there_is_a_header() -> None:
    assert read(export.csv(DAYS.clear(), COLUMNS)) == [["Day", "Revenue (R$)", "Orders"]]

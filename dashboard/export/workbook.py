"""Excel workbooks: a sheet of notes, and one of typed and formatted rows."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import polars as pl
from babel import Locale
from babel.numbers import get_currency_precision
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from dashboard.export.sheet import Sheet
from dashboard.measures import Column
from dashboard.notation import Format, Notation

MOST_ROWS = 1_048_576 - 1  # below the header
MOST_CHARACTERS = 32_767  # of a cell, in UTF-16

_EPOCH = pl.date(1899, 12, 30)
_DAY_US = 86_400 * 1_000_000
_WIDEST, _NARROWEST = 50, 8
_LOOKED_AT = 1_000  # rows, for the widths of columns
_FORMATS = {
    Format.COUNT: "#,##0",
    Format.SHARE: "0.0%",
    Format.SCORE: "0.00",
    Format.DAYS: "0.0",
    Format.SECONDS: "0.00",
}

# XML can't hold these signs, and carriage returns only like this; what looks like it is written like it, too.
_UNWRITABLE = [chr(code) for code in range(32) if chr(code) not in "\t\n"] + ["\ufffe", "\uffff"]
_WRITTEN = {sign: f"_x{ord(sign):04X}_" for sign in _UNWRITABLE} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LIKE_IT = r"_(x[0-9A-Fa-f]{4}_)"


def write(sheet: Sheet, frames: Iterable[pl.DataFrame], sink: BinaryIO, folder: Path | None) -> None:
    """Rows that a sheet can't hold are left out, and texts that a cell can't hold are cut: the notes say it."""
    with TemporaryDirectory(prefix="workbook ", dir=folder) as parts:
        book = Workbook(sink, {"constant_memory": True, "tmpdir": parts})
        try:
            about, rows = book.add_worksheet("About"), _Rows(book, sheet)
            for frame in frames:
                rows.add(frame)
            _write_about(book, about, sheet.title, {**rows.left_out(), **sheet.notes})
            book.close()
        finally:
            for one in book.worksheets():
                one.row_data_fh.close()  # of a book that was not written


def _write_about(book: Workbook, about: Worksheet, title: str, said: Mapping[str, str]) -> None:
    bold, wrapped = book.add_format({"bold": True, "valign": "top"}), book.add_format({"text_wrap": True})
    about.set_column(0, 0, 24)
    about.set_column(1, 1, 100)
    about.write_string(0, 0, title, bold)
    for row, (label, text) in enumerate(said.items(), 2):
        about.write_string(row, 0, label, bold)
        about.write_string(row, 1, text[:MOST_CHARACTERS], wrapped)


class _Data(Worksheet):  # type: ignore[misc] # it has no types
    """Takes rows as XML: XlsxWriter's own way takes 15 µs a cell, in which no page can be drawn."""

    def add(self, rows: str, last: int) -> None:
        self._write_single_row(last + 1)  # the header, if that was the last
        self.row_data_fh.write(rows)
        self.dim_rowmax = last


class _Rows:
    """The sheet of rows, on its way."""

    def __init__(self, book: Workbook, sheet: Sheet) -> None:
        self._book, self._sheet = book, sheet
        self._page: _Data = book.add_worksheet("Data", _Data)
        self._written = self._seen = self._cut = 0
        self._styles: list[int] = []

    def add(self, frame: pl.DataFrame) -> None:
        rows = self._sheet.of(frame.head(MOST_ROWS - self._written))
        if not self._styles:
            self._begin(rows, self._sheet.labels(frame.schema))
        self._seen += len(frame)
        if rows.is_empty():
            return
        self._cut += rows.select(pl.sum_horizontal(pl.lit(0), _is_too_long(pl.col(pl.String)).sum())).item()
        first = self._written + 2  # as Excel numbers them, below the header
        written = rows.with_row_index("#", first).select(_row(rows.schema, self._styles))
        self._written += len(rows)
        self._page.add("".join(written.to_series()), self._written)
        self._page.autofilter(0, 0, self._written, len(self._styles) - 1)

    def _begin(self, rows: pl.DataFrame, labels: list[str]) -> None:
        head = self._book.add_format({"bold": True, "bottom": 1})
        for place, (column, label) in enumerate(zip(self._sheet.columns, labels, strict=True)):
            values = rows.to_series(place)
            code = _code(column, values.dtype, self._sheet.notation)
            self._styles.append(self._book.add_format({"num_format": code})._get_xf_index())
            self._page.write_string(0, place, label, head)
            self._page.set_column(place, place, _width(label, values.head(_LOOKED_AT)))
        self._page.freeze_panes(1, 0)
        self._page.autofilter(0, 0, 0, len(labels) - 1)

    def left_out(self) -> dict[str, str]:
        """What an Excel file can't hold, in words."""
        said = {}
        if self._written < self._seen:
            said["Rows left out"] = (
                f"Cut after {self._written:,} of {self._seen:,} rows: a sheet of Excel holds no more."
            )
        if self._cut:
            said["Texts cut"] = f"{self._cut:,} texts are longer than a cell of Excel, and cut."
        return said


def _row(schema: pl.Schema, styles: list[int]) -> pl.Expr:
    """A row's XML; ``#`` is its number. Texts are texts, whatever they look like: no formula, and no link."""
    cells = [
        _cell(pl.col(name), dtype, xl_col_to_name(place), style)
        for place, ((name, dtype), style) in enumerate(zip(schema.items(), styles, strict=True))
    ]
    return pl.concat_str(pl.lit('<row r="'), "#", pl.lit('">'), *cells, pl.lit("</row>"))


def _cell(column: pl.Expr, dtype: pl.DataType, letters: str, style: int) -> pl.Expr:
    start = pl.concat_str(pl.lit(f'<c r="{letters}'), "#", pl.lit(f'" s="{style}"'))
    if dtype == pl.String:
        opened, closed = ' t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"
    else:
        opened, closed = ' t="b"><v>' if dtype == pl.Boolean else "><v>", "</v></c>"
    cell = pl.concat_str(start, pl.lit(opened), _value(column, dtype), pl.lit(closed))
    return cell.fill_null("")  # what is missing has no cell


def _value(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """As Excel holds it: days and moments as days since its epoch, and no infinities."""
    if dtype == pl.String:
        return _escaped(column)
    if dtype == pl.Date:
        return (column - _EPOCH).dt.total_days()
    if isinstance(dtype, pl.Datetime):
        local = column.dt.replace_time_zone(None).cast(pl.Datetime("us"))
        return (local - _EPOCH).dt.total_microseconds() / _DAY_US
    if dtype == pl.Boolean:
        return column.cast(pl.Int8)
    return pl.when(column.is_finite()).then(column) if dtype.is_float() else column


def _escaped(text: pl.Expr) -> pl.Expr:
    fitting = pl.when(_is_too_long(text)).then(_cut(text)).otherwise(text)
    return fitting.str.replace_all(_LIKE_IT, "_x005F_${1}").str.replace_many(_WRITTEN)


def _is_too_long(text: pl.Expr) -> pl.Expr:
    return text.str.len_chars() + _pairs(text) > MOST_CHARACTERS


def _pairs(text: pl.Expr) -> pl.Expr:
    """How many of its characters count twice."""
    return text.str.count_matches(r"[\x{10000}-\x{10FFFF}]")


def _cut(text: pl.Expr) -> pl.Expr:
    return (
        pl.when(_pairs(text) > 0)
        .then(text.str.head(MOST_CHARACTERS // 2))
        .otherwise(text.str.head(MOST_CHARACTERS))
    )


def _code(column: Column, dtype: pl.DataType, notation: Notation) -> str:
    """The number format, in Excel's own signs, which it shows as the reader's locale has them."""
    if column.format is Format.MONEY:
        return _money(notation)
    if column.format in _FORMATS:
        return _FORMATS[column.format]
    if dtype == pl.Date:
        return "yyyy-mm-dd"
    return "yyyy-mm-dd hh:mm:ss" if isinstance(dtype, pl.Datetime) else "General"


def _money(notation: Notation) -> str:
    pattern = Locale.parse(notation.locale).currency_formats["standard"].pattern.split(";")[0]
    decimals = get_currency_precision(notation.currency)
    pattern = re.sub(r"\.0+", "." + "0" * decimals if decimals else "", pattern)
    return str(pattern.replace("¤", f'"{notation.symbol}"'))


def _width(label: str, values: pl.Series) -> int:
    """Of a column, in characters; the filter's arrow takes some."""
    most: Any = values.cast(pl.String).str.len_chars().max()
    return min(_WIDEST, max(_NARROWEST, len(label) + 3, (most or 0) + 2))

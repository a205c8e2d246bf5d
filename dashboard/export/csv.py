"""Comma-separated values: UTF-8 with the byte order mark that spreadsheets look for."""

import codecs
import re
from collections.abc import Iterable
from typing import BinaryIO

import polars as pl

from dashboard.export.sheet import Sheet, harmless

_FORMULA_AFTER = re.compile(r"([,;]\s*)(?=[=+\-@＝＋－＠])")


def write(sheet: Sheet, frames: Iterable[pl.DataFrame], sink: BinaryIO) -> None:
    """The notes as lines ``# label: text``, a header of labels, and a line a row.

    Texts that a spreadsheet would take for a formula begin with an apostrophe.
    """
    sink.write(codecs.BOM_UTF8)
    for label, said in sheet.notes.items():
        sink.write(f"# {_in_one_line(label)}: {_in_one_line(said)}\n".encode())
    is_begun = False
    for frame in frames:
        rows = sheet.of(frame)
        if not is_begun:
            header = pl.DataFrame([sheet.labels(frame.schema)], orient="row")
            sink.write(_lines(header))
            is_begun = True
        sink.write(_lines(rows))


def _lines(rows: pl.DataFrame) -> bytes:
    return harmless(rows, "'").write_csv(include_header=False).encode()


def _in_one_line(text: str) -> str:
    """A note is read as cells, too, if it has commas: none of them opens a quotation or is a formula."""
    return _FORMULA_AFTER.sub(r"\1'", " ".join(text.replace('"', "'").split()))

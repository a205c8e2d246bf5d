"""The kinds of files, each with its name and its writer."""

import io
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import polars as pl

from dashboard.export import csv, parquet, workbook
from dashboard.export.sheet import Sheet


class FileType(StrEnum):
    """A kind of file; the value is what its name ends with."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"

    @property
    def mime(self) -> str:
        return _MIMES[self]

    @property
    def label(self) -> str:
        return _LABELS[self]


_MIMES = {
    FileType.CSV: "text/csv; charset=utf-8",
    FileType.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileType.PARQUET: "application/vnd.apache.parquet",
}
_LABELS = {FileType.CSV: "CSV", FileType.XLSX: "Excel", FileType.PARQUET: "Parquet"}


def write(
    kind: FileType, sheet: Sheet, frames: Iterable[pl.DataFrame], sink: BinaryIO, folder: Path | None = None
) -> None:
    """Write rows that come in frames of the same columns, of which there is one at least.

    The sink is written from its beginning to its end. A workbook is put together in a folder of its own below
    ``folder``, or below that of the system for such things.
    """
    match kind:
        case FileType.CSV:
            csv.write(sheet, frames, sink)
        case FileType.XLSX:
            workbook.write(sheet, frames, sink, folder)
        case FileType.PARQUET:
            parquet.write(sheet, frames, sink)


def content(kind: FileType, sheet: Sheet, rows: pl.DataFrame) -> bytes:
    """A file of rows that are in memory."""
    sink = io.BytesIO()
    write(kind, sheet, [rows], sink)
    return sink.getvalue()


def file_name(kind: FileType, title: str) -> str:
    """A name that every system can hold."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else " " for sign in title)
    return f"{' '.join(plain.split()) or 'daybook'}.{kind}"

"""Parquet: columns by name with their types, and the notes beside them."""

from collections.abc import Iterable
from typing import BinaryIO

import polars as pl
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from dashboard.export.sheet import Sheet


def write(sheet: Sheet, frames: Iterable[pl.DataFrame], sink: BinaryIO) -> None:
    """A row group a frame. The title and the notes are metadata of the file, labels those of its columns."""
    writer: ParquetWriter | None = None
    try:
        for frame in frames:
            table = sheet.of(frame).to_arrow(compat_level=pl.CompatLevel.oldest())
            if writer is None:
                writer = ParquetWriter(sink, _schema(sheet, frame, table.schema), compression="zstd")
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer:
            writer.close()


def _schema(sheet: Sheet, frame: pl.DataFrame, plain: pa.Schema) -> pa.Schema:
    labels = sheet.labels(frame.schema)
    fields = [one.with_metadata({"label": label}) for one, label in zip(plain, labels, strict=True)]
    return pa.schema(fields, {"title": sheet.title, **sheet.notes})

"""The file of the orders behind a figure."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import polars as pl

from dashboard.data import Stream
from dashboard.explore import ORDER_COLUMNS, Filters
from dashboard.export.files import FileType, write
from dashboard.export.sheet import Sheet, notes
from dashboard.export.workbook import MOST_ROWS
from dashboard.measures import REVENUE
from dashboard.notation import Notation
from dashboard.window import Window


def orders_title(kind: FileType, window: Window, rows: int) -> str:
    """What the file is called: the days, and whether it holds all of the rows."""
    days = f"Orders {window.elapsed.start} to {window.elapsed.last}"
    is_cut = kind is FileType.XLSX and rows > MOST_ROWS
    return f"{days} cut after {MOST_ROWS} of {rows} rows" if is_cut else days


def write_orders(
    kind: FileType,
    stream: Stream,
    frames: Iterable[pl.DataFrame],
    window: Window,
    filters: Filters,
    notation: Notation,
    sink: BinaryIO,
    folder: Path | None = None,
) -> None:
    """Write ``explore.streamed_orders`` of a window; ``frames`` are those of the stream."""
    title = orders_title(kind, window, stream.rows)
    said = notes(stream.provenance, window, filters, [REVENUE])
    write(kind, Sheet(title, ORDER_COLUMNS, notation, said), frames, sink, folder)

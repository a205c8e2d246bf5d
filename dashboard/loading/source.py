"""Reading one of Olist's CSV files: its header, and its records as frames of text with their lines."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

from dashboard.errors import LoadError
from dashboard.loading.rejects import Reject
from dashboard.loading.tables import RESPELLED, Table

BLOCK_BYTES = 4 * 2**20
MAX_RECORD_BYTES = 16 * 2**20
MAX_HEADER_BYTES = 2**16
csv.field_size_limit(MAX_RECORD_BYTES)  # records are bounded, fields need not be

LINE = "line"  # of the file, from 1; the first one when a record spans several


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that follow each other in a file.

    ``rows`` has the column ``line`` (Int64) and the file's columns (String, null when empty).
    """

    rows: pl.DataFrame
    rejected: list[Reject]


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose header was found right; ``columns`` are in the file's order, spelled as in the table."""

    table: Table
    path: Path
    columns: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def batches(self, on_read: Callable[[int], None]) -> Iterator[Batch]:
        """The file's records, a few megabytes at a time.

        ``on_read`` is told how many bytes of the file were read so far. Raises LoadError where the rest of
        the file can't be made sense of: not UTF-8, a quote that never closes, a damaged archive.
        """
        with self.path.open("rb") as raw, _unpacked(self.path, raw) as stream:
            stream.readline(MAX_HEADER_BYTES)
            for line, block in self._blocks(stream):
                on_read(raw.tell())
                yield self._batch(line, block)

    def _blocks(self, stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """Whole records, with the line that they start on: after an even number of quotes a line ends one."""
        line, rest = 2, b""
        while chunk := self._read(stream):
            rest += chunk
            end = _end_of_records(rest)
            if end:
                yield line, rest[:end]
                line, rest = line + rest.count(b"\n", 0, end), rest[end:]
            elif len(rest) > MAX_RECORD_BYTES:
                raise LoadError(
                    f"{self.path}:{line}: what starts in this line is longer than {MAX_RECORD_BYTES:,} bytes: "
                    "a quote may be opened there and never closed."
                )
        if rest.count(b'"') % 2:
            raise LoadError(f"{self.path}:{line}: a quote is opened in this line and never closed.")
        if rest:
            yield line, rest + b"\n"

    def _read(self, stream: IO[bytes]) -> bytes:
        try:
            return stream.read(BLOCK_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable(self.path, error) from error

    def _batch(self, line: int, block: bytes) -> Batch:
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            raise self._wrong_encoding(line, block, error) from error
        rows = _plain_rows(line, text, self.columns)
        return Batch(rows, []) if rows is not None else _careful_rows(line, text, self.columns)

    def _wrong_encoding(self, line: int, block: bytes, error: UnicodeDecodeError) -> LoadError:
        line += block.count(b"\n", 0, error.start)
        text = block.decode(errors="surrogateescape").replace("\r", " ")
        column = next(
            (
                name
                for row in csv.reader(io.StringIO(text, newline="\n"))
                for name, field in zip(self.columns, row, strict=False)
                if any("\udc80" <= character <= "\udcff" for character in field)
            ),
            "(none)",
        )
        return LoadError(
            f"{self.path}:{line}: column {column}: byte 0x{block[error.start]:02X} is not UTF-8. "
            "Save the file as UTF-8 and load it again."
        )


def open_source(table: Table, path: Path) -> Source:
    """A file with its header read. Raises LoadError when that is not the table's."""
    expected = f"Expected the columns {', '.join(table.column_names)}."
    header = _header(path)
    if not header.strip():
        raise LoadError(f"{path}:1: the file is empty. {expected}")
    if "\r" in header or "\0" in header:
        raise LoadError(f"{path}:1: not lines of UTF-8 text, as CSV has them. {expected}")
    columns = tuple(RESPELLED.get(name, name) for name in next(csv.reader([header])))
    if problem := _header_problem(columns, table):
        raise LoadError(f"{path}:1: {problem}. {expected}")
    return Source(table, path, columns)


def _header(path: Path) -> str:
    with path.open("rb") as raw, _unpacked(path, raw) as stream:
        try:
            return stream.readline(MAX_HEADER_BYTES).decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            column = error.object.count(b",", 0, error.start) + 1
            raise LoadError(
                f"{path}:1: column {column}: byte 0x{error.object[error.start]:02X} is not UTF-8. "
                "Save the file as UTF-8 and load it again."
            ) from error
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> LoadError:
    return LoadError(f"{path} can't be read: {error}. Download the file again.")


def _header_problem(columns: tuple[str, ...], table: Table) -> str | None:
    unknown = [name for name in columns if name not in table.column_names]
    missing = [name for name in table.column_names if name not in columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problems = (("unknown column", unknown), ("missing column", missing), ("column named twice", twice))
    found = [f"{problem} {', '.join(map(repr, names))}" for problem, names in problems if names]
    return "; ".join(found) or None


def _unpacked(path: Path, raw: IO[bytes]) -> IO[bytes]:
    return gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw  # type: ignore[return-value] # is one


def _end_of_records(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while quotes % 2:
        start = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', start, end)
        end = start
    return end


def _plain_rows(line: int, text: str, columns: tuple[str, ...]) -> pl.DataFrame | None:
    """The records of a block that is CSV by the book, which the quick reader can be trusted with, or None.

    Left to itself, polars forgives stray quotes and blank lines.
    """
    field = r'(?:"(?:[^"\x00]|"")*"|[^",\r\n\x00]*)'
    plain = rf"^(?:{field}(?:,{field}){{{len(columns) - 1}}}\r?\n)*$"
    if not pl.Series([text]).str.contains(plain).item():
        return None
    rows = pl.read_csv(text.encode(), has_header=False, schema=dict.fromkeys(columns, pl.String))
    lines = pl.int_range(line, line + rows.height, dtype=pl.Int64, eager=True)
    if text.count("\n") > rows.height:
        breaks = pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).cast(pl.Int64))
        lines += rows.select(breaks.cum_sum() - breaks).to_series()
    return _with_nulls(rows.insert_column(0, lines.alias(LINE)))


def _with_nulls(rows: pl.DataFrame) -> pl.DataFrame:
    """An empty field is null, in quotes or not."""
    text = pl.col(pl.String)
    return rows.with_columns(pl.when(text != "").then(text))


def _careful_rows(first_line: int, text: str, columns: tuple[str, ...]) -> Batch:
    """The block's records one by one; those that are no row of the table are rejected."""
    physical = io.StringIO(text, newline="\n").readlines()
    reader = csv.reader(physical, strict=True)
    kept: list[list[str | int]] = []
    rejected = []
    while (start := reader.line_num) < len(physical):
        try:
            row = next(reader)
            problem = _row_problem(row, len(columns))
        except csv.Error as error:
            row, problem = [], ("broken quotes", str(error))
        raw = "".join(physical[start : reader.line_num]).rstrip("\r\n")
        if problem:
            rejected.append(Reject(first_line + start, None, *problem, raw))
        elif row:
            kept.append([first_line + start, *row])
    schema = {LINE: pl.Int64(), **dict.fromkeys(columns, pl.String())}
    return Batch(_with_nulls(pl.DataFrame(kept, schema=schema, orient="row")), rejected)


def _row_problem(row: list[str], expected: int) -> tuple[str, str] | None:
    if row and len(row) != expected:
        return "wrong number of fields", f"has {len(row)} fields instead of {expected}"
    if any("\0" in field for field in row):
        return "NUL character", "PostgreSQL can't store it"
    return None

"""Rows that can't be kept, and the file that tells where they were and why."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

HEADER = ("file", "line", "column", "reason", "detail", "row")


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that can't be kept. Rejects are counted by ``reason``; ``row`` is its text as CSV."""

    line: int
    column: str | None
    reason: str
    detail: str
    row: str


def as_csv(fields: Sequence[object]) -> str:
    """Fields as one record of CSV without its line end; None is an empty field."""
    text = io.StringIO()
    csv.writer(text).writerow(fields)
    return text.getvalue().removesuffix("\r\n")


class RejectsFile:
    """Collects rejects in a CSV file which appears under ``path`` when complete, if there are any.

    Leaving the block by an exception discards the file, unless it was published.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        stamp = datetime.now().astimezone().strftime("%Y%m%dT%H%M%S.%f%z")
        self.path = folder / f"rejects-{kind}-{stamp}.csv"
        self._partial = self.path.with_suffix(".partial")
        self._stream: TextIO | None = None

    def add(self, file: Path, reject: Reject) -> None:
        if self._stream is None:
            self._stream = self._opened()
        fields = (reject.line, reject.column, reject.reason, reject.detail, reject.row)
        csv.writer(self._stream).writerow((file.name, *fields))

    def publish(self) -> Path | None:
        """Give the file its name; None if nothing was rejected."""
        if self._stream is None:
            return None
        self._stream.close()
        self._stream = None
        return self._partial.rename(self.path)

    def discard(self) -> None:
        """Forget what was added."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._partial.unlink()

    def _opened(self) -> TextIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stream = self._partial.open("x", encoding="utf-8", newline="")
        csv.writer(stream).writerow(HEADER)
        return stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

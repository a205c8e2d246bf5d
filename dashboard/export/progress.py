"""How far the exports of this process are, by the ids that pages give them."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl

_MOST = 200  # exports that are remembered


class Progress(NamedTuple):
    """Rows that were written, of how many; the file is complete if it has ended and not failed."""

    rows: int
    total: int
    has_ended: bool = False
    has_failed: bool = False

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.rows / self.total if self.total else 1.0


_known: OrderedDict[str, Progress] = OrderedDict()
_lock = threading.Lock()


def progress(export: str) -> Progress | None:
    """How far an export is; None if it has not begun."""
    with _lock:
        return _known.get(export)


def follow(export: str, frames: Iterable[pl.DataFrame], total: int) -> Iterator[pl.DataFrame]:
    """The frames, while it is told how many of the rows in all of them were written."""
    rows = 0
    _tell(export, Progress(0, total))
    for frame in frames:
        yield frame
        rows += len(frame)
        _tell(export, Progress(rows, total))


def end(export: str, *, has_failed: bool) -> None:
    """Tell that there will be no more."""
    so_far = progress(export) or Progress(0, 0)
    _tell(export, so_far._replace(has_ended=True, has_failed=has_failed))


def _tell(export: str, so_far: Progress) -> None:
    with _lock:
        _known[export] = so_far
        _known.move_to_end(export)
        while len(_known) > _MOST:
            _known.popitem(last=False)

"""What a load did to each table, and how it is shown."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class TableSummary:
    """Rows of one table; ``rejected`` counts by reason. ``file`` is None if there was none to read."""

    table: str
    file: Path | None
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: Mapping[str, int] | None = None
    note: str = ""

    @property
    def rejects(self) -> int:
        return sum((self.rejected or {}).values())

    @property
    def reasons(self) -> str:
        """Why rows were rejected, with how many."""
        return "; ".join(f"{count:,} × {reason}" for reason, count in (self.rejected or {}).items())


@dataclass(frozen=True, slots=True)
class Summary:
    """A finished load; ``rejects_file`` is None if every row was kept."""

    tables: tuple[TableSummary, ...]
    rejects_file: Path | None
    duration_seconds: float

    def table(self) -> Group:
        """One line a table; below, why rows were rejected and where they are listed."""
        shown = Table(box=SIMPLE_HEAD, padding=(0, 1))
        shown.add_column("Table", no_wrap=True)
        for name in ("Read", "Inserted", "Updated", "Unchanged", "Rejected"):
            shown.add_column(name, justify="right", no_wrap=True)
        for table in self.tables:
            counts = (table.read, table.inserted, table.updated, table.unchanged, table.rejects)
            shown.add_row(table.table, *(f"{count:,}" for count in counts))
        return Group(shown, *(Text(line) for line in self._remarks()))

    def _remarks(self) -> Iterator[str]:
        for table in self.tables:
            if remark := table.reasons or table.note:
                yield f"{table.table}: {remark}"
        if self.rejects_file:
            yield f"Rejected rows: {self.rejects_file}"
        outcome = "Done" if changed(self.tables) else "Nothing changed"
        yield f"{outcome} in {self.duration_seconds:.1f} s"


def changed(tables: Iterable[TableSummary]) -> tuple[str, ...]:
    """Names of the tables that are not as before."""
    return tuple(table.table for table in tables if table.inserted or table.updated)

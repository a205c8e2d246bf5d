"""The columns of tables, and what PostgreSQL knows of their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from dashboard.database import Snapshot
from dashboard.database_state.tables import Table
from dashboard.parts import asked

_TABLES = 300


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; ``quoted`` is its name as SQL writes it.

    ``different`` is the number of its values: if negative, as a share of the rows; None if it was never analyzed, or
    may not be seen, as the others. ``width_bytes`` is that of the average value, ``null_share`` of the rows have none.
    ``has_order``: a B-tree can hold it.
    """

    name: str
    quoted: str
    different: float | None
    width_bytes: int | None
    has_order: bool
    null_share: float | None = None

    def share(self, rows: int) -> float | None:
        """Of the rows, those that have one value; None if that is not known."""
        if not self.different:
            return None
        number = self.different if self.different > 0 else -self.different * rows
        return 1 / max(number, 1)


def listed(columns: Sequence[Column]) -> str:
    """As SQL writes them."""
    return ", ".join(column.quoted for column in columns)


Columns: TypeAlias = Mapping[int, Mapping[str, Column]]
"""Of each table, by its number, the columns by their names."""


def columns(snapshot: Snapshot, known: Sequence[Table]) -> Columns:
    """Of the largest tables. Raises DatabaseError."""
    numbers = [str(table.relation_id) for table in known[:_TABLES]]
    found: dict[int, dict[str, Column]] = {}
    for row in asked(snapshot, "ops/columns", relations=numbers).to_dicts():
        of_table = found.setdefault(row.pop("relation_id"), {})
        of_table[row["name"]] = Column(**row)
    return found


def with_times(known: Sequence[Table], columns: Columns) -> tuple[Table, ...]:
    """The same tables with what the statistics of their columns tell: that there are some, and when they were made.

    Of a whole of partitions, PostgreSQL keeps no time before 14: its partitions were analyzed with it.
    """
    times = {one.relation: one.analyzed_at for one in known}

    def timed(one: Table) -> Table:
        is_known = any(it.null_share is not None for it in columns.get(one.relation_id, {}).values())
        analyzed_at = one.analyzed_at
        if is_known and one.largest_partition:
            analyzed_at = analyzed_at or times.get(one.largest_partition)
        return replace(one, is_known=is_known, analyzed_at=analyzed_at)

    return tuple(map(timed, known))

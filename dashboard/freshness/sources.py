"""The tables of the shop, and what tells of their changes."""

from dataclasses import dataclass

import polars as pl

from dashboard.changes import SOURCES
from dashboard.changes.triggers import TRIGGERS
from dashboard.database import Snapshot
from dashboard.parts import asked


@dataclass(frozen=True, slots=True)
class Source:
    """A table of the shop. ``is_polled``: polling has looked at it, now or in former times."""

    name: str
    triggers: int
    is_polled: bool

    def noticed_by(self, tracking: str) -> str:
        """What tells of its changes now: ``triggers``, ``poll``, ``off``, or ``nothing yet``.

        ``tracking`` is ``DASHBOARD_CHANGE_TRACKING``, which says what becomes of tables without triggers.
        """
        if self.triggers == len(TRIGGERS):
            return "triggers"
        if tracking == "off":
            return "off"
        return "poll" if self.is_polled else "nothing yet"


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables whose changes matter. Without ``is_counted``, PostgreSQL counts no rows, and polling sees nothing."""

    tables: tuple[Source, ...]
    is_counted: bool

    def noticed(self, tracking: str) -> pl.DataFrame:
        """A row for each table: ``source``, ``noticed_by`` (String) and ``triggers`` (Int64)."""
        rows = [(table.name, table.noticed_by(tracking), table.triggers) for table in self.tables]
        schema = {"source": pl.String, "noticed_by": pl.String, "triggers": pl.Int64}
        return pl.DataFrame(rows, schema, orient="row")


def sources(snapshot: Snapshot) -> Sources:
    """What is there, whatever the setting says. Raises DatabaseError."""
    rows = asked(snapshot, "ops/change_tracking", sources=list(SOURCES), triggers=TRIGGERS)
    tables = tuple(Source(*row) for row in rows.select("source", "triggers", "is_polled").iter_rows())
    return Sources(tables, rows["is_counted"].all())

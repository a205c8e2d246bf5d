"""How the database is: what operators see of its tables, indexes, sessions and server, past the cache."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

import polars as pl

from dashboard.database import Database
from dashboard.database_state import activity, columns, indexes, missing, room, server, statements, tables
from dashboard.database_state.activity import Session
from dashboard.database_state.indexes import (
    Finding,
    Index,
    Trouble,
    findings,
    is_mostly_empty,
)
from dashboard.database_state.missing import Candidate, is_scanned, is_worthwhile
from dashboard.database_state.server import Replica, Server, Slot
from dashboard.database_state.statements import Statement, StatementsUnknown
from dashboard.database_state.tables import Growth, Table, prune_sizes, take_sizes
from dashboard.database_state.texts import typed, without_constants
from dashboard.database_state.trial import Trial, tried
from dashboard.errors import DatabaseError
from dashboard.parts import Part, begin, part

__all__ = [
    "Candidate",
    "DatabaseState",
    "Finding",
    "Growth",
    "Index",
    "Part",
    "Replica",
    "Server",
    "Session",
    "Slot",
    "Statement",
    "StatementsUnknown",
    "Table",
    "Trial",
    "Trouble",
    "is_mostly_empty",
    "is_scanned",
    "is_worthwhile",
    "prune_sizes",
    "read",
    "take_sizes",
    "tried",
    "typed",
    "without_constants",
]


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """All of it, at ``now`` by the clock of the database.

    ``growth`` is what is on record of relations, by name; ``sizes`` are the bytes of all of them, day by day.
    ``empty`` is the share of each table and index that seems to be empty, as far as it is known; ``free_shares`` are
    measured with ``pgstattuple``, and None without it. ``counted`` are the statements that
    PostgreSQL counts, ``missing`` the indexes that these and our own would use.
    """

    now: datetime
    server: Part[Server]
    sessions: Part[tuple[Session, ...]]
    tables: Part[tuple[Table, ...]]
    indexes: Part[tuple[Index, ...]]
    growth: Part[dict[str, Growth]]
    sizes: Part[tuple[int, ...]]
    free_shares: Part[dict[str, float] | None]
    counted: Part[tuple[Statement, ...]]
    missing: Part[tuple[Candidate, ...]]
    replicas: Part[tuple[Replica, ...]]
    slots: Part[tuple[Slot, ...]]
    empty: Mapping[str, float] = field(default_factory=dict)

    def errors(self) -> dict[str, DatabaseError]:
        """Why each of the parts that could not be read was not."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: it.error for name, it in parts.items() if isinstance(it, Part) and it.error}

    def findings(self, unused_days: int) -> tuple[Finding, ...]:
        """What is the matter with indexes, the worst first; nothing while they can't be read.

        One is unused if it was for as many days, by what is on record.
        """
        server, grown = self.server.otherwise(None), self.growth.otherwise({})
        counted_since = server.counted_since if server else None
        patience = timedelta(days=unused_days)
        return findings(
            self.indexes.otherwise(()), grown, counted_since, self.now, patience, self.empty_shares()
        )

    def empty_shares(self) -> Mapping[str, float]:
        """Of each table and index the share that is empty, measured or estimated, by name as SQL writes it."""
        measured = self.free_shares.otherwise(None) or {}
        return {**self.empty, **measured}

    def finding_rows(self, unused_days: int) -> pl.DataFrame:
        """A row a finding, see ``indexes.finding_rows``. Raises DatabaseError."""
        self.indexes.get()
        return indexes.finding_rows(self.findings(unused_days))

    def session_rows(self) -> pl.DataFrame:
        """A row a session, see ``activity.rows``. Raises DatabaseError."""
        return activity.rows(self.sessions.get())

    def table_rows(self) -> pl.DataFrame:
        """A row a table, see ``tables.rows``. Raises DatabaseError."""
        return tables.rows(self.tables.get(), self.growth.otherwise({}), self.empty_shares())

    def scanned_rows(self) -> pl.DataFrame:
        """A row a table that is read in full too often, see ``missing.scanned_rows``. Raises DatabaseError."""
        return missing.scanned_rows(self.tables.get(), self.missing.otherwise(()))

    def index_rows(self) -> pl.DataFrame:
        """A row an index, see ``indexes.rows``. Raises DatabaseError."""
        return indexes.rows(self.indexes.get(), self.growth.otherwise({}), self.empty_shares())


def read(database: Database) -> DatabaseState:
    """All of it. What can't be read is an error in its place. Raises DatabaseError if there is nothing at all."""
    with database.snapshot() as snapshot:
        now = begin(snapshot)
        of_server, sessions = part(snapshot, server.server), part(snapshot, activity.sessions)
        replicas, slots = part(snapshot, server.replicas), part(snapshot, server.slots)
        known, known_indexes = part(snapshot, tables.tables), part(snapshot, indexes.indexes)
        growth, sizes = part(snapshot, tables.growth), part(snapshot, tables.sizes)
        counted = part(snapshot, statements.counted)
        its_columns = part(snapshot, lambda snapshot: columns.columns(snapshot, known.get()))
        if not known.error:
            known = Part(columns.with_times(known.get(), its_columns.otherwise({})))
        empty = room.of_tables(known.otherwise(()), its_columns.otherwise({}))
        free = part(snapshot, lambda snapshot: room.measured(snapshot, known.get(), empty))

    def candidates() -> tuple[Candidate, ...]:
        return missing.candidates(
            known.get(),
            its_columns.get(),
            known_indexes.get(),
            (*counted.otherwise(()), *statements.own()),
            growth.otherwise({}),
            now,
        )

    error = known.error or its_columns.error or known_indexes.error
    wanted = Part(None, error) if error else Part(candidates())
    empty |= room.of_indexes(known_indexes.otherwise(()), known.otherwise(()), its_columns.otherwise({}))
    return DatabaseState(
        now=now,
        server=of_server,
        sessions=sessions,
        tables=known,
        indexes=known_indexes,
        growth=growth,
        sizes=sizes,
        free_shares=free,
        counted=counted,
        missing=wanted,
        replicas=replicas,
        slots=slots,
        empty=empty,
    )

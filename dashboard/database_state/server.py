"""The server as a whole: connections, buffers, transaction ids, replication."""

from dataclasses import dataclass
from datetime import datetime

from dashboard.database import Snapshot
from dashboard.parts import asked


@dataclass(frozen=True, slots=True)
class Server:
    """Of the server, and of this database where it says so.

    ``sees_all``: the role of the reader may see what others do. ``replay_lag_seconds`` is how far this server is
    behind, None unless it is a replica. ``blocks_hit`` and ``blocks_read`` are the blocks of this database that were
    found in memory, and that were not, since ``counted_since`` (None: since it was made). ``transaction_age`` is how
    many transactions ago the oldest one was that is not frozen, in ``oldest_database``; at ``freeze_age`` PostgreSQL
    freezes by itself.
    """

    version: str
    role: str
    sees_all: bool
    is_replica: bool
    replay_lag_seconds: float | None
    max_connections: int
    reserved_connections: int
    connections: int
    blocks_hit: int
    blocks_read: int
    counted_since: datetime | None
    size_bytes: int
    transaction_age: int
    freeze_age: int
    oldest_database: str
    is_autovacuum_on: bool

    @property
    def free_connections(self) -> int:
        """Those that are left to who is no administrator."""
        return max(self.max_connections - self.reserved_connections - self.connections, 0)

    @property
    def connections_share(self) -> float:
        return self.connections / max(self.max_connections - self.reserved_connections, 1)

    @property
    def hit_share(self) -> float | None:
        """Of the blocks that were read, those found in PostgreSQL's own memory; None if nothing was."""
        blocks = self.blocks_hit + self.blocks_read
        return self.blocks_hit / blocks if blocks else None


@dataclass(frozen=True, slots=True)
class Replica:
    """A server that follows this one. How far behind it is, is None where that may not be seen, or not be known."""

    pid: int
    application_name: str | None
    address: str | None
    state: str | None
    sync_state: str | None
    behind_bytes: int | None
    behind_seconds: float | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A promise to keep the write-ahead log for a replica, also while it is away (not ``is_active``).

    ``kept_bytes`` are kept for it, None where that is not known. ``is_lost``: too much was, and it can't go on.
    """

    name: str
    is_active: bool
    is_lost: bool | None
    kept_bytes: int | None


def server(snapshot: Snapshot) -> Server:
    """Raises DatabaseError."""
    [row] = asked(snapshot, "ops/server").to_dicts()
    return Server(**row)


def replicas(snapshot: Snapshot) -> tuple[Replica, ...]:
    """The one that is furthest behind first. Raises DatabaseError."""
    return tuple(Replica(**row) for row in asked(snapshot, "ops/replicas").to_dicts())


def slots(snapshot: Snapshot) -> tuple[Slot, ...]:
    """The one that most is kept for first. Raises DatabaseError."""
    return tuple(Slot(**row) for row in asked(snapshot, "ops/replication_slots").to_dicts())

"""What operators see of the program itself: its processes as they last told, and what they are configured with."""

from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.database import Database, Snapshot
from dashboard.errors import DatabaseError
from dashboard.parts import Part, begin, own, part
from dashboard.system_state.configured import setting_rows
from dashboard.system_state.processes import Process, Roll, processes, roll
from dashboard.system_state.tables import (
    PROBES,
    all_requests,
    all_reruns,
    buckets,
    pool_rows,
    request_rows,
    rerun_rows,
    version_rows,
)

__all__ = [
    "PROBES",
    "Process",
    "Roll",
    "SystemState",
    "all_requests",
    "all_reruns",
    "buckets",
    "pool_rows",
    "read",
    "request_rows",
    "rerun_rows",
    "roll",
    "setting_rows",
    "version_rows",
]

_SERVER = own("SELECT current_setting('server_version') AS version")


@dataclass(frozen=True, slots=True)
class SystemState:
    """All of it, at ``now`` by the clock of the database, or of this machine if that does not answer.

    ``database_version`` is that of PostgreSQL's server.
    """

    now: datetime
    processes: Part[tuple[Process, ...]]
    database_version: Part[str]


def read(database: Database) -> SystemState:
    """All of it; what can't be read is an error in its place."""
    try:
        with database.snapshot() as snapshot:
            return SystemState(begin(snapshot), part(snapshot, processes), part(snapshot, _server_version))
    except DatabaseError as error:
        return SystemState(datetime.now(UTC), Part(None, error), Part(None, error))


def _server_version(snapshot: Snapshot) -> str:
    version: str = snapshot.frame(_SERVER)["version"][0]
    return version

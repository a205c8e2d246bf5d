"""The servers and workers, as each last told of itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dashboard.database import Pool, Snapshot
from dashboard.parts import asked
from dashboard.telemetry import Timing

SILENT = timedelta(seconds=60)
"""Without a sign of life for longer, a process is taken to be dead, or cut off from the database."""

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Process:
    """One server or worker.

    ``cpu_share`` is of one core. ``memory_bytes`` are the machine's, or what its container may take, and
    ``available_bytes`` are left of them. The courses have a value a minute, up to an hour. ``requests`` (by endpoint,
    method and status) and ``reruns`` (by page) are those of its last hour.
    """

    process: str
    kind: str
    host: str
    pid: int
    version: str
    started_at: datetime
    heard_at: datetime
    resident_bytes: int
    memory_bytes: int
    available_bytes: int
    cpu_seconds: float
    cpu_share: float
    threads: int
    sessions: int
    resident_course: tuple[float, ...]
    cpu_course: tuple[float, ...]
    pools: tuple[Pool, ...]
    requests: Mapping[Labels, Timing]
    reruns: Mapping[Labels, Timing]
    versions: Mapping[str, str]

    @property
    def name(self) -> str:
        """``web-1, 4711``: where it runs, and its number there."""
        return f"{self.host}, {self.pid}"

    def is_silent(self, now: datetime) -> bool:
        return now - self.heard_at > SILENT


def processes(snapshot: Snapshot) -> tuple[Process, ...]:
    """All that were heard of lately, the servers first. Raises DatabaseError."""
    return tuple(_process(row) for row in asked(snapshot, "ops/processes").iter_rows(named=True))


def _process(row: dict[str, Any]) -> Process:
    course = json.loads(row.pop("course"))
    told = {
        "resident_course": tuple(one["resident_bytes"] for one in course),
        "cpu_course": tuple(one["cpu_share"] for one in course),
        "pools": tuple(
            Pool(one["name"], one["in_use"], one["size"], one["waiting"]) for one in json.loads(row["pools"])
        ),
        "requests": _timings(row["requests"], ("endpoint", "method", "status")),
        "reruns": _timings(row["reruns"], ("page",)),
        "versions": json.loads(row["versions"]),
    }
    return Process(**row | told)


def _timings(told: str, names: Sequence[str]) -> dict[Labels, Timing]:
    return {
        tuple(one[name] for name in names): Timing(one["count"], one["seconds"], tuple(one["buckets"]))
        for one in json.loads(told)
    }

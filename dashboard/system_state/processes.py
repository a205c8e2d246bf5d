"""The servers and workers, as each last told of itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

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
    method and status) and ``reruns`` (by page) are those of its last hour. ``lag_seconds`` is how late the event loop
    came to what was due, at the worst in the last minute; a worker has none.
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
    lag_seconds: float | None
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


class Roll(NamedTuple):
    """Who gives signs of life; of the others, the ``lost`` are those that no process of their kind came after."""

    alive: tuple[Process, ...]
    lost: tuple[Process, ...]
    replaced: tuple[Process, ...]


def roll(told: Sequence[Process], now: datetime) -> Roll:
    """Each in its place, those that went silent in the order in which they did."""
    alive = tuple(one for one in told if not one.is_silent(now))
    silent = sorted((one for one in told if one.is_silent(now)), key=lambda one: one.heard_at)
    successors = sorted(told, key=lambda one: one.started_at)  # of which some went silent in their turn
    lost: list[Process] = []
    replaced: list[Process] = []
    for one in silent:
        others = (new for new in successors if new.kind == one.kind and new is not one)
        after = [new for new in others if new.started_at > one.heard_at]
        if after:
            successors.remove(after[0])
        (replaced if after else lost).append(one)
    return Roll(alive, tuple(lost), tuple(replaced))


def processes(snapshot: Snapshot) -> tuple[Process, ...]:
    """Those that were heard of last, the servers first. Raises DatabaseError."""
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

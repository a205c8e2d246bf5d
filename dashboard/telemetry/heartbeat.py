"""A process's signs of life: a row of its own in the database, with what it takes and serves."""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Literal, TypeAlias

from dashboard.database import Database, Writer
from dashboard.errors import DatabaseError, DatabaseUnavailable
from dashboard.parts import asked, begin
from dashboard.settings import Settings
from dashboard.telemetry.identity import library_versions, program_version
from dashboard.telemetry.timings import Labels, Timing
from dashboard.telemetry.traffic import Traffic
from dashboard.telemetry.vitals import Pulse
from dashboard.trouble import Trouble

log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["server", "worker"]

RETENTION_HOURS = 24
"""A process that was killed leaves its row behind; one that ends in order takes it along."""

_COLUMNS = (
    *("process", "kind", "host", "pid", "version", "resident_bytes", "memory_bytes", "available_bytes"),
    *("cpu_seconds", "cpu_share", "threads", "sessions", "lag_seconds"),
    *("course", "pools", "requests", "reruns"),
    "versions",
)
_NAMES = ", ".join(_COLUMNS)
# All moments are by the clock of the database: those of the machines differ, and which process came after which
# is told by comparing them.
_WRITE = f"""
INSERT INTO dashboard.processes ({_NAMES}, started_at)
SELECT {_NAMES}, clock_timestamp() - %(age_seconds)s * interval '1 second'
FROM jsonb_populate_record(NULL::dashboard.processes, %(row)s::jsonb)
ON CONFLICT (process) DO UPDATE
SET ({_NAMES}, heard_at) = ({", ".join(f"excluded.{name}" for name in _COLUMNS)}, clock_timestamp())
"""  # noqa: S608 - constants
_END = "DELETE FROM dashboard.processes WHERE process = %(process)s"
_PRUNE = "DELETE FROM dashboard.processes WHERE heard_at < now() - %(hours)s * interval '1 hour'"


class Heart:
    """The heartbeat of one process."""

    def __init__(self, kind: Kind, process: str, database: Database, traffic: Traffic) -> None:
        self._database, self._traffic, self._process = database, traffic, process
        self._pulse = Pulse()
        self._fixed = {
            "process": process,
            "kind": kind,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": program_version(),
            "versions": library_versions(),
        }

    def beat(self) -> None:
        """Write the row anew. Raises DatabaseError."""
        vitals = self._pulse.measure()
        row = {
            **self._fixed,
            **asdict(vitals),
            "sessions": self._traffic.sessions,
            "lag_seconds": self._traffic.loop.seconds(),
            "course": self._pulse.course(),
            "pools": [asdict(pool) for pool in self._database.pools()],
            "requests": _listed(self._traffic.requests.names, self._traffic.requests.last_hour()),
            "reruns": _listed(self._traffic.reruns.names, self._traffic.reruns.last_hour()),
        }
        with self._database.quick_writer() as writer:
            writer.execute(_WRITE, {"row": json.dumps(row), "age_seconds": self._pulse.age_seconds()})

    def end(self) -> None:
        """Take the row along. Raises DatabaseError."""
        with self._database.quick_writer() as writer:
            writer.execute(_END, {"process": self._process})

    def look(self) -> None:
        """Read what metrics tell of the database. Raises DatabaseError."""
        found: dict[str, dict[str, float]] = {}
        with self._database.snapshot() as snapshot:
            begin(snapshot)
            for what, name, value in asked(snapshot, "ops/shared_figures").iter_rows():
                found.setdefault(what, {})[name] = value
        self._traffic.figures = found

    def forget(self) -> None:
        """What it read last may no longer be so, and nobody is told of it."""
        self._traffic.figures = {}


def _listed(names: Labels, timings: Mapping[Labels, Timing]) -> list[dict[str, Any]]:
    return [
        dict(zip(names, labels, strict=True)) | asdict(timing) for labels, timing in sorted(timings.items())
    ]


@contextmanager
def beating(
    kind: Kind, process: str, database: Database, settings: Settings, traffic: Traffic
) -> Iterator[None]:
    """Give a sign of life every ``heartbeat_seconds`` while the block lasts, and take leave at its end.

    The end waits no longer than it may take to connect.
    """
    stop = threading.Event()
    heart = Heart(kind, process, database, traffic)
    thread = threading.Thread(
        target=_run, args=(heart, settings.heartbeat_seconds, stop), name="heartbeat", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(settings.connect_timeout_seconds)


def _run(heart: Heart, every_seconds: float, stop: threading.Event) -> None:
    giving, looking = (
        Trouble(log, "no sign of life can be given"),
        Trouble(log, "metrics tell nothing of the database"),
    )
    wait_seconds = 0.0
    while not stop.wait(wait_seconds):
        began = time.monotonic()
        with giving.told():
            heart.beat()
        if not giving.error:
            with looking.told():
                heart.look()
        if giving.error or looking.error:
            heart.forget()
        wait_seconds = max(every_seconds - (time.monotonic() - began), every_seconds / 10)
    if not isinstance(giving.error, DatabaseUnavailable):
        with suppress(DatabaseError):
            heart.end()


def prune(writer: Writer) -> int:
    """Delete the rows of processes that were not heard of for ``RETENTION_HOURS``; their number."""
    return writer.execute(_PRUNE, {"hours": RETENTION_HOURS})

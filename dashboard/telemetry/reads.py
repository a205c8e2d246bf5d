"""What reads cost and what the cache saved: counted in memory by minute, and written to the database."""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

import polars as pl

from dashboard.catalogue import catalogue
from dashboard.database import Database, Snapshot
from dashboard.demand import Demand
from dashboard.telemetry.recording import Recording
from dashboard.telemetry.statements import StatementLog
from dashboard.telemetry.tallies import ELAPSED_BOUNDS_MS, Tallies, Tally, Told

log = logging.getLogger(__name__)

KEPT_MINUTES = 60

_SERIES = ("query", "source", "reason", "is_coalesced")
_SUMS = ("reads", "size_bytes", "spent_ms", "saved_ms", "elapsed_ms", "elapsed_buckets")
_KEY = ", ".join(("minute", "process", *_SERIES))
_COLUMNS = f"{_KEY}, {', '.join(_SUMS)}"

# What is written are the minute's sums so far, not what came to them since the last time: a write whose commit
# was not confirmed is done again, and counts once.
_WRITE = f"""
INSERT INTO dashboard.read_statistics ({_COLUMNS})
SELECT {_COLUMNS} FROM jsonb_populate_recordset(NULL::dashboard.read_statistics, %(rows)s::jsonb)
ON CONFLICT ({_KEY}) DO UPDATE
SET ({", ".join(_SUMS)}) = ({", ".join(f"excluded.{name}" for name in _SUMS)})
"""  # noqa: S608 - constants

Series: TypeAlias = tuple[str, str, str, bool]


@dataclass(slots=True, eq=False)
class _Sums:
    """Of the reads of one series; ``written`` is the number of reads in what was written last."""

    reads: int = 0
    size_bytes: int = 0
    spent_ms: float = 0.0
    saved_ms: float = 0.0
    elapsed_ms: float = 0.0
    elapsed_buckets: list[int] = field(default_factory=lambda: [0] * (len(ELAPSED_BOUNDS_MS) + 1))
    written: int = 0

    def add(self, tally: Tally) -> None:
        reads, told = len(tally.elapsed_ms), tally.told
        self.reads += reads
        self.size_bytes += reads * told.size_bytes
        self.spent_ms += reads * told.spent_ms
        self.saved_ms += reads * told.saved_ms
        self.elapsed_ms += sum(tally.elapsed_ms)
        for number, of_bucket in enumerate(tally.buckets()):
            self.elapsed_buckets[number] += of_bucket

    def row(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SUMS} | {"elapsed_buckets": self.elapsed_buckets[:]}


class Statistics:
    """The reads of one process by minute, query and outcome. Any thread may record, and none waits for the database.

    A read is counted in ``tallies``, which are entered into the books whenever somebody looks at these.
    """

    def __init__(self, clock: Callable[[], float] = time.time, slow_seconds: float = 1.0) -> None:
        self.process = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
        self.tallies = Tallies(clock, self._enter)
        self.statements = StatementLog(self.process, slow_seconds, clock)
        self._demand = Demand(self.process, clock)
        self._recording = Recording(self.process)
        self._dropped_reads = self._told = 0
        self._entering = threading.Lock()
        self._flushing = threading.Lock()
        self._minutes: dict[int, dict[Series, _Sums]] = {}
        self._newest = 0
        self._totals: dict[Series, _Sums] = {}

    def record(
        self,
        query: str,
        source: str,
        reason: str = "",
        *,
        elapsed_ms: float,
        size_bytes: int = 0,
        spent_ms: float = 0.0,
        saved_ms: float = 0.0,
        is_coalesced: bool = False,
    ) -> None:
        """Count one read, answered or failed.

        ``source`` is where the answer came from: the name of a level of the cache, ``database``, ``stale``, or
        ``error`` if there was none. ``reason`` says why it was a miss. ``is_coalesced``: the reader waited for
        somebody else's computation. ``elapsed_ms`` is what the reader waited, ``spent_ms`` the time of the
        database for this read, ``saved_ms`` what the cache spared it.
        """
        told = Told(query, source, reason, is_coalesced, spent_ms, saved_ms, size_bytes)
        self.tallies.count(told, elapsed_ms, lambda told: told, told)

    @property
    def demand(self) -> Demand:
        """What was asked until now."""
        self._enter()
        return self._demand

    @property
    def recording(self) -> Recording:
        """Of what reads were made until now."""
        self._enter()
        return self._recording

    @property
    def dropped_reads(self) -> int:
        """Those of minutes that could not be written for too long."""
        self._enter()
        return self._dropped_reads

    def totals(self) -> dict[Series, dict[str, Any]]:
        """What all reads since the start of the process come to, by series: the columns from ``reads`` on.

        Series are ``(query, source, reason, is_coalesced)``.
        """
        self._enter()
        with self._entering:
            return {series: sums.row() for series, sums in self._totals.items()}

    def _enter(self) -> None:
        with self._entering:
            tallies, self._newest = self.tallies.take()
            for tally in tallies:
                told, reads = tally.told, len(tally.elapsed_ms)
                if told.seen:
                    self._recording.add(told.seen, tally.minute, tally.at, reads * told.is_asked)
                if told.is_asked:
                    self._add(tally)
                    if told.demand:
                        self._demand.count(*told.demand, reads)
            self._recording.end(self._newest)

    def _add(self, tally: Tally) -> None:
        series = tally.told[:4]
        self._totals.setdefault(series, _Sums()).add(tally)
        self._minutes.setdefault(tally.minute, {}).setdefault(series, _Sums()).add(tally)
        if len(self._minutes) > KEPT_MINUTES:
            oldest = self._minutes.pop(min(self._minutes))
            self._dropped_reads += sum(sums.reads - sums.written for sums in oldest.values())

    def flush(self, database: Database) -> int:
        """Write what is not yet written; the number of rows. Raises DatabaseError, and then keeps it.

        A minute that could not be written is kept until ``KEPT_MINUTES`` later ones have had reads.
        """
        with self._flushing:
            self._enter()
            with self._entering:
                minutes = sorted(self._minutes)
            rows = sum(self._flush_minute(database, minute) for minute in minutes)
            lost, self._told = self._dropped_reads - self._told, self._dropped_reads
            if lost:
                log.warning("%d reads of minutes that could not be written are in no statistics", lost)
            return rows

    def _flush_minute(self, database: Database, minute: int) -> int:
        unwritten = self._unwritten(minute)
        if unwritten:
            rows = json.dumps([row for _, row in unwritten])
            with database.quick_writer() as writer:
                writer.execute(_WRITE, {"rows": rows})
        with self._entering:
            for sums, row in unwritten:
                sums.written = row["reads"]
            self._let_go(minute)
        return len(unwritten)

    def _let_go(self, minute: int) -> None:
        """Forget a minute that is over, unless reads of it were entered after its sums were taken to be written."""
        all_sums = self._minutes.get(minute, {}).values()
        if minute < self._newest and all(sums.reads == sums.written for sums in all_sums):
            self._minutes.pop(minute, None)

    def _unwritten(self, minute: int) -> list[tuple[_Sums, dict[str, Any]]]:
        """The sums of the series that had reads since they were written, and the rows to write."""
        of_process = {"minute": datetime.fromtimestamp(minute * 60, UTC).isoformat(), "process": self.process}
        with self._entering:
            return [
                (sums, of_process | dict(zip(_SERIES, series, strict=True)) | sums.row())
                for series, sums in self._minutes.get(minute, {}).items()
                if sums.reads > sums.written
            ]


def recent(snapshot: Snapshot, minutes: int) -> pl.DataFrame:
    """What the reads of each query did in the last ``minutes``, over all processes; the most read ones first.

    Columns: ``query``; counts as Int64: ``reads``, ``hits`` (answered by a level of the cache), ``stale``,
    ``errors``, ``coalesced``, ``size_bytes`` (of the rows), and reads by why they missed: ``cold``, ``expired``,
    ``version``, ``evicted``, ``damaged``, ``unavailable``, ``bypass``; shares of the reads as Float64:
    ``hit_share``, ``stale_share``; milliseconds as Float64: ``spent_ms``, ``saved_ms`` and ``mean_elapsed_ms``.

    Processes write every ``statistics_flush_seconds``. Don't read this through ``data.frame``: statistics have
    no version, so a cached answer would go on for its lifetime.
    """
    query = catalogue()["ops/read_statistics"]
    return snapshot.frame(query.sql, query.bind({"minutes": minutes}))

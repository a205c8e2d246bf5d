"""The jobs, and what is known of those who run them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from dashboard.catalogue import catalogue
from dashboard.database import Snapshot
from dashboard.parts import asked

JOBS = 200
"""So many of the last jobs are read."""
STATUSES = ("queued", "running", "done", "failed", "canceled")
"""Of jobs, in the order of their lives."""
ACTIVE = STATUSES[:2]

_LONG, _SOON_SECONDS, _LATER_SECONDS = timedelta(minutes=1), 1, 10


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for a worker: for views that were named, ``is_of_all`` if these are all that there are.

    ``error`` is of its last failure, also if it is tried again.
    """

    task: str
    views: tuple[str, ...]
    is_of_all: bool
    status: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    error: str | None

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


@dataclass(frozen=True, slots=True)
class Doing:
    """The jobs that are queued or running; if there are none, the refresh that came to an end last."""

    now: datetime
    jobs: tuple[Job, ...]

    @property
    def pause_seconds(self) -> int | None:
        """After which time to look again; None if nothing will have become of it."""
        return pause_seconds(
            self.now, [job.started_at or job.queued_at for job in self.jobs if job.is_active]
        )


@dataclass(frozen=True, slots=True)
class Jobs:
    """How many jobs there are of each status, and what is known of the workers.

    ``waiting_since`` is when the first of those should have been started that are queued, None if none should.
    ``heard_at`` is the last sign of life of any worker, None if there never was one.
    """

    counts: dict[str, int]
    waiting_since: datetime | None
    heard_at: datetime | None


def pause_seconds(now: datetime, active_since: Sequence[datetime]) -> int | None:
    """After which time to look again at jobs that are queued or running; None if there are none."""
    if not active_since:
        return None
    return _SOON_SECONDS if now - max(active_since) < _LONG else _LATER_SECONDS


def jobs(snapshot: Snapshot) -> Jobs:
    """Raises DatabaseError."""
    counts = dict(asked(snapshot, "ops/job_counts").iter_rows())
    [(heard_at, waiting_since)] = asked(snapshot, "ops/workers").iter_rows()
    return Jobs({status: counts.get(status, 0) for status in STATUSES}, waiting_since, heard_at)


def last_jobs(snapshot: Snapshot, statuses: Sequence[str]) -> pl.DataFrame:
    """The columns of ``dashboard.jobs``, the newest first. Raises DatabaseError."""
    return asked(snapshot, "ops/jobs", statuses=list(statuses), number=JOBS)


def doing(snapshot: Snapshot, now: datetime) -> Doing:
    """Cheap enough to be read every second. Raises DatabaseError."""
    found = tuple(map(_job, asked(snapshot, "ops/current_jobs").to_dicts()))
    return Doing(now, tuple(job for job in found if job.is_active) or found[:1])


def _job(row: dict[str, Any]) -> Job:
    views = json.loads(row.pop("arguments")).get("views")
    named = tuple(map(str, views)) if isinstance(views, list) else ()
    return Job(views=named, is_of_all=set(named) == {view.name for view in catalogue().views}, **row)

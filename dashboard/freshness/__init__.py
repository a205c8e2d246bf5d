"""How fresh the views are, and what refreshes and jobs do about it: one state of the database, past the cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dashboard.changes import backlog
from dashboard.database import Database
from dashboard.errors import DatabaseError
from dashboard.freshness import jobs, sources, views
from dashboard.freshness.jobs import ACTIVE, STATUSES, Doing, Job, Jobs, pause_seconds
from dashboard.freshness.sources import Source, Sources
from dashboard.freshness.views import REFRESHES, Known, Status, ViewState
from dashboard.parts import Part, begin, part

__all__ = [
    "ACTIVE",
    "REFRESHES",
    "STATUSES",
    "Doing",
    "Freshness",
    "Job",
    "Jobs",
    "Part",
    "Source",
    "Sources",
    "Status",
    "ViewState",
    "doing",
    "nightly_at",
    "pause_seconds",
    "read",
]


@dataclass(frozen=True, slots=True)
class Freshness:
    """All of it, at ``now`` by the clock of the database.

    ``history`` has a row for each refresh, the newest first: ``view`` and ``reason`` (String), ``finished_at``
    (Datetime, UTC), ``duration_seconds`` (Float64), ``rows`` and ``months_changed`` (integers), ``error`` (String,
    null if it succeeded). ``last_jobs`` has the columns of the view ``dashboard.jobs``, the newest first. ``gaps`` are
    the reasons why something of the views is not known.
    """

    now: datetime
    views: Part[tuple[ViewState, ...]]
    history: Part[pl.DataFrame]
    doing: Part[Doing]
    jobs: Part[Jobs]
    last_jobs: Part[pl.DataFrame]
    sources: Part[Sources]
    gaps: tuple[DatabaseError, ...]


def read(database: Database, statuses: Sequence[str] = STATUSES) -> Freshness:
    """All of it, of the jobs those with one of these statuses. What can't be read is an error in its place.

    Raises DatabaseError if there is nothing at all.
    """
    with database.snapshot() as snapshot:
        now = begin(snapshot)
        states, backlogs = part(snapshot, views.states), part(snapshot, backlog)
        dated = [row["view"] for row in states.otherwise([]) if row["has_days"] and row["is_populated"]]
        days = part(snapshot, lambda snapshot: views.last_days(snapshot, dated))
        versions, history = part(snapshot, views.versions), part(snapshot, views.history)
        current = part(snapshot, lambda snapshot: jobs.doing(snapshot, now))
        counts = part(snapshot, jobs.jobs)
        last_jobs = part(snapshot, lambda snapshot: jobs.last_jobs(snapshot, statuses))
        tables = part(snapshot, sources.sources)
    error = states.error or backlogs.error
    known = Known(days.otherwise({}), versions.otherwise({}), history.otherwise(None))
    shown = Part(None if error else views.view_states(states.get(), backlogs.get(), known), error)
    gaps = tuple(one.error for one in (days, versions) if one.error)
    return Freshness(now, shown, history, current, counts, last_jobs, tables, gaps)


def doing(database: Database) -> Doing:
    """What becomes of jobs: cheap enough to be read every second. Raises DatabaseError."""
    with database.snapshot() as snapshot:
        return jobs.doing(snapshot, begin(snapshot))


def nightly_at(schedule: str, now: datetime) -> datetime:
    """When all views are refreshed next, changed or not; ``schedule`` is ``DASHBOARD_FULL_REFRESH_CRON``."""
    from croniter import croniter  # noqa: PLC0415 - takes 80 ms to import

    found: datetime = croniter(schedule, now).get_next(datetime)
    return found

"""The views: what each shows and lacks, and how its refreshes went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import polars as pl

from dashboard.catalogue import catalogue
from dashboard.changes import Backlog
from dashboard.database import Snapshot
from dashboard.parts import asked
from dashboard.versions import read_versions

REFRESHES = 60
"""So many of the last refreshes of each view are read."""

# An index on the days answers at once. Infinite ones fit into no frame.
_LAST_DAY = "SELECT '{view}' AS view, max(date) AS day FROM dashboard.{view} WHERE date <= '9999-12-31'"


class Status(StrEnum):
    """What there is to say of a view, the worst first."""

    FAILING = "fails"
    EMPTY = "never filled"
    PENDING = "changes wait"
    FRESH = "shows every change"


@dataclass(frozen=True, slots=True)
class ViewState:
    """What a view shows. ``refreshed_at``, ``duration_seconds`` and ``rows`` are of its last refresh that succeeded.

    ``failures`` counts those since then, the last of which says ``error``; ``retry_at`` is when it may be tried
    again. ``data_through`` is the last day in its rows: None without rows, and for a view without days.
    ``version`` is what its answers carry, in whatever month it changed last. ``months_changed`` have a new one by the
    last refresh. ``durations`` are the seconds of the last refreshes that succeeded, the oldest first.
    """

    view: str
    title: str
    backlog: Backlog
    is_populated: bool
    has_days: bool
    refreshed_at: datetime | None
    duration_seconds: float | None
    rows: int | None
    failures: int
    error: str | None
    failed_at: datetime | None
    retry_at: datetime | None
    data_through: date | None
    version: int | None
    months_changed: int | None
    durations: tuple[float, ...]

    @property
    def status(self) -> Status:
        if self.failures:
            return Status.FAILING
        if not self.is_populated or self.refreshed_at is None:
            return Status.EMPTY
        return Status.PENDING if self.backlog.is_pending else Status.FRESH

    def due_at(self, now: datetime) -> datetime | None:
        """When it is refreshed next for what waits: now or later. None if nothing waits."""
        if not self.backlog.is_pending:
            return None
        return max(self.retry_at or now, now) if self.failures else now


@dataclass(frozen=True, slots=True)
class Known:
    """What may be known of the views beside their states and backlogs."""

    days: dict[str, date]
    versions: dict[str, int]
    history: pl.DataFrame | None

    def of(self, view: str) -> dict[str, Any]:
        done = [row for row in self._refreshes(view) if row["error"] is None]
        return {
            "data_through": self.days.get(view),
            "version": self.versions.get(view),
            "months_changed": done[0]["months_changed"] if done else None,
            "durations": tuple(row["duration_seconds"] for row in reversed(done)),
        }

    def _refreshes(self, view: str) -> list[dict[str, Any]]:
        return [] if self.history is None else self.history.filter(view=view).to_dicts()


def states(snapshot: Snapshot) -> list[dict[str, Any]]:
    """What ``ops/view_states`` tells of each view. Raises DatabaseError."""
    return asked(snapshot, "ops/view_states", views=_names()).to_dicts()


def last_days(snapshot: Snapshot, views: Sequence[str]) -> dict[str, date]:
    """Of views that have days and were filled; those without rows are left out. Raises DatabaseError."""
    if not views:
        return {}
    sql = " UNION ALL ".join(_LAST_DAY.format(view=view) for view in views)
    return {view: day for view, day in snapshot.frame(sql).iter_rows() if day}


def versions(snapshot: Snapshot) -> dict[str, int]:
    """Raises DatabaseError."""
    known = read_versions(snapshot)
    return {view: known.of((view,)) for view in _names()}


def history(snapshot: Snapshot) -> pl.DataFrame:
    """See Freshness. Raises DatabaseError."""
    return asked(snapshot, "ops/refresh_history", views=_names(), number=REFRESHES)


def view_states(
    states: Sequence[dict[str, Any]], backlogs: Sequence[Backlog], known: Known
) -> tuple[ViewState, ...]:
    titles = {view.name: view.title for view in catalogue().views}
    waiting = {one.view: one for one in backlogs}
    return tuple(
        ViewState(**state, title=titles[view], backlog=waiting[view], **known.of(view))
        for state in states
        for view in [state["view"]]
    )


def _names() -> list[str]:
    return [view.name for view in catalogue().views]

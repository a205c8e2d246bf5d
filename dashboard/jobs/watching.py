"""Looking at the log of changes, so that a refresh is queued when there is something for it to do."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from dashboard.catalogue import catalogue
from dashboard.changes import Backlog, backlog, poll_sources
from dashboard.database import Database, Snapshot
from dashboard.jobs.requesting import request

log = logging.getLogger(__name__)

QUIET_SECONDS, PATIENCE_SECONDS = 0.3, 1.0
"""A burst of changes has ended when it was quiet for so long; it is waited for no longer than that."""

_LONGEST_PAUSE_SECONDS = 30.0

# The refresher's lock tells of one who is at work, and goes with its connection. Databases made from one template
# number their tables alike. A job that was just begun is about to take it, unless its worker was killed since.
_STATE = """
SELECT
    clock_timestamp() AS now,
    (SELECT max(changed_at) FROM dashboard.change_log) AS last_change_at,
    (SELECT string_agg(view, ',') FROM dashboard.view_states WHERE retry_at > clock_timestamp()) AS waiting,
    EXISTS (
        SELECT FROM pg_locks
        WHERE relation = 'dashboard.view_states'::regclass AND mode = 'ShareUpdateExclusiveLock' AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) OR EXISTS (
        SELECT FROM (SELECT task, status, started_at FROM dashboard.jobs ORDER BY job_id DESC LIMIT 20) AS job
        WHERE task IN ('refresh', 'full_refresh') AND status = 'running'
            AND started_at > clock_timestamp() - interval '3 s'
    ) AS is_refreshing
"""

Picture: TypeAlias = frozenset[tuple[str, datetime | None]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """``due`` are the views for which a refresh would have something to do now, and since when."""

    due: Picture
    waited_seconds: float  # since the first of the changes
    quiet_seconds: float  # since the last one
    is_refreshing: bool


class Watcher:
    """Remembers, from one look to the next, what it has asked for."""

    def __init__(self, database: Database, poll_seconds: float) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._noticed_at: float | None = None
        self._asked: Picture = frozenset()
        self._ask_again_at = 0.0
        self._pause_seconds = 0.0

    def look(self) -> float:
        """Queue a refresh if there is one to do; the seconds until the next look. Raises DatabaseError."""
        with self._database.writer() as writer:
            poll_sources(writer)
        seen = self._see()
        if seen is None or seen.is_refreshing:
            self._noticed_at = None
            return self._poll_seconds
        now = time.monotonic()
        self._noticed_at = self._noticed_at or now
        # By our clock, too: that of the database may be set.
        patience = PATIENCE_SECONDS - max(seen.waited_seconds, now - self._noticed_at)
        if (left := min(QUIET_SECONDS - seen.quiet_seconds, patience)) > 0:
            return min(left, self._poll_seconds)
        self._ask(seen.due)
        return self._poll_seconds

    def _ask(self, due: Picture) -> None:
        """Again for the same only after a while: something was in the way, such as a load of the shop."""
        now = time.monotonic()
        if due != self._asked:
            self._pause_seconds = self._poll_seconds
        elif now < self._ask_again_at:
            return
        request(self._database, "refresh")
        self._asked, self._ask_again_at = due, now + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _see(self) -> _Seen | None:
        with self._database.snapshot() as snapshot:
            pending = [one for one in backlog(snapshot) if one.is_pending]
            return _seen(snapshot, pending) if pending else None


def _seen(snapshot: Snapshot, pending: Iterable[Backlog]) -> _Seen | None:
    [(now, last_change_at, waiting, is_refreshing)] = snapshot.frame(_STATE).iter_rows()
    due = _due(pending, set(waiting.split(",") if waiting else ()))
    if not due:
        return None
    first = min((since or now for _, since in due))
    quiet_seconds = (now - last_change_at).total_seconds() if last_change_at else QUIET_SECONDS
    return _Seen(due, (now - first).total_seconds(), quiet_seconds, is_refreshing)


def _due(pending: Iterable[Backlog], waiting: set[str]) -> Picture:
    """A view that failed is due again after a while, and those that read it only after it."""
    left, held_up, due = {one.view: one for one in pending}, set[str](), set()
    for view in catalogue().views:
        if view.name in left:
            if view.name in waiting or held_up.intersection(view.reads):
                held_up.add(view.name)
            else:
                due.add((view.name, left[view.name].since))
    return frozenset(due)

"""Filling the views that do not show every change yet, each in a transaction of its own."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from dashboard.catalogue import View, catalogue
from dashboard.changes import backlog, forget
from dashboard.database import Cancellation, Conflict, Database, LockTaken, Writer
from dashboard.errors import DatabaseError, StatementCancelled, StatementTimeout
from dashboard.refresh.filling import Refresh, fill, is_populated, number_people, tables_read, take
from dashboard.refresh.publishing import publish, record_failure, state_seen
from dashboard.versions import shut_out_readers

log = logging.getLogger(__name__)

_ATTEMPTS = 3

_STATES = """
SELECT view, snapshot::text, failures, duration_seconds, coalesce(retry_at > clock_timestamp(), false) AS is_waiting
FROM dashboard.view_states
"""
_STATE = "SELECT snapshot::text, failures FROM dashboard.view_states WHERE view = %(view)s"
# All that a view shows is of one moment, also the numbers of people, which are given before it is filled.
_ISOLATED = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
# A refresher whose machine is gone keeps the others waiting for a minute.
_BOUNDED = """
SELECT set_config('statement_timeout', %(timeout)s, true),
    set_config('idle_in_transaction_session_timeout', '1min', true)
"""
_LOG = "INSERT INTO dashboard.change_log (source) SELECT unnest(%(names)s::text[])"


def refresh_pending(
    database: Database,
    *,
    timeout_seconds: float,
    reason: str = "changes",
    also: Iterable[View] = (),
    cancellation: Cancellation | None = None,
) -> list[Refresh]:
    """Fill the views that lack changes, and ``also`` these; what was done, and what failed.

    First what a view reads, then the view; of those that can be filled, the fastest first. One that failed holds up
    only those that read it, and is due again after a while. What another refresher is at, or did in the
    meantime, is left out. No statement runs longer than ``timeout_seconds``. Raises DatabaseUnavailable, and
    StatementCancelled when it was given up, which undoes the view at hand.
    """
    pending = _pending(database, {view.name for view in also})
    cancellation = cancellation or Cancellation()
    done = list(_Refresher(database, timeout_seconds, reason, cancellation).refresh(pending))
    if done:
        with suppress(LockTaken), database.writer() as writer:
            take(writer, (), is_patient=False)
            forget(writer)
    return done


@dataclass(frozen=True, slots=True)
class _Pending:
    """A view to be filled, and what was known of it when that was found out."""

    view: View
    tables: list[str]
    state: tuple[str | None, int]  # what it shows, and its failures since
    duration_seconds: float
    is_due: bool


_NEVER = (None, 0, None, False)


def _pending(database: Database, also: set[str]) -> dict[str, _Pending]:
    with database.snapshot() as snapshot:
        names = {one.view for one in backlog(snapshot) if one.is_pending} | also
        states = {view: state for view, *state in snapshot.frame(_STATES).iter_rows()} if names else {}
    found = {}
    if names:
        with database.writer() as writer:
            for view in catalogue().views:
                if view.name in names:
                    shown, failures, duration_seconds, is_waiting = states.get(view.name, _NEVER)
                    found[view.name] = _Pending(
                        view,
                        tables_read(writer, [view]),
                        (shown, failures),
                        duration_seconds or 0.0,
                        is_due=not is_waiting or view.name in also,
                    )
    return found


@dataclass(frozen=True, slots=True)
class _Refresher:
    database: Database
    timeout_seconds: float
    reason: str
    cancellation: Cancellation

    def refresh(self, pending: dict[str, _Pending]) -> Iterator[Refresh]:
        behind = {name for name, one in pending.items() if not one.is_due}
        left = {name: one for name, one in pending.items() if one.is_due}
        while ready := [one for one in left.values() if not (left.keys() | behind) & set(one.view.reads)]:
            one = min(ready, key=lambda one: one.duration_seconds)
            del left[one.view.name]
            try:
                done = self._refresh(one)
            except LockTaken:
                behind.add(one.view.name)
                continue
            if done and done.error:
                behind.add(one.view.name)
            if done:
                yield done

    def _refresh(self, one: _Pending) -> Refresh | None:
        """What was done, None if another refresher did it. Raises LockTaken."""
        started = time.perf_counter()
        try:
            return self._filled(one)
        except (LockTaken, StatementCancelled):
            raise
        except DatabaseError as error:
            duration_seconds = time.perf_counter() - started
            failed = Refresh(one.view.name, self.reason, duration_seconds, error=self._explained(error))
            log.warning("%s keeps its old rows: %s", failed.view, failed.error)
            self._record(one, failed)
            return failed

    def _filled(self, one: _Pending) -> Refresh | None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.database.writer(self.cancellation) as writer:
                    return self._fill(writer, one)
            except Conflict:  # somebody gave the whole view a new version in the meantime
                if attempt == _ATTEMPTS:
                    raise
        return None

    def _fill(self, writer: Writer, one: _Pending) -> Refresh | None:
        writer.execute(_ISOLATED)
        take(writer, one.tables, is_patient=False)
        writer.rows(_BOUNDED, {"timeout": f"{max(1, round(self.timeout_seconds * 1_000))}ms"})
        if not _is_as_it_was(writer, one):
            return None
        seen = state_seen(writer)
        is_concurrent = is_populated(writer, one.view)
        if not is_concurrent:
            shut_out_readers(writer)
        numbered = number_people(writer, [one.view])
        done = fill(writer, one.view, self.reason, is_concurrent=is_concurrent)
        changed = [*numbered, *([done.view] if done.months_changed else [])]
        _log_for_others(writer, one.view, changed)
        publish(writer, [done], seen, numbered)
        return done

    def _record(self, one: _Pending, failed: Refresh) -> None:
        """Unless another refresher is at it, who will meet the same, or has done it."""
        with suppress(LockTaken), self.database.writer() as writer:
            take(writer, (), is_patient=False)
            if _is_as_it_was(writer, one):
                record_failure(writer, failed)

    def _explained(self, error: DatabaseError) -> str:
        if isinstance(error, StatementTimeout):
            return (
                f"PostgreSQL stopped the refresh: {error.__cause__}. If it needs longer than "
                f"{self.timeout_seconds:g} s, raise DASHBOARD_REFRESH_TIMEOUT_SECONDS."
            )
        return str(error)


def _is_as_it_was(writer: Writer, one: _Pending) -> bool:
    [state] = writer.rows(_STATE, {"view": one.view.name}) or [_NEVER[:2]]
    return state == one.state


def _log_for_others(writer: Writer, view: View, changed: list[str]) -> None:
    """What other views read has changed for them with this commit, whatever the shop's changes that they show."""
    read_by_others = {name for other in catalogue().views if other != view for name in other.reads}
    if names := [name for name in changed if name in read_by_others]:
        writer.execute(_LOG, {"names": names})

"""Filling the views that do not show every change yet, each in a transaction of its own.

Those that are kept by days share one: they name one another's rows by numbers that are good within one state.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from dashboard.catalogue import View, catalogue
from dashboard.changes import backlog, forget
from dashboard.database import Cancellation, Conflict, Database, LockTaken, Snapshot, Writer
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
_STATE = """
SELECT view, snapshot::text, failures FROM dashboard.view_states WHERE view = ANY (%(views)s::text[])
"""
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
    """Views to be filled together, and what was known of them when that was found out."""

    views: tuple[View, ...]
    also: set[str]  # of these, all, whatever they lack
    tables: list[str]
    states: Mapping[str, tuple[str | None, int]]  # what each shows, and its failures since
    duration_seconds: float
    is_due: bool

    @property
    def names(self) -> set[str]:
        return {view.name for view in self.views}

    @property
    def reads(self) -> set[str]:
        """What has to be filled before, if it is to be."""
        return {name for view in self.views for name in view.reads} - self.names


_NEVER = (None, 0, None, False)


def _pending(database: Database, also: set[str]) -> list[_Pending]:
    with database.snapshot() as snapshot:
        names = {one.view for one in backlog(snapshot) if one.is_pending} | also
        states = {view: tuple(state) for view, *state in snapshot.frame(_STATES).iter_rows()} if names else {}
    if not names:
        return []
    with database.writer() as writer:
        return [
            _together(writer, views, also, states)
            for views in _units()
            if any(view.name in names for view in views)
        ]


def _units() -> Iterator[tuple[View, ...]]:
    views = catalogue().views
    yield from ((view,) for view in views if not view.is_kept_by_days)
    if by_days := tuple(view for view in views if view.is_kept_by_days):
        yield by_days


def _together(
    writer: Writer, views: tuple[View, ...], also: set[str], states: Mapping[str, tuple[Any, ...]]
) -> _Pending:
    known = {view.name: states.get(view.name, _NEVER) for view in views}
    return _Pending(
        views,
        also,
        tables_read(writer, views),
        {name: (state[0], state[1]) for name, state in known.items()},
        sum(state[2] or 0.0 for state in known.values()),
        is_due=not any(state[3] for state in known.values()) or bool(also & known.keys()),
    )


def _chosen(writer: Writer, one: _Pending) -> dict[str, Sequence[date] | None]:
    """The views to be filled, and the days of which rows are to be computed anew; None where it is all of them.

    As of the snapshot that the rows will be of: who committed since it was found out that a view is pending has changed
    other days. Whoever reads a view of the same transaction names its rows, so that one's days are everyone's.
    """
    if not one.views[0].is_kept_by_days:
        return {view.name: None for view in one.views}
    behind = {each.view: each for each in backlog(Snapshot(writer.connection)) if each.is_pending}
    days = sorted({day for name in one.names & behind.keys() for day in behind[name].days})
    whole: set[str] = set()
    for view in one.views:
        lacking = behind.get(view.name)
        is_whole = lacking is not None and (lacking.is_any_day or not lacking.is_filled)
        if is_whole or view.name in one.also or whole & set(view.reads):
            whole.add(view.name)
    found = {view.name: None if view.name in whole else days for view in one.views}
    return {name: each for name, each in found.items() if name in behind or each != []}


@dataclass(frozen=True, slots=True)
class _Refresher:
    database: Database
    timeout_seconds: float
    reason: str
    cancellation: Cancellation

    def refresh(self, pending: Iterable[_Pending]) -> Iterator[Refresh]:
        left = [one for one in pending if one.is_due]
        behind = {name for one in pending if not one.is_due for name in one.names}
        while ready := [
            one for one in left if not one.reads & behind.union(*(other.names for other in left))
        ]:
            one = min(ready, key=lambda one: one.duration_seconds)
            left.remove(one)
            try:
                done = self._refresh(one)
            except LockTaken:
                behind |= one.names
                continue
            if any(each.error for each in done):
                behind |= one.names
            yield from done

    def _refresh(self, one: _Pending) -> list[Refresh]:
        """What was done, nothing if another refresher did it. Raises LockTaken."""
        started = time.perf_counter()
        try:
            return self._filled(one)
        except (LockTaken, StatementCancelled):
            raise
        except DatabaseError as error:
            duration_seconds, explained = time.perf_counter() - started, self._explained(error)
            failed = [
                Refresh(view.name, self.reason, duration_seconds, error=explained) for view in one.views
            ]
            log.warning("%s: old rows are kept: %s", ", ".join(each.view for each in failed), explained)
            self._record(one, failed)
            return failed

    def _filled(self, one: _Pending) -> list[Refresh]:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.database.writer(self.cancellation) as writer:
                    return self._fill(writer, one)
            except Conflict:  # somebody gave the whole view a new version in the meantime
                if attempt == _ATTEMPTS:
                    raise
        return []

    def _fill(self, writer: Writer, one: _Pending) -> list[Refresh]:
        writer.execute(_ISOLATED)
        take(writer, one.tables, is_patient=False)
        writer.rows(_BOUNDED, {"timeout": f"{max(1, round(self.timeout_seconds * 1_000))}ms"})
        if not _is_as_it_was(writer, one):
            return []
        seen, chosen = state_seen(writer), _chosen(writer, one)
        views = [view for view in one.views if view.name in chosen]
        is_concurrent = all(is_populated(writer, view) for view in views)
        if not is_concurrent:
            shut_out_readers(writer)
        numbered = number_people(writer, views)
        done = [
            fill(writer, view, self.reason, is_concurrent=is_concurrent, days=chosen[view.name])
            for view in views
        ]
        _log_for_others(writer, one, done)
        publish(writer, done, seen, numbered)
        return done

    def _record(self, one: _Pending, failed: Iterable[Refresh]) -> None:
        """Unless another refresher is at it, who will meet the same, or has done it."""
        with suppress(LockTaken), self.database.writer() as writer:
            take(writer, (), is_patient=False)
            if _is_as_it_was(writer, one):
                for each in failed:
                    record_failure(writer, each)

    def _explained(self, error: DatabaseError) -> str:
        if isinstance(error, StatementTimeout):
            return (
                f"PostgreSQL stopped the refresh: {error.__cause__}. If it needs longer than "
                f"{self.timeout_seconds:g} s, raise DASHBOARD_REFRESH_TIMEOUT_SECONDS."
            )
        return str(error)


def _is_as_it_was(writer: Writer, one: _Pending) -> bool:
    found = {view: tuple(state) for view, *state in writer.rows(_STATE, {"views": sorted(one.names)})}
    return all(found.get(name, _NEVER[:2]) == state for name, state in one.states.items())


def _log_for_others(writer: Writer, one: _Pending, done: Iterable[Refresh]) -> None:
    """What other views read has changed for them with this commit, whatever the shop's changes that they show.

    Who reads people's numbers gives those that are missing before it is filled.
    """
    read_by_others = {name for other in catalogue().views if other not in one.views for name in other.reads}
    names = [each.view for each in done if each.months_changed and each.view in read_by_others]
    if names:
        writer.execute(_LOG, {"names": names})

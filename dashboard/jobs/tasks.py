"""What jobs do. Each may be done twice: a worker can be killed after the work and before it is written down."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from dashboard import reports, statements
from dashboard.catalogue import View, catalogue
from dashboard.data import Data
from dashboard.database import Cancellation
from dashboard.database_state import take_sizes
from dashboard.errors import RefreshFailed
from dashboard.jobs.requesting import request
from dashboard.jobs.retention import delete_old
from dashboard.notation import Notation
from dashboard.refresh import refresh_pending
from dashboard.settings import Settings
from dashboard.telemetry import TRAFFIC
from dashboard.warming import warm_up

_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Work:
    """What an attempt at a job works with, and what tells it to stop."""

    data: Data
    settings: Settings
    cancellation: Cancellation


def refresh(work: Work, views: Iterable[str] = ()) -> None:
    """Fill the views that lack changes, and those of these names whatever they show. Raises RefreshFailed."""
    chosen = [catalogue().view(name) for name in views]
    _refresh(work, "request" if chosen else "changes", chosen)


def full_refresh(work: Work) -> None:
    """Fill all views, whatever they show. Raises RefreshFailed."""
    _refresh(work, "full", catalogue().views)


def _refresh(work: Work, reason: str, views: Iterable[View]) -> None:
    timeout_seconds = work.settings.refresh_timeout_seconds
    deadline = time.monotonic() + timeout_seconds
    left, has_changed = {view.name: view for view in views}, False
    errors: dict[str, str] = {}
    while True:
        done = refresh_pending(
            work.data.database,
            timeout_seconds=timeout_seconds,
            reason=reason,
            also=left.values(),
            cancellation=work.cancellation,
        )
        has_changed = has_changed or any(each.months_changed for each in done)
        errors |= {each.view: each.error for each in done if each.error}
        for each in done:
            outcome = "failed" if each.error else "done"
            TRAFFIC.refreshes.record((each.view, outcome), each.duration_seconds)
            left.pop(each.view, None)
        if errors or not left or time.monotonic() > deadline:
            break
        work.cancellation.check()
        time.sleep(_PAUSE_SECONDS)  # another refresher is at one of them
    if has_changed:
        request(work.data.database, "warm_up")
    problems = [f"{view}: {error}" for view, error in errors.items()]
    if left:
        problems.append(f"Not reached, since others go first: {', '.join(left)}.")
    if problems:
        raise RefreshFailed(" ".join(problems))


def _warm_up(work: Work) -> None:
    warm_up(work.data, budget_seconds=work.settings.warm_up_seconds, cancellation=work.cancellation)


def report(work: Work, report_id: int) -> None:
    """Make a report that was asked for; nothing, if it was made or deleted. Raises ReportError."""
    database, notation = work.data.database, Notation(work.settings.locale, work.settings.currency)
    with database.writer() as writer:
        wanted = reports.take_up(writer, report_id)
    if wanted is None:
        return
    made = reports.make(work.data, *wanted, notation)
    with database.writer(work.cancellation) as writer:
        reports.fill(writer, report_id, made)


def _count_statements(work: Work) -> None:
    statements.take(work.data.database)


def _retention(work: Work) -> None:
    delete_old(work.data.database, work.settings)


def _relation_sizes(work: Work) -> None:
    take_sizes(work.data.database)


def _counted(task: str, body: Callable[..., None]) -> Callable[..., None]:
    @wraps(body)
    def counted(work: Work, **arguments: Any) -> None:
        with TRAFFIC.job(task):
            body(work, **arguments)

    return counted


BODIES: dict[str, Callable[..., None]] = {
    "refresh": _counted("refresh", refresh),
    "full_refresh": _counted("full_refresh", full_refresh),
    "warm_up": _counted("warm_up", _warm_up),
    "report": _counted("report", report),
    "count_statements": _counted("count_statements", _count_statements),
    "retention": _counted("retention", _retention),
    "relation_sizes": _counted("relation_sizes", _relation_sizes),
}
"""By task. They take the work and the arguments of the job."""

RETENTION_CRON = "17 * * * *"
COUNT_STATEMENTS_CRON = "*/10 * * * *"
# The first job of a day does it. More often than that, since there may be no worker at any one time.
RELATION_SIZES_CRON = "43 * * * *"


def schedule(settings: Settings) -> dict[str, str]:
    """When jobs are queued by themselves: cron expressions in UTC, by task."""
    return {
        "full_refresh": settings.full_refresh_cron,
        "count_statements": COUNT_STATEMENTS_CRON,
        "retention": RETENTION_CRON,
        "relation_sizes": RELATION_SIZES_CRON,
    }

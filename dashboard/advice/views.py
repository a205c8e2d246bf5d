"""Whether views, jobs and reports are where they should be."""

from collections.abc import Sequence
from datetime import datetime

from dashboard.advice.verdict import Level, Now, Verdict, listed
from dashboard.freshness import Job, Jobs, Sources, Status, ViewState
from dashboard.notation import MISSING, Format
from dashboard.reports import Report, Shelf

OUTCOMES = {
    "queued": Level.NOTE,
    "running": Level.NOTE,
    "done": Level.GOOD,
    "failed": Level.BAD,
    "canceled": Level.WARNING,
}
"""How bad it is that a job is in a state."""

LEVELS = {
    Status.FRESH: Level.GOOD,
    Status.PENDING: Level.NOTE,
    Status.EMPTY: Level.WARNING,
    Status.FAILING: Level.BAD,
}
"""How bad it is that a view is in a state."""


def freshness(
    now: Now, views: Sequence[ViewState], sources: Sources | None, jobs: Jobs | None, tracking: str
) -> Verdict:
    """Whether all views show every change, and else the worst reason why not.

    Without ``sources`` or ``jobs``, nothing is known of them. ``tracking`` is ``DASHBOARD_CHANGE_TRACKING``.
    """
    found = (
        jobs and _without_worker(now, jobs),
        _failing(now, [view for view in views if view.status is Status.FAILING]),
        jobs and _late(now, jobs),
        _empty([view for view in views if view.status is Status.EMPTY]),
        _waiting(now, [view for view in views if view.backlog.is_pending]),
        sources and _unnoticed(sources, tracking),
        _without_orders(views),
        Verdict(Level.GOOD, f"All {len(views)} views show every change."),
    )
    return next(verdict for verdict in found if verdict)


def backlog(now: Now, views: Sequence[ViewState]) -> str:
    """What these views do not show yet: ``changes of 3 days, since 12 s ago``."""
    waiting = [view.backlog for view in views if view.backlog.is_pending]
    if not waiting:
        return "nothing"
    days = {day for one in waiting for day in one.days}
    since = min((one.since for one in waiting if one.since), default=None)
    if since is None:
        return "all rows"  # of what they show, nothing is known
    of_any = any(one.is_any_day for one in waiting)
    of_days = f" of {now.counted(len(days), 'day')}{' and more' if of_any else ''}" if days else ""
    return f"changes{of_days}, since {now.ago(since)}"


def next_refresh(now: Now, view: ViewState, nightly_at: datetime, *, is_tracked: bool) -> str:
    """When a view is refreshed next: ``now``, ``in 12 s``, ``after a change, or in 14 h``."""
    due = view.due_at(now.moment)
    if due is not None:
        return now.until(due)
    return f"{'after a change, or ' if is_tracked else ''}{now.until(nightly_at)}"


def facts(now: Now, view: ViewState, nightly_at: datetime, *, is_tracked: bool) -> dict[str, str]:
    """What a view shows, what it lacks and when that comes, by label."""
    said = {
        "Data through": _last_day(view),
        "Rows": now.notation.exact(view.rows, Format.COUNT),
        "Months changed": now.notation.exact(view.months_changed, Format.COUNT),
        "Waiting": backlog(now, [view]),
        "Next refresh": next_refresh(now, view, nightly_at, is_tracked=is_tracked),
        "Version": str(view.version or MISSING),
    }
    if view.failures:
        said["Failed"] = f"{now.counted(view.failures, 'time')}, last {now.ago(view.failed_at)}"
    return said


def _last_day(view: ViewState) -> str:
    if not view.has_days:
        return "no days in it"
    return f"{view.data_through:%-d %b %Y}" if view.data_through else MISSING


def job(now: Now, told: Job) -> str:
    """What becomes of a job: ``Refresh of all views: running for 2 s``."""
    return f"{_title(told)}: {_course(now, told)}."


def _title(told: Job) -> str:
    if told.is_of_all:
        return "Refresh of all views"
    return f"Refresh of {listed(told.views)}" if told.views else told.task.replace("_", " ").capitalize()


def report(now: Now, told: Report) -> str:
    """What becomes of a report: ``1–28 Nov 2018, asked for 3 min ago: done 2 min ago in 0.4 s``."""
    asked = "" if told.status == "queued" else f", asked for {now.ago(told.queued_at)}"
    return f"{told.days.label()}{asked}: {_course(now, told)}."


def _course(now: Now, told: Job | Report) -> str:
    if told.status == "queued":
        return f"{'failed, and is queued again' if told.error else f'queued {now.ago(told.queued_at)}'}"
    if told.status == "running" and told.started_at:
        return f"running for {now.duration_since(told.started_at)}"
    took = f" in {now.notation.duration(told.duration_seconds)}" if told.duration_seconds is not None else ""
    return f"{told.status}{f' {now.ago(told.finished_at)}' if told.finished_at else ''}{took}"


def shelf(now: Now, told: Shelf) -> Verdict | None:
    """What is in the way of reports that were asked for; None if nothing is."""
    return _no_worker(now, told.heard_at, "no report is made", _queued(now, len(told.waiting), "report"))


def _without_worker(now: Now, jobs: Jobs) -> Verdict | None:
    queued = _queued(now, jobs.counts["queued"], "job")
    return _no_worker(now, jobs.heard_at, "no change is noticed and no view refreshed", queued)


def _queued(now: Now, number: int, what: str) -> str:
    return f"; {now.counted(number, what)} {'is' if number == 1 else 'are'} queued" if number else ""


def _no_worker(now: Now, heard_at: datetime | None, so: str, queued: str) -> Verdict | None:
    if heard_at and not now.is_overdue(heard_at):
        return None
    heard = f"the last sign of one came {now.ago(heard_at)}" if heard_at else "none has signed on"
    return Verdict(
        Level.BAD,
        f"No worker is alive ({heard}), so {so}{queued}.",
        "Start one with `python -m dashboard worker`, or let the server be one: `DASHBOARD_WORKER=inline`.",
    )


def _failing(now: Now, views: Sequence[ViewState]) -> Verdict | None:
    if not views:
        return None
    retry = min((due for view in views if (due := view.due_at(now.moment))), default=None)
    again = "after a change or at night" if retry is None else now.until(retry)
    return Verdict(
        Level.BAD,
        f"The refresh of {listed(view.view for view in views)} fails; pages show what was there before.",
        f"The Freshness page has what PostgreSQL said. It is tried again {again}, or with Refresh now there.",
    )


def _late(now: Now, jobs: Jobs) -> Verdict | None:
    if not now.is_overdue(jobs.waiting_since):
        return None
    return Verdict(
        Level.WARNING,
        f"Jobs are late: the first was due {now.ago(jobs.waiting_since)}, though a worker is alive.",
        "The list of jobs tells what keeps it busy. A second worker takes what the first one leaves.",
    )


def _empty(views: Sequence[ViewState]) -> Verdict | None:
    if not views:
        return None
    was, them = ("was", "it") if len(views) == 1 else ("were", "them")
    return Verdict(
        Level.WARNING,
        f"{listed(view.view for view in views)} {was} never filled, so there is nothing that pages could read.",
        f"The worker fills {them} by itself; Refresh now asks for it at once.",
    )


def _waiting(now: Now, views: Sequence[ViewState]) -> Verdict | None:
    if not views:
        return None
    is_late = any(now.is_overdue(view.backlog.since) for view in views)
    waiting = backlog(now, views)
    return Verdict(
        Level.WARNING if is_late else Level.NOTE,
        f"{now.counted(len(views), 'view')} {'lacks' if len(views) == 1 else 'lack'} {waiting}.",
        "A refresh should have come by now: look at the jobs, or ask for one with Refresh now."
        if is_late
        else "The next refresh comes by itself.",
    )


def _unnoticed(sources: Sources, tracking: str) -> Verdict | None:
    by: dict[str, list[str]] = {}
    for source in sources.tables:
        by.setdefault(source.noticed_by(tracking), []).append(source.name)
    if off := by.get("off"):
        return Verdict(
            Level.WARNING,
            f"Change tracking is off: what changes in {listed(off)} shows after the nightly refresh.",
            "To have it at once, set `DASHBOARD_CHANGE_TRACKING` to triggers or poll.",
        )
    if (polled := by.get("poll")) and not sources.is_counted:
        return Verdict(
            Level.WARNING,
            f"What changes in {listed(polled)} is not noticed, since PostgreSQL does not count changed rows.",
            "Turn its setting `track_counts` on, or have triggers: `DASHBOARD_CHANGE_TRACKING=triggers`.",
        )
    return None


def _without_orders(views: Sequence[ViewState]) -> Verdict | None:
    if any(view.rows for view in views):
        return None
    return Verdict(
        Level.NOTE,
        "There are no orders yet, so the views are empty.",
        "Load a demo shop with `python -m dashboard load demo`, or the Olist files with "
        "`python -m dashboard load olist DIRECTORY`.",
    )

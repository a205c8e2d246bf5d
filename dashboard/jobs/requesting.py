"""Asking for a job, in any process."""

import json

from dashboard import reports
from dashboard.catalogue.source import listed
from dashboard.database import Database, Writer
from dashboard.errors import ParameterError
from dashboard.job_tables import FIND_TABLES
from dashboard.window import Window

PRIORITIES = {
    "refresh": 10,
    "report": 8,
    "warm_up": 5,
    "full_refresh": 0,
    "count_statements": 0,
    "retention": 0,
    "relation_sizes": 0,
}
"""The tasks, each with its jobs' priority: of those that are queued, the highest runs first."""

# One asks at a time. Two would run into a unique index, of which PostgreSQL's log tells as an error.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('daybook job ' || %(lock)s))"
_QUEUED = "SELECT FROM procrastinate_jobs WHERE queueing_lock = %(lock)s AND status = 'todo'"


def request(database: Database, task: str, /, **arguments: object) -> bool:
    """Put a job into the queue, for whichever worker is free; False if the same is queued already.

    One that runs is no reason not to: it may have looked before. ``arguments`` are of JSON's types. Raises
    ParameterError for an unknown task, and DatabaseError.
    """
    with database.writer() as writer:
        return defer(writer, task, **arguments) is not None


def request_report(database: Database, title: str, window: Window) -> int:
    """Ask for a report of a window; its number. An empty title stands for one that tells the days.

    Report and job are there together or not at all. Raises ReportError if too many wait already, and DatabaseError.
    """
    with database.writer() as writer:
        report_id = reports.place(writer, title, window)
        job_id = defer(writer, "report", report_id=report_id)
        assert job_id is not None  # nobody else knows of this report yet
        reports.hand_over(writer, report_id, job_id)
    return report_id


def defer(writer: Writer, task: str, /, **arguments: object) -> int | None:
    """``request`` in a transaction of the caller's: the number of the job, None if the same is queued already."""
    if task not in PRIORITIES:
        raise ParameterError(f"There is no task {task!r}; there are {listed(PRIORITIES)}.")
    lock = f"{task} {json.dumps(arguments, sort_keys=True)}" if arguments else task
    writer.execute(FIND_TABLES)
    writer.execute(_ALONE, {"lock": lock})
    if writer.rows(_QUEUED, {"lock": lock}):
        return None
    return _put(writer, task, lock, arguments)


def _put(writer: Writer, task: str, lock: str, arguments: dict[str, object]) -> int:
    from procrastinate import App, SyncPsycopgConnector  # noqa: PLC0415 - a third of a second, which most
    from procrastinate.exceptions import ConnectorException  # noqa: PLC0415 - commands do without

    library = App(connector=SyncPsycopgConnector())  # which makes no connection of its own
    job = library.configure_task(
        task, queueing_lock=lock, priority=PRIORITIES[task], connection=writer.connection
    )
    try:
        return job.defer(**arguments)  # type: ignore[arg-type] # of JSON's types
    except ConnectorException as error:
        raise error.__cause__ or error from None

"""Deleting what is older than anybody looks at."""

import logging

from dashboard import reports, statements, telemetry
from dashboard.database import Database
from dashboard.database_state import prune_sizes
from dashboard.job_tables import FIND_TABLES
from dashboard.settings import Settings

log = logging.getLogger(__name__)

_JOBS = """
DELETE FROM procrastinate_jobs
WHERE status NOT IN ('todo', 'doing') AND NOT EXISTS (
    SELECT FROM procrastinate_events
    WHERE job_id = procrastinate_jobs.id AND at > now() - %(days)s * interval '1 day'
)
"""
_ATTEMPTS = """
DELETE FROM dashboard.job_attempts
WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE id = job_id)
"""
_REFRESHES = """
DELETE FROM dashboard.refreshes WHERE finished_at < now() - %(days)s * interval '1 day'
"""


def delete_old(database: Database, settings: Settings) -> None:
    """Delete old jobs, refreshes, reports, sizes of tables and statistics of reads.

    What people have numbers for stays for good.
    """
    with database.writer() as writer:
        writer.execute(FIND_TABLES)  # the triggers on jobs need it, too
        jobs = writer.execute(_JOBS, {"days": settings.keep_jobs_days})
        writer.execute(_ATTEMPTS)
    with database.writer() as writer:
        refreshes = writer.execute(_REFRESHES, {"days": settings.keep_refreshes_days})
        old_reports = reports.delete_old(writer, settings.keep_reports_days)
        statements.prune(writer)
        prune_sizes(writer, settings.keep_relation_sizes_days)
    telemetry.prune(database)
    log.info("deleted %d old jobs, %d old refreshes and %d old reports", jobs, refreshes, old_reports)

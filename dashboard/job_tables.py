"""procrastinate's tables, in a schema of their own, and the views that show jobs and workers to the reader."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from dashboard.database import Database, Writer
from dashboard.errors import NewerSchema

Step: TypeAlias = tuple[str, Mapping[str, object] | None]

SCHEMA = "procrastinate"
# Its SQL names no schema, nor do the functions and triggers that it makes.
FIND_TABLES = f"SELECT set_config('search_path', '{SCHEMA}', true)"

_ALONE = "SELECT pg_advisory_xact_lock(hashtext('daybook jobs'))"
_APPLIED = "SELECT name FROM dashboard.job_migrations"
_RECORD = "INSERT INTO dashboard.job_migrations (name) SELECT unnest(%(names)s::text[])"

# A job that waits to be tried again shows how its last attempt went. As nothing in it is volatile and the join can be
# left out, the last of 150,000 jobs are found in 2 ms and all of them counted in 50; else it were a second.
_VIEWS = """
CREATE VIEW dashboard.jobs AS
SELECT
    id AS job_id,
    task_name::text AS task,
    args - 'timestamp' AS arguments,
    CASE status
        WHEN 'todo' THEN 'queued'
        WHEN 'doing' THEN 'running'
        WHEN 'succeeded' THEN 'done'
        WHEN 'failed' THEN 'failed'
        ELSE 'canceled'
    END AS status,
    queued_at,
    scheduled_at,
    started_at,
    CASE WHEN status NOT IN ('todo', 'doing') THEN ended_at END AS finished_at,
    extract(
        epoch FROM CASE status WHEN 'doing' THEN now() ELSE ended_at END - started_at
    )::double precision AS duration_seconds,
    attempts + (status = 'doing')::integer AS attempts,
    (
        SELECT error FROM dashboard.job_attempts
        WHERE job_id = id AND error IS NOT NULL ORDER BY attempt DESC LIMIT 1
    ) AS error,
    (SELECT worker FROM dashboard.job_attempts WHERE job_id = id ORDER BY attempt DESC LIMIT 1) AS worker
FROM procrastinate.procrastinate_jobs
LEFT JOIN LATERAL (
    SELECT
        min(at) FILTER (WHERE type = 'deferred') AS queued_at,
        max(at) FILTER (WHERE type = 'started') AS started_at,
        max(at) FILTER (
            WHERE type IN ('deferred_for_retry', 'failed', 'succeeded', 'cancelled', 'aborted')
        ) AS ended_at
    FROM procrastinate.procrastinate_events
    WHERE procrastinate_events.job_id = procrastinate_jobs.id
) AS events ON true;

CREATE VIEW dashboard.workers AS
SELECT id AS worker_id, last_heartbeat FROM procrastinate.procrastinate_workers;
COMMENT ON VIEW dashboard.workers IS 'Also those that were killed, until the next one starts';
"""
_MARK = f"Jobs, also those that are done [definition {hashlib.sha256(_VIEWS.encode()).hexdigest()[:16]}]"
_SHOWN = "SELECT obj_description(to_regclass('dashboard.jobs'), 'pg_class')"
# They would be in the way of a migration.
_HIDE: Step = ("DROP VIEW IF EXISTS dashboard.jobs, dashboard.workers", None)
_SHOW: tuple[Step, ...] = (_HIDE, (_VIEWS, None), (f"COMMENT ON VIEW dashboard.jobs IS '{_MARK}'", None))


def prepare_jobs(database: Database) -> None:
    """Bring procrastinate's tables to what its installed version works with, and the views to what this program says.

    Only looks when it is so. Raises DatabaseError, and NewerSchema if a newer procrastinate has been here.
    """
    with database.writer() as writer:
        is_done = not _steps(writer)
    # A migration in a transaction of its own: one may use values of a type that the one before it has added.
    while not is_done:
        with database.writer() as writer:
            writer.execute(_ALONE)
            steps = _steps(writer)
            for sql, values in steps:
                writer.execute(sql, values)
            is_done = not steps


def _steps(writer: Writer) -> tuple[Step, ...]:
    """What is to be done next, in one transaction."""
    applied, known = {name for (name,) in writer.rows(_APPLIED)}, _migrations()
    if unknown := sorted(applied - known.keys()):
        raise NewerSchema(
            f"The tables of jobs are at migration {unknown[-1]} of procrastinate, which the installed version "
            "does not know: a newer program has been here. Update this checkout and run make."
        )
    if not applied:
        made = (_folder() / "schema.sql").read_text(encoding="utf-8")
        return ((FIND_TABLES, None), (made, None), (_RECORD, {"names": list(known)}))
    if missing := sorted(known.keys() - applied):
        change = known[missing[0]].read_text(encoding="utf-8")
        return (_HIDE, (FIND_TABLES, None), (change, None), (_RECORD, {"names": missing[:1]}))
    return () if writer.rows(_SHOWN) == [(_MARK,)] else _SHOW


def _migrations() -> dict[str, Path]:
    return {path.name: path for path in (_folder() / "migrations").glob("*.sql")}


@cache
def _folder() -> Path:
    """Where the library keeps its SQL. Importing it would take each command a third of a second."""
    spec = find_spec("procrastinate")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "sql"

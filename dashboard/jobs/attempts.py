"""Attempts at jobs: each in a thread of its own, on record, and taken up by others when it comes to nothing."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from dashboard.database import Cancellation, Database
from dashboard.errors import DatabaseError, DaybookError
from dashboard.job_tables import FIND_TABLES

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
HEARTBEAT_SECONDS = 5.0
STALLED_SECONDS = 20.0
STOP_SECONDS = 3.0
"""After a job was cancelled, time until it is left to itself."""

_ENDED_SECONDS = 10.0
_STOPPED = "Its worker was stopped before it was done."
_LOST = "Its worker was killed, or lost the database, before it was done."

Attempt: TypeAlias = tuple[int, int]  # the job, and the number of attempts before

_BEGIN = """
INSERT INTO dashboard.job_attempts (job_id, attempt, worker) VALUES (%(job)s, %(before)s + 1, %(worker)s)
ON CONFLICT (job_id, attempt) DO UPDATE
SET worker = excluded.worker, started_at = excluded.started_at, error = NULL
"""
_FAIL = """
INSERT INTO dashboard.job_attempts (job_id, attempt, worker, error)
VALUES (%(job)s, %(before)s + 1, %(worker)s, %(error)s)
ON CONFLICT (job_id, attempt) DO UPDATE SET error = excluded.error
"""
# Its next attempt may have to wait. Who asks for the same meanwhile shall have it now, and with the lock it could not
# be queued beside that one.
_UNLOCK = """
UPDATE procrastinate_jobs SET queueing_lock = NULL WHERE id = %(job)s AND status = 'doing'
"""
# The heartbeat of its worker tells that a worker is dead. One that lives may have lost the connection on which
# it wrote how a job ended. In one statement, so of several that recover a job at once one does.
_RECOVER = """
WITH lost AS (
    UPDATE procrastinate_jobs
    SET status = CASE
            WHEN abort_requested OR attempts + 1 >= %(most)s THEN 'failed'
            ELSE 'todo'
        END::procrastinate_job_status,
        attempts = attempts + 1, queueing_lock = NULL, abort_requested = false
    WHERE status = 'doing' AND (
        worker_id IS NULL
        OR EXISTS (
            SELECT FROM procrastinate_workers
            WHERE procrastinate_workers.id = worker_id
                AND last_heartbeat < now() - %(stalled_seconds)s * interval '1 s'
        )
        OR (id, attempts) IN (SELECT * FROM unnest(%(jobs)s::bigint[], %(before)s::integer[]))
    )
    RETURNING id, attempts
)
INSERT INTO dashboard.job_attempts (job_id, attempt, worker, error)
SELECT id, attempts, 'unknown', %(error)s FROM lost
ON CONFLICT (job_id, attempt) DO UPDATE SET error = coalesce(job_attempts.error, excluded.error)
"""


class JobStopped(DaybookError):
    """Its worker was stopped before it was done."""


class Attempts:
    """The attempts of this process. ``is_ending`` tells that a failure may come of the end of the process."""

    def __init__(self, database: Database) -> None:
        self.is_ending = False
        self._database = database
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._ended: dict[Attempt, float] = {}

    async def make(self, attempt: Attempt, body: Callable[[Cancellation], None]) -> None:
        """Run the body in a thread. When this is cancelled, so is the body; raises JobStopped then.

        A daemon's thread: Python waits for those of its executors before it lets us stop any.
        """
        loop, cancellation = asyncio.get_running_loop(), Cancellation()
        ended: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            problem = self._run(attempt, body, cancellation)
            with suppress(RuntimeError):  # nobody waits for it any more
                loop.call_soon_threadsafe(_end, ended, problem)

        threading.Thread(target=run, name=f"job {attempt[0]}", daemon=True).start()
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            cancellation.cancel()
            await asyncio.wait([ended], timeout=STOP_SECONDS)
            ended.cancel()
            raise JobStopped(_STOPPED) from None

    def recover(self) -> int:
        """Queue the jobs again whose attempt came to nothing, or let them fail after too many; their number."""
        long_ago = time.monotonic() - _ENDED_SECONDS
        ended = [attempt for attempt, at in list(self._ended.items()) if at < long_ago]
        values = {"most": MOST_ATTEMPTS, "stalled_seconds": STALLED_SECONDS, "error": _LOST}
        found = {"jobs": [job for job, _ in ended], "before": [before for _, before in ended]}
        with self._database.writer() as writer:
            writer.execute(FIND_TABLES)
            recovered = writer.execute(_RECOVER, values | found)
        for attempt in ended:
            del self._ended[attempt]
        if recovered:
            log.warning("%d jobs lost their worker and are taken up again", recovered)
        return recovered

    def _run(
        self, attempt: Attempt, body: Callable[[Cancellation], None], cancellation: Cancellation
    ) -> BaseException | None:
        """What the body raised."""
        try:
            self._record(_BEGIN, attempt)
            body(cancellation)
        except BaseException as error:
            is_stopped = cancellation.is_cancelled or self.is_ending
            problem = JobStopped(_STOPPED) if is_stopped else error
            self._fail(attempt, problem)
            return problem
        finally:
            self._ended[attempt] = time.monotonic()
        return None

    def _fail(self, attempt: Attempt, problem: BaseException) -> None:
        is_known = isinstance(problem, DaybookError)
        level = logging.INFO if isinstance(problem, JobStopped) else logging.WARNING
        log.log(level, "job %d failed: %s", attempt[0], problem, exc_info=None if is_known else problem)
        with suppress(DatabaseError):  # then recovering finds the job as it is
            said = str(problem) if is_known else f"{type(problem).__name__}: {problem}"
            self._record(_FAIL, attempt, error=said)

    def _record(self, statement: str, attempt: Attempt, **values: str) -> None:
        job, before = attempt
        known = {"job": job, "before": before, "worker": self._worker, **values}
        with self._database.writer() as writer:
            writer.execute(FIND_TABLES)
            writer.execute(statement, known)
            if statement is _FAIL:
                writer.execute(_UNLOCK, known)


def _end(ended: asyncio.Future[None], problem: BaseException | None) -> None:
    if ended.cancelled():
        return
    if problem:
        ended.set_exception(problem)
        ended.exception()  # that nobody may ask for is no news
    else:
        ended.set_result(None)

"""The tasks as procrastinate knows them, and its worker, which lives as long as the database answers."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job
from psycopg_pool import AsyncConnectionPool

from dashboard.data import Data
from dashboard.database import Cancellation, Database
from dashboard.errors import RefreshFailed
from dashboard.job_tables import SCHEMA
from dashboard.jobs.attempts import HEARTBEAT_SECONDS, MOST_ATTEMPTS, STALLED_SECONDS, Attempts, JobStopped
from dashboard.jobs.requesting import PRIORITIES
from dashboard.jobs.tasks import BODIES, Work, schedule
from dashboard.settings import Settings
from dashboard.telemetry import asking

# A refresh shall not wait for warm-up and retention.
_CONCURRENCY = 4
_CONNECTIONS = 3
# A notice that comes while the queue is looked at is lost, as is one that nobody listened to.
_POLL_SECONDS = 1.0
_PROMPT_SECONDS, _PATIENT_SECONDS = 2, 20


class Retry(BaseRetryStrategy):
    """After a few seconds, then after more, then no more. What was stopped goes on as soon as there is a worker."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobStopped):
            return RetryDecision(retry_in=None)
        is_seen_again = isinstance(exception, RefreshFailed) and not job.task_kwargs.get("views")
        if job.attempts + 1 >= MOST_ATTEMPTS or (is_seen_again and job.task_name == "refresh"):
            return None
        return RetryDecision(retry_in={"seconds": _PATIENT_SECONDS if job.attempts else _PROMPT_SECONDS})


async def work(data: Data, settings: Settings, attempts: Attempts) -> None:
    """Run jobs until cancelled, or until the database is lost.

    Cancelled, running jobs have ``worker_grace_seconds`` to end by themselves.
    """
    app = App(connector=PsycopgConnector(configure=_find_tables))  # of the connection that listens
    for name, body in BODIES.items():
        run = _runner(partial(_run, name, body, data, settings), attempts)
        task = app.task(name=name, priority=PRIORITIES[name], retry=Retry(), pass_context=True)(run)
        if cron := schedule(settings).get(name):
            app.periodic(cron=cron)(task)
    # Its own way to open a pool waits half a minute for a connection, and can't be cancelled.
    async with _pool(data.database, settings) as pool, app.open_async(pool):
        await app.run_worker_async(
            name="daybook",
            concurrency=_CONCURRENCY,
            fetch_job_polling_interval=_POLL_SECONDS,
            shutdown_graceful_timeout=settings.worker_grace_seconds,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
            install_signal_handlers=False,
        )


def _run(
    name: str,
    body: Callable[..., None],
    data: Data,
    settings: Settings,
    arguments: dict[str, Any],
    cancellation: Cancellation,
) -> None:
    with asking(f"job {name}"):
        body(Work(data, settings, cancellation), **arguments)


def _runner(
    run: Callable[[dict[str, Any], Cancellation], None], attempts: Attempts
) -> Callable[..., Awaitable[None]]:
    async def attempt(context: JobContext, **arguments: Any) -> None:
        assert context.job.id is not None
        arguments.pop("timestamp", None)  # of a job that was queued by the clock
        await attempts.make((context.job.id, context.job.attempts), partial(run, arguments))

    return attempt


def _pool(database: Database, settings: Settings) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(
        database.conninfo("daybook worker"),
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=settings.connect_timeout_seconds,
        configure=_find_tables,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )


async def _find_tables(connection: Any) -> None:
    await connection.set_autocommit(True)
    await connection.execute(f"SET search_path TO {SCHEMA}")

"""Workers: what they do by themselves, what a failure leaves, and how they end, in order or not."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dashboard.changes import backlog
from dashboard.data import Data, opened
from dashboard.database import Database
from dashboard.jobs import attempts, queue, request, tasks, worker, working
from dashboard.jobs.tasks import Work
from dashboard.refresh import refresh_pending
from dashboard.settings import Settings
from tests.servers import wait_until

Admin = Callable[..., list[tuple[Any, ...]]]
Start = Callable[..., Data]

BLACK_FRIDAY = "2017-11-24"
EACH_SECOND = "* * * * * *"


def order(admin: Admin, order_id: str) -> None:
    admin(f"INSERT INTO shop.customers VALUES ('{order_id}', 'person {order_id}')")
    admin(f"INSERT INTO shop.orders VALUES ('{order_id}', '{order_id}', 'delivered', '{BLACK_FRIDAY}')")


def orders_shown(admin: Admin) -> int:
    found = admin(f"SELECT total_orders FROM dashboard.daily_sales_metrics WHERE date = '{BLACK_FRIDAY}'")
    return int(found[0][0]) if found else 0


def jobs(admin: Admin, task: str) -> list[tuple[Any, ...]]:
    """Status, attempts and error of a task's jobs."""
    return admin(f"SELECT status, attempts, error FROM dashboard.jobs WHERE task = '{task}' ORDER BY job_id")


def is_pending(database: Database) -> bool:
    with database.snapshot() as snapshot:
        return any(one.is_pending for one in backlog(snapshot))


def sleeping(admin: Admin) -> int:
    """Backends that a job let sleep."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_sleep'"
    return int(admin(query)[0][0])


def sleep(work: Work, seconds: float = 60.0) -> None:
    """A job that PostgreSQL is busy with."""
    with work.data.database.writer(work.cancellation) as writer:
        writer.rows(f"SELECT pg_sleep({seconds})")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds in earnest takes less, and nothing comes by the clock unless the test is about it."""
    monkeypatch.setattr(worker, "_RECOVER_SECONDS", 0.2)
    monkeypatch.setattr(attempts, "STALLED_SECONDS", 2.0)
    monkeypatch.setattr(attempts, "_ENDED_SECONDS", 1.0)
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(queue, "_PROMPT_SECONDS", 0)
    monkeypatch.setattr(queue, "_PATIENT_SECONDS", 0)
    by_the_clock = {EACH_SECOND: {"full_refresh": EACH_SECOND}}
    monkeypatch.setattr(queue, "schedule", lambda own: by_the_clock.get(own.full_refresh_cron, {}))


@pytest.fixture(autouse=True)
def warmed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tables that something was warmed up for; nothing else is done."""
    times: list[str] = []
    monkeypatch.setitem(tasks.BODIES, "warm_up", lambda _: times.append("warmed"))
    return times


@pytest.fixture(autouse=True)
def fresh(database: Database) -> None:
    """Nobody knows what was changed before there were triggers, so views are refreshed once after that."""
    while refresh_pending(database, timeout_seconds=60):
        pass


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Open the data of a process that works: ``start()``. At the end of the test all are closed."""
    with ExitStack() as stack:

        def start(**chosen: Any) -> Data:
            values = {"DATABASE_URL": database_url, "cache": "memory", "worker": "inline", **chosen}
            own = Settings(_env_file=None, data_dir=tmp_path / "data", **values)
            data = stack.enter_context(opened(own))
            stack.enter_context(working(data, own))
            return data

        yield start


class TestChanges:
    def test_change_of_the_shop_shows_by_itself_and_warms_up(
        self, start: Start, admin: Admin, warmed: list[str]
    ) -> None:
        start()
        order(admin, "a")
        wait_until(lambda: orders_shown(admin) == 1, "the order shows")
        wait_until(lambda: bool(warmed), "what changed is warmed up")
        wait_until(lambda: jobs(admin, "warm_up") == [("done", 1, None)], "that is on record")
        wait_until(lambda: {job[0] for job in jobs(admin, "refresh")} == {"done"}, "so is the refresh")
        [(seconds, who, is_ordered)] = admin(
            "SELECT duration_seconds, worker, queued_at <= started_at AND started_at < finished_at"
            " FROM dashboard.jobs WHERE task = 'refresh' LIMIT 1"
        )
        assert 0 < seconds < 60
        assert ":" in who
        assert is_ordered

    def test_table_without_triggers_is_polled(self, start: Start, admin: Admin) -> None:
        start(change_tracking="poll")
        wait_until(lambda: bool(admin("SELECT 1 FROM dashboard.source_states")), "the tables are looked at")
        order(admin, "a")
        wait_until(lambda: orders_shown(admin) == 1, "the order shows")

    def test_untracked_changes_wait_for_the_full_refresh(self, start: Start, admin: Admin) -> None:
        data = start(change_tracking="off")
        order(admin, "a")
        request(data.database, "retention")
        wait_until(lambda: jobs(admin, "retention") == [("done", 1, None)], "jobs run")
        assert jobs(admin, "refresh") == []
        request(data.database, "full_refresh")
        wait_until(lambda: orders_shown(admin) == 1, "the order shows")

    def test_many_workers_queue_few_refreshes_and_in_a_quiet_shop_none(
        self, start: Start, database: Database, admin: Admin
    ) -> None:
        for _ in range(3):
            start(changes_poll_seconds=0.1)
        order(admin, "a")
        wait_until(lambda: orders_shown(admin) == 1, "the order shows")
        wait_until(lambda: not is_pending(database), "every view shows every change")
        time.sleep(0.5)  # who looked before that has asked by then
        number = len(jobs(admin, "refresh"))
        assert number <= 8  # of the looks of three workers, ten a second; on an idle machine there is one
        time.sleep(1.0)
        assert len(jobs(admin, "refresh")) == number

    def test_view_that_fails_is_tried_again_in_its_time_and_holds_up_no_other(
        self, start: Start, admin: Admin
    ) -> None:
        admin(
            "CREATE FUNCTION dashboard.fail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'no room for months'; END $$;"
            "CREATE TRIGGER fail BEFORE INSERT ON dashboard.view_months FOR EACH ROW"
            " WHEN (NEW.view = 'daily_sales_by_state') EXECUTE FUNCTION dashboard.fail()"
        )
        start(changes_poll_seconds=0.1)
        order(admin, "a")
        failures = "SELECT failures FROM dashboard.view_states WHERE view = 'daily_sales_by_state'"
        wait_until(lambda: [job[0] for job in jobs(admin, "refresh")].count("failed") >= 2, "it failed twice")
        assert orders_shown(admin) == 1
        failed = [error for status, _, error in jobs(admin, "refresh") if status == "failed"]
        assert all("daily_sales_by_state: " in error and "no room for months" in error for error in failed)
        assert (
            len(jobs(admin, "refresh")) <= admin(failures)[0][0] + 2
        )  # though a look is taken ten times a second
        admin("DROP TRIGGER fail ON dashboard.view_months")
        wait_until(lambda: admin(failures) == [(0,)], "it has recovered")

    def test_refresher_at_work_is_waited_for_and_nothing_is_lost(
        self, start: Start, admin: Admin, database_url: str
    ) -> None:
        data = start(changes_poll_seconds=0.1)
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE dashboard.view_states IN SHARE UPDATE EXCLUSIVE MODE")
            order(admin, "a")
            request(data.database, "refresh", views=["customer_metrics"])
            wait_until(lambda: jobs(admin, "refresh")[0][0] == "running", "it waits for the other")
            time.sleep(1.0)  # ten looks
            assert len(jobs(admin, "refresh")) == 1
            assert orders_shown(admin) == 0
        wait_until(lambda: orders_shown(admin) == 1, "the order shows")
        wait_until(lambda: jobs(admin, "refresh")[0] == ("done", 1, None), "what was asked for is done")


class TestClock:
    def test_full_refresh_comes_by_the_clock_and_once_for_all_workers(
        self, start: Start, admin: Admin
    ) -> None:
        for _ in range(2):
            start(full_refresh_cron=EACH_SECOND)
        views = "SELECT count(DISTINCT view) FROM dashboard.refreshes WHERE reason = 'full'"
        all_views = len(tasks.catalogue().views)
        wait_until(lambda: admin(views) == [(all_views,)], "all views are refreshed")
        wait_until(lambda: len(jobs(admin, "full_refresh")) >= 3, "it comes again")
        times = "SELECT args -> 'timestamp' FROM procrastinate.procrastinate_jobs WHERE task_name = 'full_refresh'"
        seconds = [second for (second,) in admin(times)]
        assert len(set(seconds)) == len(seconds)
        assert admin("SELECT DISTINCT arguments FROM dashboard.jobs WHERE task = 'full_refresh'") == [({},)]


class TestFailures:
    def test_failed_job_is_tried_again_and_its_error_stays(
        self, start: Start, admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = iter([ValueError("a bad day"), None])

        def fail_once(_: Work) -> None:
            if problem := next(tries):
                raise problem

        monkeypatch.setitem(tasks.BODIES, "retention", fail_once)
        request(start().database, "retention")
        wait_until(lambda: jobs(admin, "retention")[0][0] == "done", "it succeeds")
        assert jobs(admin, "retention") == [("done", 2, "ValueError: a bad day")]

    def test_job_that_always_fails_is_given_up_and_does_not_keep_others_from_asking(
        self, start: Start, admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail_and_ask(work: Work) -> None:
            if len(jobs(admin, "retention")) == 1:
                assert request(work.data.database, "retention")
            raise ValueError("a bad day")

        monkeypatch.setitem(tasks.BODIES, "retention", fail_and_ask)
        request(start().database, "retention")
        given_up = [("failed", 3, "ValueError: a bad day")] * 2
        wait_until(lambda: jobs(admin, "retention") == given_up, "both are given up")

    def test_lost_connections_are_made_anew(self, start: Start, admin: Admin) -> None:
        data = start()
        request(data.database, "retention")
        wait_until(lambda: jobs(admin, "retention") == [("done", 1, None)], "it works")
        for number in range(2, 5):
            admin(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            order(admin, f"order {number}")
            wait_until(lambda number=number: orders_shown(admin) == number - 1, "the order shows")
        wait_until(
            lambda: {job[0] for job in jobs(admin, "refresh")} <= {"done", "failed"}, "no job is stuck"
        )

    def test_job_that_loses_its_connection_is_tried_again(
        self, start: Start, admin: Admin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seconds = iter([60.0, 0.0])
        monkeypatch.setitem(tasks.BODIES, "retention", lambda work: sleep(work, next(seconds)))
        request(start().database, "retention")
        wait_until(lambda: sleeping(admin) == 1, "it runs")
        admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        wait_until(lambda: jobs(admin, "retention")[0][0] == "done", "it is done")
        [(_, times, error)] = jobs(admin, "retention")
        assert times >= 2
        assert error

    def test_job_whose_end_could_not_be_written_is_taken_up_again(self, start: Start, admin: Admin) -> None:
        admin(
            "CREATE FUNCTION dashboard.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;"
            "CREATE TRIGGER fail BEFORE UPDATE ON procrastinate.procrastinate_jobs FOR EACH ROW"
            " WHEN (NEW.status = 'succeeded' AND OLD.attempts = 0) EXECUTE FUNCTION dashboard.fail()"
        )
        request(start().database, "retention")
        wait_until(lambda: jobs(admin, "retention")[0][:2] == ("done", 2), "it is done the second time")

    def test_job_that_lost_its_worker_is_taken_up_again_though_changes_go_unnoticed(
        self, start: Start, admin: Admin, caplog: pytest.LogCaptureFixture
    ) -> None:
        start(changes_poll_seconds=0.1)
        admin("ALTER TABLE dashboard.change_log RENAME TO gone")
        wait_until(lambda: "changes of the shop go unnoticed" in caplog.text, "that is told")
        admin(
            "INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('default', 'retention', 'doing')"
        )
        wait_until(lambda: jobs(admin, "retention")[0][:2] == ("done", 2), "it is done")

    def test_changes_are_noticed_though_no_job_can_be_taken_up_again(
        self, start: Start, admin: Admin, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, worker.__name__)
        start(changes_poll_seconds=0.1)
        admin("ALTER TABLE dashboard.job_attempts RENAME TO gone")
        wait_until(
            lambda: "jobs that lost their worker are not taken up again" in caplog.text, "that is told"
        )
        time.sleep(1.0)  # ten looks, and some attempts to take up jobs
        order(admin, "a")
        queued = "SELECT 1 FROM procrastinate.procrastinate_jobs WHERE task_name = 'refresh'"
        wait_until(lambda: bool(admin(queued)), "a refresh is asked for")
        assert "unnoticed" not in caplog.text
        assert "this is over" not in caplog.text


class TestEnds:
    @contextmanager
    def working(self, url: str, folder: Path, **chosen: Any) -> Iterator[Data]:
        own = Settings(_env_file=None, data_dir=folder, DATABASE_URL=url, worker="inline", **chosen)
        with opened(own) as data, working(data, own):
            yield data

    def test_running_job_may_finish(
        self, database_url: str, admin: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(tasks.BODIES, "retention", lambda work: sleep(work, 1.0))
        with self.working(database_url, tmp_path) as data:
            request(data.database, "retention")
            wait_until(lambda: sleeping(admin) == 1, "it runs")
        assert jobs(admin, "retention") == [("done", 1, None)]
        assert admin("SELECT * FROM dashboard.workers") == []

    def test_job_that_takes_longer_is_stopped_with_its_statement_and_queued_again(
        self, database_url: str, admin: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(tasks.BODIES, "retention", sleep)
        with self.working(database_url, tmp_path, worker_grace_seconds=0.2) as data:
            request(data.database, "retention")
            wait_until(lambda: sleeping(admin) == 1, "it runs")
            ending = time.monotonic()
        assert time.monotonic() - ending < 10
        assert sleeping(admin) == 0
        assert jobs(admin, "retention") == [("queued", 1, "Its worker was stopped before it was done.")]
        monkeypatch.setitem(tasks.BODIES, "retention", lambda _: None)
        with self.working(database_url, tmp_path):
            wait_until(lambda: jobs(admin, "retention")[0][:2] == ("done", 2), "the next worker does it")

    def test_refresh_that_is_stopped_is_no_failure_of_the_view(
        self, database_url: str, admin: Admin, tmp_path: Path
    ) -> None:
        order(admin, "a")
        with psycopg.connect(database_url) as other:
            with self.working(database_url, tmp_path, worker_grace_seconds=0.1):
                # Two can't refresh a view concurrently, so the job waits in the middle of its refresh.
                other.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY dashboard.daily_sales_metrics")
                blocked = (
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '^REFRESH'"
                )
                wait_until(lambda: bool(admin(blocked)), "the job waits")
            assert not admin(blocked)
        assert admin("SELECT sum(failures)::int FROM dashboard.view_states") == [(0,)]
        assert jobs(admin, "refresh")[-1][0] == "queued"
        with self.working(database_url, tmp_path):
            wait_until(lambda: orders_shown(admin) == 1, "the next worker shows it")

    def test_worker_that_is_off_does_nothing(self, database_url: str, tmp_path: Path) -> None:
        before = {*threading.enumerate()}
        own = Settings(_env_file=None, data_dir=tmp_path, DATABASE_URL=database_url, worker="off")
        with opened(own) as data, working(data, own):
            assert request(data.database, "retention")
            new = {*threading.enumerate()} - before
            assert not {thread.name for thread in new} & {"worker", "watcher"}


class TestRetention:
    def test_old_is_deleted_and_new_is_kept(self, start: Start, admin: Admin) -> None:
        data = start(keep_jobs_days=3, keep_refreshes_days=5)
        for _ in range(2):
            request(data.database, "retention")
            wait_until(lambda: jobs(admin, "retention")[-1][0] == "done", "a job is done")
        admin(
            "UPDATE procrastinate.procrastinate_events SET at = at - interval '4 days' WHERE job_id = 1"
        )  # the first
        admin(
            "INSERT INTO dashboard.refreshes (view, reason, finished_at, duration_seconds, rows)"
            " SELECT 'old', 'test', now() - days * interval '1 day', 1, 1 FROM unnest(array[4, 6]) AS days"
        )
        request(data.database, "retention")
        wait_until(lambda: len(jobs(admin, "retention")) == 2, "the old job is gone")
        wait_until(
            lambda: admin("SELECT count(*) FROM dashboard.refreshes WHERE view = 'old'") == [(1,)],
            "so is the old refresh",
        )
        wait_until(lambda: {job[0] for job in jobs(admin, "retention")} == {"done"}, "it has ended")
        orphans = "SELECT job_id FROM dashboard.job_attempts WHERE job_id NOT IN (SELECT job_id FROM dashboard.jobs)"
        assert admin(orphans) == []

"""The worker as operators meet it: beside the pages of a server, in a process of its own, and killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest

from dashboard.data import opened
from dashboard.database import Database
from dashboard.errors import ServerError
from dashboard.jobs import attempts, queue, request, worker, working
from dashboard.settings import ROOT, Settings
from dashboard.telemetry import Statistics, Traffic
from dashboard.telemetry.metrics import Metrics
from tests.servers import free_port, wait_until

Admin = Callable[..., list[tuple[Any, ...]]]

ORDERS = "SELECT total_orders FROM dashboard.daily_sales_metrics WHERE date = '2017-11-24'"
STATUS = "SELECT status, attempts, error FROM dashboard.jobs WHERE arguments ? 'views'"


def order(admin: Admin) -> None:
    admin("INSERT INTO shop.customers VALUES ('c', 'p')")
    admin("INSERT INTO shop.orders VALUES ('o', 'c', 'delivered', '2017-11-24')")


@contextmanager
def daybook(folder: Path, url: str, *arguments: str, **chosen: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a process of its own, which says on ``folder/log`` that it is ready."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": url,
        "DASHBOARD_DATA_DIR": str(folder / "data"),
        **chosen,
    }
    log = folder / "log"
    with log.open("wb") as said:
        command = [sys.executable, "-m", "dashboard", *arguments]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        wait_until(
            lambda: b"(Ctrl-C ends it)" in log.read_bytes() or process.poll() is not None, "it is ready"
        )
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[bytes], number: int) -> int:
    process.send_signal(number)
    return process.wait(timeout=120)


@pytest.mark.parametrize(
    ("arguments", "chosen", "number"),
    [
        (("worker",), {"DASHBOARD_WORKER": "off"}, signal.SIGTERM),
        (("worker",), {}, signal.SIGINT),
        (("serve", "--port", "0"), {}, signal.SIGTERM),
    ],
    ids=["worker", "interrupted worker", "server"],
)
def test_change_shows_by_itself_and_the_process_ends_in_order(
    arguments: tuple[str, ...],
    chosen: dict[str, str],
    number: int,
    database_url: str,
    admin: Admin,
    tmp_path: Path,
) -> None:
    # So long may a job take that is under way, on a machine that is busy with other things.
    chosen = {"DASHBOARD_WORKER_GRACE_SECONDS": "60", **chosen}
    with daybook(tmp_path, database_url, *arguments, **chosen) as process:
        order(admin)
        wait_until(lambda: admin(ORDERS) == [(1,)], "the order shows")
        assert ended(process, number) == 0
    assert admin("SELECT * FROM dashboard.workers") == []  # it has told that it ends
    running = "SELECT count(*) FROM dashboard.jobs WHERE status = 'running'"
    assert admin(running) == [(0,)]
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


def test_server_without_a_worker_leaves_changes_to_others(
    database_url: str, database: Database, admin: Admin, tmp_path: Path
) -> None:
    with daybook(tmp_path, database_url, "serve", "--port", "0", DASHBOARD_WORKER="off") as process:
        assert request(database, "refresh")
        assert ended(process, signal.SIGINT) == 0
    assert admin("SELECT status FROM dashboard.jobs") == [("queued",)]


def test_job_of_a_killed_worker_is_taken_up_by_another(
    database_url: str, database: Database, admin: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_RECOVER_SECONDS", 0.2)
    monkeypatch.setattr(attempts, "STALLED_SECONDS", 6.0)
    monkeypatch.setattr(queue, "HEARTBEAT_SECONDS", 0.5)
    with psycopg.connect(database_url) as other, daybook(tmp_path, database_url, "worker") as process:
        wait_until(lambda: admin("SELECT 1 FROM dashboard.jobs WHERE status = 'done'") != [], "it works")
        pending = "SELECT 1 FROM dashboard.jobs WHERE status IN ('queued', 'running')"
        wait_until(lambda: admin(pending) == [], "it has done what there was")
        other.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY dashboard.daily_sales_metrics")
        request(database, "refresh", views=["daily_sales_metrics"])
        blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '^REFRESH'"
        wait_until(lambda: admin(blocked) != [], "its job waits in the middle of a refresh")
        process.kill()
        process.wait()
    assert admin(STATUS) == [("running", 1, None)]
    own = Settings(_env_file=None, data_dir=tmp_path, DATABASE_URL=database_url, worker="inline")
    with opened(own) as data, working(data, own):
        wait_until(lambda: admin(STATUS)[0][0] == "done", "another worker does it")
    [(_, times, error)] = admin(STATUS)
    assert times == 2
    assert error == "Its worker was killed, or lost the database, before it was done."


def test_a_worker_tells_prometheus_what_it_does(database_url: str, admin: Admin, tmp_path: Path) -> None:
    port = str(free_port())
    with daybook(tmp_path, database_url, "worker", "--metrics-port", port, DASHBOARD_WORKER="off"):
        order(admin)
        wait_until(lambda: admin(ORDERS) == [(1,)], "the change shows")
        counted = re.compile(
            r'daybook_refresh_duration_seconds_count\{outcome="done",view="daily_sales_metrics"\} [1-9]'
        )
        wait_until(lambda: counted.search(scraped(port)) is not None, "the refresh is counted")
        never = 'daybook_job_duration_seconds_count{outcome="failed",task="refresh"} 0.0'
        wait_until(lambda: never in scraped(port), "the job is counted")
        assert "daybook_sessions 0.0" in scraped(port)


def scraped(port: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


def test_a_port_that_is_taken_is_told(database: Database) -> None:
    metrics = Metrics(Statistics(), [], database, Traffic())
    with (
        metrics.served("127.0.0.1", 0) as port,
        pytest.raises(ServerError, match="Choose another --metrics-port"),
        metrics.served("127.0.0.1", port),
    ):
        pass

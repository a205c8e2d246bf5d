"""From a committed order to the answers of another process, against refreshing the one view by hand."""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from dashboard import embedded
from dashboard.changes import backlog
from dashboard.data import Data, opened
from dashboard.loading.demo import load_demo
from dashboard.settings import ROOT, Settings
from dashboard.window import Span

ORDERS = 1_000_000
LAST_DAY = date(2024, 12, 31)
ROUNDS = 12
CHANGED_DAYS = 60  # the last ones
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.01

_ORDER = """
WITH customer AS (INSERT INTO shop.customers (customer_id, customer_unique_id) VALUES (%(id)s, %(id)s)),
placed AS (INSERT INTO shop.orders (order_id, customer_id, order_status, order_purchase_timestamp)
           VALUES (%(id)s, %(id)s, 'shipped', %(day)s))
INSERT INTO shop.order_payments VALUES (%(id)s, 1, 'voucher', 1, 10)
"""
_BY_HAND = "REFRESH MATERIALIZED VIEW CONCURRENTLY dashboard.daily_sales_metrics"


def main(orders: int = ORDERS) -> None:
    """Measure and print."""
    draw = random.Random(1)
    days = [LAST_DAY - timedelta(draw.randrange(CHANGED_DAYS)) for _ in range(ROUNDS)]
    by_hand, shown, rested = [], [], []
    with tempfile.TemporaryDirectory() as name, embedded.running(Path(name)) as url:
        settings = Settings(_env_file=None, data_dir=Path(name), database_url=url, redis_url=None)
        with opened(settings) as data, Progress() as progress:
            load_demo(data.database, orders=orders, last_day=LAST_DAY, progress=progress)
        with opened(settings) as data, _worker(url, Path(name)):
            _wait(lambda: not _pending(data))
            for number, day in enumerate(days):
                by_hand.append(_seconds(lambda: _execute(data, _BY_HAND)))
                before, began = _orders(data, day), time.perf_counter()
                _execute(data, _ORDER, id=f"measured {number}", day=day)
                _wait(lambda day=day, before=before: _orders(data, day) > before)
                shown.append(time.perf_counter() - began)
                _wait(lambda: not _pending(data))
                rested.append(time.perf_counter() - began)
    _print(orders, {"daily sales show it": shown, "all views show it": rested}, by_hand)


@contextmanager
def _worker(url: str, folder: Path) -> Iterator[None]:
    """A worker in a process of its own."""
    environment = os.environ | {"DATABASE_URL": url, "DASHBOARD_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "dashboard", "worker"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            yield
        finally:
            process.terminate()


def _orders(data: Data, day: date) -> int:
    rows = data.frame("business/daily_sales", Span.through(day, day)).rows
    return int(rows["total_orders"].sum())


def _pending(data: Data) -> bool:
    with data.database.snapshot() as snapshot:
        return any(one.is_pending for one in backlog(snapshot))


def _execute(data: Data, statement: str, **values: object) -> None:
    with data.database.writer() as writer:
        writer.execute(statement, values)


def _seconds(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of the change in {PATIENCE_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)


def _print(orders: int, ours: dict[str, list[float]], by_hand: list[float]) -> None:
    table = Table(
        title=f"An order of the last {CHANGED_DAYS} days, among {orders:,}: seconds after its commit"
    )
    for name in ("", "median", "longest", "one view by hand", "ratio"):
        table.add_column(name, justify="right" if name else "left")
    reference = statistics.median(by_hand)
    for name, seconds in ours.items():
        median = statistics.median(seconds)
        figures = (f"{figure:.2f}" for figure in (median, max(seconds), reference))
        table.add_row(name, *figures, f"{median / reference:.1f}")
    Console().print(table)

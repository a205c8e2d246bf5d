"""Loading the demo shop into PostgreSQL: whole or not at all, and with all keys afterwards."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

from dashboard.database import Database
from dashboard.errors import LoadError
from dashboard.loading.demo import load_demo
from dashboard.loading.tables import TABLES
from dashboard.settings import ROOT

Admin = Callable[..., list[tuple[Any, ...]]]

LAST_DAY = date(2025, 3, 19)
ORDERS = 2_000

KEYS_AND_INDEXES = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
FROM pg_constraint WHERE connamespace = 'shop'::regnamespace
UNION ALL
SELECT tablename, indexname, indexdef, true FROM pg_indexes WHERE schemaname = 'shop'
ORDER BY 1, 2, 3
"""

KILLED_LOAD = """
import sys
from pathlib import Path
from rich.progress import Progress
from dashboard.database import Database
from dashboard.loading.demo import load_demo
from dashboard.settings import Settings

database = Database(sys.argv[1], Settings(_env_file=None, data_dir=Path(sys.argv[2])))
load_demo(database, orders=1_000_000, replace=True, progress=Progress(disable=True))
"""


@pytest.fixture
def progress() -> Iterator[Progress]:
    with Progress(disable=True) as progress:
        yield progress


def counts(admin: Admin) -> dict[str, int]:
    return {table.name: admin(f"SELECT count(*) FROM shop.{table.name}")[0][0] for table in TABLES}


def checksum(admin: Admin) -> list[tuple[Any, ...]]:
    return [
        admin(f"SELECT sum(hashtextextended(t::text, 0)) FROM shop.{table.name} t")[0] for table in TABLES
    ]


def test_demo_fills_tables_and_views(database: Database, admin: Admin, progress: Progress) -> None:
    loaded = load_demo(database, orders=ORDERS, last_day=LAST_DAY, progress=progress)
    assert counts(admin) == loaded.rows
    assert loaded.rows["orders"] == ORDERS
    assert (loaded.first_day, loaded.last_day) == (date(2023, 3, 1), LAST_DAY)
    assert progress.tasks[0].completed == progress.tasks[0].total == ORDERS
    assert admin("SELECT sum(total_orders), max(date) FROM dashboard.daily_sales_metrics") == [
        (ORDERS, LAST_DAY)
    ]
    assert admin("SELECT kind, source, rows_inserted, rows_rejected FROM dashboard.loads") == [
        ("demo", "seed 1", sum(loaded.rows.values()), 0)
    ]


def test_demo_ends_yesterday(database: Database, admin: Admin, progress: Progress) -> None:
    before = date.today()
    load_demo(database, orders=100, progress=progress)
    [(last_day,)] = admin("SELECT max(purchase_date) FROM shop.orders")
    assert last_day in (before - timedelta(days=1), date.today() - timedelta(days=1))


def test_money_text_and_times_arrive_as_they_were_made(
    database: Database, admin: Admin, progress: Progress
) -> None:
    load_demo(database, orders=ORDERS, last_day=LAST_DAY, progress=progress)
    unequal = admin(
        "SELECT order_id FROM (SELECT order_id, sum(price + freight_value) AS cost FROM shop.order_items"
        " GROUP BY order_id) AS items JOIN (SELECT order_id, sum(payment_value) AS paid FROM"
        " shop.order_payments GROUP BY order_id) AS payments USING (order_id) WHERE cost <> paid"
    )
    assert unequal == []
    [(quoted, broken, empty)] = admin(
        "SELECT bool_or(review_comment_message LIKE '%\"%'), bool_or(review_comment_message LIKE E'%\\n%'),"
        " bool_or(review_comment_message = '') FROM shop.order_reviews"
    )
    assert (quoted, broken, empty) == (True, True, False)


def test_keys_and_indexes_are_as_before(database: Database, admin: Admin, progress: Progress) -> None:
    before = admin(KEYS_AND_INDEXES)
    load_demo(database, orders=100, last_day=LAST_DAY, progress=progress)
    assert admin(KEYS_AND_INDEXES) == before


def test_a_shop_with_rows_is_left_alone(database: Database, admin: Admin, progress: Progress) -> None:
    admin("INSERT INTO shop.category_translation VALUES ('livros', 'books')")
    with pytest.raises(LoadError, match=r"holds rows already.*--replace"):
        load_demo(database, orders=100, progress=progress)
    assert sum(counts(admin).values()) == 1


def test_replace_puts_the_new_shop_in_the_old_ones_place(
    database: Database, admin: Admin, progress: Progress
) -> None:
    load_demo(database, orders=300, seed=1, last_day=LAST_DAY, progress=progress)
    first = checksum(admin)
    load_demo(database, orders=200, seed=2, last_day=LAST_DAY, replace=True, progress=progress)
    assert counts(admin)["orders"] == 200
    load_demo(database, orders=300, seed=1, last_day=LAST_DAY, replace=True, progress=progress)
    assert checksum(admin) == first


@pytest.mark.parametrize("orders", [0, -1])
def test_a_shop_without_orders_is_refused(database: Database, progress: Progress, orders: int) -> None:
    with pytest.raises(LoadError, match="at least 1"):
        load_demo(database, orders=orders, progress=progress)


def test_a_killed_load_leaves_everything_as_it_was(
    database: Database,
    database_url: str,
    admin: Admin,
    progress: Progress,
    tmp_path: Path,
) -> None:
    load_demo(database, orders=300, last_day=LAST_DAY, progress=progress)
    rows, keys = checksum(admin), admin(KEYS_AND_INDEXES)
    command = [sys.executable, "-c", KILLED_LOAD, database_url, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as loading:
        try:
            _await(admin, "SELECT 1 FROM pg_stat_progress_copy WHERE tuples_processed > 0")
        finally:
            loading.kill()
    _await(
        admin,
        "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'daybook'"
        " AND datname = current_database() AND state <> 'idle')",
    )
    assert checksum(admin) == rows
    assert admin(KEYS_AND_INDEXES) == keys


def _await(admin: Admin, sql: str, seconds: float = 30) -> None:
    """Wait until a statement gives a row."""
    deadline = time.monotonic() + seconds
    while not admin(sql):
        assert time.monotonic() < deadline, f"in vain: {sql}"
        time.sleep(0.01)

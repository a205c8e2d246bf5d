"""The demo shop: two years of a believable Brazilian shop in Olist's shape, the same for the same seed."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from rich.progress import Progress

from dashboard.database import Database, Writer
from dashboard.errors import LoadError
from dashboard.loading import shop
from dashboard.loading.demo.history import DemoShop, demo_shop
from dashboard.refresh import refresh_views

DEFAULT_SEED = 1
CHUNK_ORDERS = 50_000  # 300 MB of memory at the peak; 460 MB for 10,000,000 orders, whose days are large


@dataclass(frozen=True, slots=True)
class DemoLoad:
    """What a load of the demo shop wrote: rows by table, in how many seconds."""

    first_day: date
    last_day: date
    rows: Mapping[str, int]
    duration_seconds: float


def load_demo(
    database: Database,
    *,
    orders: int,
    seed: int = DEFAULT_SEED,
    last_day: date | None = None,
    replace: bool = False,
    progress: Progress,
) -> DemoLoad:
    """Fill the shop with ``orders`` generated orders up to ``last_day`` (yesterday), in one transaction.

    The same seed, number and day give the same rows. Raises LoadError when the shop holds rows already,
    unless ``replace`` says to delete them.
    """
    if orders < 1:
        raise LoadError(f"A demo shop of {orders} orders cannot be made: ask for at least 1.")
    started = time.perf_counter()
    demo = demo_shop(orders, seed, last_day or date.today() - timedelta(days=1))  # noqa: DTZ011 - local days
    with database.writer() as writer:
        shop.take(writer)
        if not replace and not shop.is_empty(writer):
            raise LoadError(
                "The shop holds rows already, so nothing was written. To delete them all and load the demo in "
                "their place, repeat the command with --replace."
            )
        shop.empty(writer)
        task = progress.add_task("Demo orders", total=orders)
        with shop.without_indexes(writer):
            rows = _fill(writer, demo, lambda done: progress.update(task, completed=done))
            progress.update(task, description="Keys, indexes and views")
        shop.analyze(writer)
        refresh_views(writer, reason="load demo", sources=shop.TABLE_NAMES)
        duration_seconds = time.perf_counter() - started
        made = sum(rows.values())
        shop.record(writer, "demo", f"seed {seed}", duration_seconds, read=made, inserted=made)
    return DemoLoad(demo.season.first_day, demo.season.last_day, rows, duration_seconds)


def _fill(writer: Writer, demo: DemoShop, on_orders: Callable[[int], None]) -> dict[str, int]:
    """Copy all tables in; rows by table. ``on_orders`` is told how many orders are done."""
    rows: Counter[str] = Counter()
    for tables in demo.tables(CHUNK_ORDERS):
        for table, frame in tables.items():
            _copy(writer, table, frame)
            rows[table] += frame.height
        on_orders(rows["orders"])
    return dict(rows)


def _copy(writer: Writer, table: str, frame: pl.DataFrame) -> None:
    csv = frame.write_csv(include_header=False, float_precision=2, datetime_format="%Y-%m-%d %H:%M:%S")
    with writer.copy_in(f"COPY shop.{table} ({', '.join(frame.columns)}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(csv.encode())

"""What a shop's writer pays for change tracking: an order with its payment, with our triggers and without."""

import re
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from dashboard import embedded, schema
from dashboard.changes import track
from dashboard.database import Database
from dashboard.loading.demo import load_demo
from dashboard.settings import Settings

ORDERS = 1_000_000
ROUNDS = 15
SECONDS = 3
SLOW_ROUNDS, SLOW_ORDERS = 2, 3
WRITERS = (1, 4)

_ORDER = """\
\\set id random(1, 9000000000000000000)
\\set days random(0, 29)
BEGIN;
INSERT INTO shop.customers (customer_id, customer_unique_id, customer_state) VALUES (:id::text, :id::text, 'SP');
INSERT INTO shop.orders (order_id, customer_id, order_status, order_purchase_timestamp)
VALUES (:id::text, :id::text, 'shipped', timestamp '2024-12-31' - :days * interval '1 day');
INSERT INTO shop.order_payments VALUES (:id::text, 1, 'voucher', 1, 10);
COMMIT;
"""
_TRIGGER = """
CREATE FUNCTION public.compared() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$;
CREATE TRIGGER compared AFTER INSERT ON shop.order_payments FOR EACH STATEMENT EXECUTE FUNCTION public.compared()
"""
_REFRESH = "REFRESH MATERIALIZED VIEW CONCURRENTLY dashboard.daily_sales_metrics"


@dataclass(frozen=True)
class Way:
    """How writers are burdened; ``body`` is that of a trigger beside ours."""

    name: str
    tracking: str
    body: str = ""
    is_slow: bool = False


WAYS = (
    Way("no triggers", "off"),
    Way("ours", "triggers"),
    Way("ours, and NOTIFY", "triggers", "PERFORM pg_notify('daybook', '')"),
    Way("a refresh of one view in the trigger", "off", _REFRESH, is_slow=True),
)


@dataclass(frozen=True)
class Run:
    """One run of pgbench."""

    orders_per_second: float
    median_ms: float


def main(orders: int = ORDERS) -> None:
    """Print medians over rounds in which the ways alternate."""
    with tempfile.TemporaryDirectory() as name, embedded.running(Path(name)) as url:
        with closing(Database(url, Settings(_env_file=None, data_dir=Path(name)))) as database:
            schema.prepare(database)
            with Progress() as progress:
                load_demo(database, orders=orders, progress=progress)
            runs = defaultdict(list)
            for way, writers in _turns():
                runs[way.name, writers].append(_run(database, way, writers, Path(name)))
        for writers in WRITERS:
            _print(orders, writers, {way.name: runs[way.name, writers] for way in WAYS})


def _turns() -> Iterator[tuple[Way, int]]:
    for number in range(ROUNDS):
        for writers in WRITERS:
            yield from ((way, writers) for way in WAYS if not way.is_slow or number < SLOW_ROUNDS)


def _run(database: Database, way: Way, writers: int, folder: Path) -> Run:
    track(database, way.tracking)
    with database.writer() as writer:
        writer.execute("DROP FUNCTION IF EXISTS public.compared() CASCADE")
        writer.execute("TRUNCATE dashboard.change_log")
        if way.body:
            writer.execute(_TRIGGER.format(body=way.body))
    length = ("--transactions", str(SLOW_ORDERS)) if way.is_slow else ("--time", str(SECONDS))
    return _pgbench(database, writers, folder, *length)


def _pgbench(database: Database, writers: int, folder: Path, *length: str) -> Run:
    script, logs = folder / "order.sql", folder / "pgbench"
    script.write_text(_ORDER)
    arguments = ("--no-vacuum", "--protocol", "prepared", "--client", str(writers), "--file", str(script))
    log = ("--log", "--log-prefix", str(logs))
    done = subprocess.run(
        [embedded.program("pgbench"), *arguments, *length, *log],
        env=database.psql_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    [rate] = re.findall(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    taken_us = []
    for path in folder.glob("pgbench.*"):
        taken_us += [int(line.split()[2]) for line in path.read_text().splitlines()]
        path.unlink()
    return Run(float(rate), statistics.median(taken_us) / 1_000)


def _print(orders: int, writers: int, runs: dict[str, list[Run]]) -> None:
    noun = "writer" if writers == 1 else "concurrent writers"
    shown = Table(title=f"An order with its payment, {orders:,} orders, {writers} {noun}; medians of rounds")
    for name in ("", "ms an order", "orders/s", "of the speed without", "lowest", "highest"):
        shown.add_column(name, justify="left" if not name else "right")
    reference, *_ = runs.values()
    for name, found in runs.items():
        # Ratios are of neighbours in time, since the machine's speed wanders.
        ratios = [
            run.orders_per_second / by.orders_per_second for run, by in zip(found, reference, strict=False)
        ]
        shown.add_row(
            name,
            f"{statistics.median(run.median_ms for run in found):.2f}",
            f"{statistics.median(run.orders_per_second for run in found):.4g}",
            *(f"{ratio:.3g}" for ratio in (statistics.median(ratios), min(ratios), max(ratios))),
        )
    Console(width=120).print(shown)

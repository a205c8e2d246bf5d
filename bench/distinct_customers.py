"""Distinct customers over random ranges: counted from cached months, against PostgreSQL's ``count(DISTINCT)``."""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from dashboard import embedded, explore
from dashboard.data import Data, opened
from dashboard.loading.demo import load_demo
from dashboard.settings import Settings
from dashboard.window import Span

ORDERS = 1_000_000
RANGES = 40
LAST_DAY = date(2024, 12, 31)

# The first asks for the least that PostgreSQL can do: it has the same narrow pairs, deduplicated by day.
THEIRS = {
    "in the view of pairs": """
        SELECT count(DISTINCT person) AS customers FROM dashboard.customer_days
        WHERE date >= $1::date AND date < $2::date
    """,
    "in the shop's tables": """
        SELECT count(DISTINCT customer_unique_id) AS customers
        FROM shop.orders JOIN shop.customers USING (customer_id)
        WHERE purchase_date >= $1::date AND purchase_date < $2::date
    """,
}


@contextmanager
def demo_data(orders: int) -> Iterator[Data]:
    """A demo shop on a server of its own, which ends with the block."""
    with tempfile.TemporaryDirectory() as name, embedded.running(Path(name)) as url:
        settings = Settings(_env_file=None, data_dir=Path(name), database_url=url, redis_url=None)
        with opened(settings) as data:
            with Progress() as progress:
                load_demo(data.database, orders=orders, last_day=LAST_DAY, progress=progress)
            yield data


def random_spans(first_day: date, last_day: date, count: int) -> Iterator[Span]:
    """Ranges of any length within the data; the same ones each time."""
    draw = random.Random(1)
    days = (last_day - first_day).days + 1
    for _ in range(count):
        start, end = sorted(draw.sample(range(days + 1), 2))
        yield Span(first_day + timedelta(start), first_day + timedelta(end))


def ours(data: Data, span: Span) -> int:
    """By the way that pages take, which gives the other totals as well."""
    return int(explore.totals(data.reading(), span).rows["customers"][0])


def theirs(data: Data, sql: str, span: Span) -> int:
    with data.database.snapshot() as snapshot:
        return int(snapshot.frame(sql, (span.start, span.end)).item())


def timed(count: Callable[[], int]) -> tuple[float, int]:
    """Milliseconds, and the count."""
    started = time.perf_counter()
    customers = count()
    return (time.perf_counter() - started) * 1_000, customers


def compared(data: Data, span: Span) -> list[float]:
    """Milliseconds of ours and of each of theirs, which have to agree."""
    ways = [lambda: ours(data, span), *(partial(theirs, data, sql, span) for sql in THEIRS.values())]
    times, counts = zip(*map(timed, ways), strict=True)
    assert len(set(counts)) == 1, f"{span.label()}: we and PostgreSQL count {counts}"
    return list(times)


def run(orders: int = ORDERS, ranges: int = RANGES) -> list[dict[str, Any]]:
    """Measure; a row each: measure, ours_ms, other, other_ms, ratio (other / ours), medians in milliseconds."""
    with demo_data(orders) as data:
        extent = data.extent()
        assert extent
        cold = compared(data, Span.through(extent.first_day, extent.last_day))
        # In turns, so that what else the machine does disturbs both alike.
        warm = [compared(data, span) for span in random_spans(extent.first_day, extent.last_day, ranges)]
    return [
        *_rows("all days, the first time", cold),
        *_rows("a new range of known months", [statistics.median(each) for each in zip(*warm, strict=True)]),
    ]


def _rows(measure: str, times_ms: list[float]) -> list[dict[str, Any]]:
    our_ms, *others_ms = times_ms
    return [
        {
            "measure": measure,
            "ours_ms": round(our_ms, 1),
            "other": f"count(DISTINCT) {name}",
            "other_ms": round(other_ms, 1),
            "ratio": round(other_ms / our_ms, 1),
        }
        for name, other_ms in zip(THEIRS, others_ms, strict=True)
    ]


def main(orders: int = ORDERS, ranges: int = RANGES) -> None:
    """Measure and print."""
    rows = run(orders, ranges)
    table = Table("measure", "against", title=f"Distinct customers of {orders:,} orders, medians")
    for column in ("ours ms", "other ms", "ratio"):
        table.add_column(column, justify="right")
    for row in rows:
        figures = (f"{row[key]:,}" for key in ("ours_ms", "other_ms", "ratio"))
        table.add_row(row["measure"], row["other"], *figures)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)

"""What counting a read costs one that the memory answers: the same read with and without, side by side."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.cache_reads import DAILY, LAST_DAY, MONTH, TWO_YEARS
from dashboard.data import Data, Frame, Reading, opened
from dashboard.loading.demo import load_demo
from dashboard.settings import Settings
from dashboard.window import Span

ORDERS = 20_000
ROUNDS = 300
IN_A_ROW = 20  # reads of one way, as a page makes them
ENTERED_READS = 2_000  # between two times that what was counted is entered into the books
AIM = 1.25  # times a read that is not counted


class _Uncounted(Reading):
    """What reads were without telemetry: not timed, not counted, not recorded, not told to the log."""

    def _count(self, *_: Any, **__: Any) -> None:
        pass


def _ways(data: Data, span: Span) -> dict[str, Callable[[], Frame]]:
    return {
        "counted": lambda: data.reading().frame(DAILY, span),
        "not counted": lambda: _Uncounted(data).frame(DAILY, span),
    }


def _medians_us(ways: dict[str, Callable[[], Frame]], rounds: int) -> dict[str, float]:
    """Median microseconds of each way; in turns, so that what else the machine does disturbs both alike."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, read in ways.items():
            for _ in range(IN_A_ROW):
                began = time.perf_counter()
                read()
                times[name].append((time.perf_counter() - began) * 1e6)
    return {name: statistics.median(each) for name, each in times.items()}


def _entering_us(data: Data, read: Callable[[], Frame]) -> float:
    """Microseconds for each read that it takes to enter it into the books, which a thread does later."""
    taken_seconds = []
    for _ in range(5):
        for _ in range(ENTERED_READS):
            read()
        began = time.perf_counter()
        assert data.statistics.demand  # enters all that was counted
        taken_seconds.append(time.perf_counter() - began)
    return statistics.median(taken_seconds) / ENTERED_READS * 1e6


def run(orders: int = ORDERS, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Measure; a row each: shape, counted_us, not_counted_us (medians), ratio, aim, entering_us."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), DATABASE_URL=None, cache="memory")
        with opened(settings) as data:
            with Progress() as progress:
                load_demo(data.database, orders=orders, last_day=LAST_DAY, progress=progress)
            rows = []
            for shape in (MONTH, TWO_YEARS):
                ways = _ways(data, shape.span)
                assert ways["counted"]().rows.equals(ways["not counted"]().rows)
                median = _medians_us(ways, rounds)
                rows.append(
                    {
                        "shape": shape.name,
                        "counted_us": round(median["counted"], 1),
                        "not_counted_us": round(median["not counted"], 1),
                        "ratio": round(median["counted"] / median["not counted"], 3),
                        "aim": AIM,
                        "entering_us": round(_entering_us(data, ways["counted"]), 2),
                    }
                )
            return rows


def main(orders: int = ORDERS, rounds: int = ROUNDS) -> None:
    """Measure and print."""
    table = Table("range", title=f"Hits in memory of {DAILY}, medians of {rounds * IN_A_ROW:,}")
    for column in ("counted, µs", "not counted, µs", "ratio", "aim", "entered later, µs"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in run(orders, rounds):
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)

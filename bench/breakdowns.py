"""Breakdowns that nobody asked before, and known ones over new windows, against PostgreSQL grouping the same facts."""

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import typer
from rich.console import Console
from rich.table import Table

from bench.distinct_customers import ORDERS, demo_data
from dashboard.data import Data
from dashboard.errors import ParameterError
from dashboard.explore import Breakdown, Engine, breakdown, filters
from dashboard.explore.statement import statements
from dashboard.measures import ALL_MEASURES, DIMENSIONS, STATE, STATUS
from dashboard.window import ONE_DAY, Span

BREAKDOWNS, WINDOWS = 100, 3
FILTERED = {STATE.name: ("SP", "RJ", "MG"), STATUS.name: ("delivered", "shipped")}
UNLIKELY = {"product", "day"}  # tens of thousands of members are no breakdown that anybody looks at


def main(orders: int = ORDERS) -> None:
    """Measure and print."""
    draw = random.Random(1)
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with demo_data(orders) as data:
        extent = data.extent()
        assert extent
        everything = Span(extent.first_day, extent.last_day + ONE_DAY)
        for name in (
            "orders",
            "payments",
            "items",
        ) * 2:  # the first time, room in memory is made for all of them
            data.frame(f"facts/{name}", everything)
        for _ in range(BREAKDOWNS):
            asked = random_breakdown(draw)
            times["not asked before"].append(compared(data, asked, random_span(draw, everything)))
            breakdown(data.reading(), everything, asked, Engine.POLARS)
            for _ in range(WINDOWS):
                span = random_span(draw, everything)
                times["known, over a new window"].append(compared(data, asked, span))
    show(orders, times)


def random_breakdown(draw: random.Random) -> Breakdown:
    while True:
        measures = draw.sample(list(ALL_MEASURES.values()), draw.randint(1, 3))
        likely = [one for name, one in DIMENSIONS.items() if name not in UNLIKELY]
        chosen = {name: draw.sample(members, 1) for name, members in FILTERED.items() if draw.random() < 0.25}
        try:
            dimensions = tuple(draw.sample(likely, draw.randint(1, 2)))
            return Breakdown(tuple(measures), dimensions, filters(chosen))
        except ParameterError:  # what can't be combined
            continue


def random_span(draw: random.Random, within: Span) -> Span:
    start, end = sorted(draw.sample(range(within.days + 1), 2))
    return Span(within.start + start * ONE_DAY, within.start + end * ONE_DAY)


def compared(data: Data, asked: Breakdown, span: Span) -> tuple[float, float]:
    """Milliseconds of ours, and of PostgreSQL."""
    reading = data.reading()
    reading.extent()
    return (
        milliseconds(lambda: breakdown(reading, span, asked, Engine.POLARS)),
        milliseconds(lambda: by_postgresql(data, asked, span)),
    )


def by_postgresql(data: Data, asked: Breakdown, span: Span) -> None:
    members = [[str(member) for member in one.members] for one in asked.filters]
    with data.database.snapshot() as snapshot:
        for facts, components in asked.by_facts().items():
            for sql in statements(facts, components, asked.dimensions, asked.filters):
                snapshot.frame(sql, (span.start, span.end, *members))


def milliseconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1_000


def show(orders: int, times: dict[str, list[tuple[float, float]]]) -> None:
    table = Table("breakdown", title=f"Random breakdowns of {orders:,} orders, ms")
    for name in ("median", "p95", "PostgreSQL's median", "p95", "ratio of medians", "of p95"):
        table.add_column(name, justify="right")
    for kind, pairs in times.items():
        ours, theirs = (sorted(each) for each in zip(*pairs, strict=True))
        (median, p95), (their_median, their_p95) = map(quantiles, (ours, theirs))
        figures = (f"{figure:.1f}" for figure in (median, p95, their_median, their_p95))
        table.add_row(kind, *figures, f"{their_median / median:.1f}", f"{their_p95 / p95:.1f}")
    Console(width=120).print(table)


def quantiles(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    typer.run(main)

"""Random date ranges, and a year's window moved day by day: from cached months, against a cache keyed by text."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from bench.cache_reads import DAILY, FIRST_DAY, LAST_DAY, ORDERS, Obvious, Shop, shop
from dashboard.data import DATABASE, Data
from dashboard.window import Span

RANGES = 1_000
WARM_UP = 50  # reads, after which a cache should know the data

YEAR = Span(date(2023, 7, 11), date(2024, 7, 11))
MOVES = 150

Read = Callable[[Span], bool]  # whether the read touched the database


def random_spans(count: int) -> Iterator[Span]:
    """Ranges of any length within the data; the same ones each time."""
    draw = random.Random(1)
    days = (LAST_DAY - FIRST_DAY).days + 1
    for _ in range(count):
        start, end = sorted(draw.sample(range(days + 1), 2))
        yield Span(FIRST_DAY + timedelta(start), FIRST_DAY + timedelta(end))


def by_blocks(data: Data) -> Read:
    return lambda span: data.frame(DAILY, span).provenance.source == DATABASE


def by_text(data: Data, obvious: Obvious) -> Read:
    sql = data.catalogue[DAILY].sql

    def read(span: Span) -> bool:
        before = obvious.statements
        obvious.frame(sql, span)
        return obvious.statements > before

    return read


def measured(ways: Sequence[Read], spans: Sequence[Span]) -> list[tuple[list[bool], float]]:
    """Of each way: which reads touched the database, and the seconds that all took; the ways take turns."""
    touched: list[list[bool]] = [[] for _ in ways]
    seconds = [0.0 for _ in ways]
    for span in spans:
        for number, read in enumerate(ways):
            started = time.perf_counter()
            touched[number].append(read(span))
            seconds[number] += time.perf_counter() - started
    return list(zip(touched, seconds, strict=True))


def run(orders: int = ORDERS, ranges: int = RANGES) -> list[dict[str, Any]]:
    """Measure, from an empty cache; a row each: measure (which says the unit), ours, other, ratio (ours / other)."""
    with shop(orders) as made:
        randomly = _compared(made, [*random_spans(ranges)])
        moved = _compared(made, [YEAR.shift(days) for days in range(MOVES + 1)])
    (ours, our_seconds), (theirs, their_seconds) = randomly
    (our_moves, _), (their_moves, _) = moved
    return [
        _row("reads that touch the database, %", _percent(ours), _percent(theirs)),
        _row(f"… after the first {WARM_UP}, %", _percent(ours[WARM_UP:]), _percent(theirs[WARM_UP:])),
        _row("all reads, s", our_seconds, their_seconds),
        _row("statements when a year moves by a day", sum(our_moves[1:2]), sum(their_moves[1:2])),
        _row(f"… {MOVES} times", sum(our_moves[1:]), sum(their_moves[1:])),
    ]


def _compared(made: Shop, spans: Sequence[Span]) -> list[tuple[list[bool], float]]:
    made.redis.flushdb()
    with made.data() as data:
        return measured([by_blocks(data), by_text(data, Obvious(data.database, made.redis))], spans)


def _percent(touched: Sequence[bool]) -> float:
    return 100 * sum(touched) / len(touched)


def _row(measure: str, ours: float, other: float) -> dict[str, Any]:
    ratio = round(ours / other, 4) if other else None
    return {"measure": measure, "ours": round(ours, 2), "other": round(other, 2), "ratio": ratio}


def main(orders: int = ORDERS, ranges: int = RANGES) -> None:
    """Measure and print."""
    table = Table("measure", title=f"{ranges:,} random ranges of {DAILY}, and a year that moves")
    for column in ("months", "exact text", "ratio"):
        table.add_column(column, justify="right")
    for row in run(orders, ranges):
        table.add_row(row["measure"], *(f"{row[key]:,}" for key in ("ours", "other", "ratio")))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)

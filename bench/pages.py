"""What pages cost the server: their reruns against a blank page's, and a hundred readers against one."""

import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import psutil
import typer
from rich.console import Console
from rich.table import Table

from bench.rerun import opened_tab, ours, started
from dashboard.server import MAIN

PAGES = ("", "sales", "explore", "products", "customers")
"""By their addresses; the first is *Overview*."""
QUERIES = (
    "range=90d",
    "range=ytd",
    "range=90d&state=SP",
    "range=12m&state=RJ&state=MG",
    "range=28d&status=delivered",
)
WARM = 10  # reruns of a process that has just begun
RERUNS, READERS, THINK_SECONDS, SECONDS = 30, 100, 5.0, 60.0
BLANK = "import streamlit as st\n\nst.write('Nothing.')\n"


def main(reruns: int = RERUNS, readers: int = READERS, seconds: float = SECONDS) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        script = Path(name) / "blank.py"
        script.write_text(BLANK)
        blank, blank_pid = stack.enter_context(started(ours, script, Path(name) / "nothing"))
        url, pid = stack.enter_context(started(ours, MAIN, Path(name) / "data"))
        nothing = rerun_cost(blank, blank_pid, "", [""], reruns)
        table = Table(
            "page", title=f"Server's processor time of a rerun, ms; a blank page takes {nothing:.1f}"
        )
        for column in ("unchanged", "ratio", "other filters", "ratio"):
            table.add_column(column, justify="right")
        for page in PAGES:
            same, other = (rerun_cost(url, pid, page, queries, reruns) for queries in (QUERIES[:1], QUERIES))
            costs = (f"{text}" for one in (same, other) for text in (f"{one:.1f}", f"{one / nothing:.1f}"))
            table.add_row(page or "overview", *costs)
        Console().print(table)
        show_readers([read(url, 1, seconds, think_seconds=0.1), read(url, readers, seconds)])


def rerun_cost(url: str, pid: int, page: str, queries: Sequence[str], reruns: int) -> float:
    """Milliseconds of the server's processors, for a page that was shown with all of these queries before."""
    server = psutil.Process(pid)
    with opened_tab(url) as tab:
        for query in (*queries, *WARM * queries[:1]):
            tab.rerun(query, page)
        began, asked = processor_seconds(server), cycle(queries)
        for _ in range(reruns):
            tab.rerun(next(asked))
        return (processor_seconds(server) - began) / reruns * 1_000


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


class Reading(NamedTuple):
    """What readers met with: how many there were, milliseconds of each rerun, and errors."""

    readers: int
    elapsed_ms: list[float]
    errors: int


def read(url: str, readers: int, seconds: float, think_seconds: float = THINK_SECONDS) -> Reading:
    """Readers who look at pages with all kinds of filters, and think in between."""
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(readers) as threads:
        found = [*threads.map(lambda number: one_reader(url, number, until, think_seconds), range(readers))]
    return Reading(readers, [ms for times, _ in found for ms in times], sum(errors for _, errors in found))


def one_reader(url: str, number: int, until: float, think_seconds: float) -> tuple[list[float], int]:
    draw, times, errors = random.Random(number), [], 0
    time.sleep(draw.uniform(0, think_seconds))
    with opened_tab(url) as tab:
        page = draw.choice(PAGES)
        while time.monotonic() < until:
            try:
                times.append(tab.rerun(draw.choice(QUERIES), page))
            except RuntimeError:
                errors += 1
            time.sleep(draw.uniform(0.5, 1.5) * think_seconds)
    return times, errors


def show_readers(found: Sequence[Reading]) -> None:
    table = Table(
        title=f"Many readers, who think {THINK_SECONDS:g} s between two looks, and one who does not think"
    )
    for column in ("readers", "looks", "median ms", "p95 ms", "errors"):
        table.add_column(column, justify="right")
    for one in found:
        times = sorted(one.elapsed_ms)
        median, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        table.add_row(f"{one.readers}", f"{len(times):,}", f"{median:,.0f}", f"{p95:,.0f}", f"{one.errors}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)

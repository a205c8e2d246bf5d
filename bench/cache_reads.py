"""Cached reads of a daily series: from memory, Redis and disk, against bare reads of the same bytes and JSON."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import diskcache
import polars as pl
import typer
from redis import Redis
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from dashboard.cache import Value, key
from dashboard.cache.memory import MemoryCache
from dashboard.cache.value import encode
from dashboard.data import Data, opened
from dashboard.database import Database
from dashboard.loading.demo import load_demo
from dashboard.settings import Settings
from dashboard.window import Span
from tests import servers

ORDERS = 100_000
ROUNDS = 100
IN_A_ROW = 10  # reads of one way, as a page makes them
FIRST_DAY, LAST_DAY = date(2022, 12, 1), date(2024, 12, 31)
DAILY = "business/daily_sales"

# How many times the bare read of the same bytes a read may take.
MEMORY_AIM, JSON_AIM = 0.2, 0.05


class Shape(NamedTuple):
    """A range of days to read, and how many times a bare GET its read from Redis may take."""

    name: str
    span: Span
    aim: float


MONTH = Shape("a month", Span(date(2024, 3, 1), date(2024, 4, 1)), 2.0)
YEAR = Shape("a year", Span(date(2024, 1, 1), date(2025, 1, 1)), 2.0)
TWO_YEARS = Shape("calendar years", Span(date(2023, 1, 1), date(2025, 1, 1)), 4.0)
MID_MONTH = Shape("from mid-month", Span(date(2022, 12, 15), date(2024, 12, 15)), 4.0)
SHAPES = (MONTH, YEAR, TWO_YEARS, MID_MONTH)


class Obvious:
    """What a cache for queries is at first: JSON under the exact text and parameters, each row an object.

    Its frames are equal to ours, down to the types; without them its hits would take a quarter less.
    """

    def __init__(self, database: Database, redis: Redis) -> None:
        self._database, self._redis = database, redis
        self.statements = 0

    def frame(self, sql: str, span: Span) -> pl.DataFrame:
        asked = json.dumps([sql, str(span.start), str(span.end)])
        text = self._redis.get(asked)
        if text is None:
            text = json.dumps(self._read(sql, span).to_dicts(), default=str)
            self._redis.set(asked, text, ex=3_600)
        return pl.DataFrame(json.loads(text)).with_columns(
            pl.col("date").str.to_date(), pl.col("total_revenue").cast(pl.Decimal(38, 2))
        )

    def _read(self, sql: str, span: Span) -> pl.DataFrame:
        self.statements += 1
        with self._database.snapshot() as snapshot:
            return snapshot.frame(sql, (span.start, span.end))


@dataclass(frozen=True)
class Shop:
    """A demo shop, and a Redis; all of it ends with the block that made it."""

    settings: Settings
    redis: Redis

    @contextmanager
    def data(self, **chosen: Any) -> Iterator[Data]:
        """The data as a process of its own opens it, with some settings."""
        with opened(self.settings.model_copy(update=chosen)) as data:
            yield data


@contextmanager
def shop(orders: int) -> Iterator[Shop]:
    """A shop with an order on each day from FIRST_DAY to LAST_DAY."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arguments = ("--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru")
        server = stack.enter_context(servers.single(folder / "valkey", *arguments))
        settings = Settings(
            _env_file=None, data_dir=folder, REDIS_URL=f"redis://127.0.0.1:{server.port}", DATABASE_URL=None
        )
        data = stack.enter_context(opened(settings))
        with Progress() as progress:
            load_demo(data.database, orders=orders, last_day=LAST_DAY, progress=progress)
        extent = data.extent()
        assert extent
        assert (extent.first_day, extent.last_day) == (FIRST_DAY, LAST_DAY)
        yield Shop(settings, stack.enter_context(Redis(port=server.port, protocol=2)))


class Way(NamedTuple):
    """A way to the rows, and what has to be done before, which is not measured."""

    read: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


def medians_us(ways: Mapping[str, Way], rounds: int) -> dict[str, float]:
    """Median microseconds of each way; in turns, so that what else the machine does disturbs all alike."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name] += [timed_us(way) for _ in range(IN_A_ROW)]
    return {name: statistics.median(each) for name, each in times.items()}


def timed_us(way: Way) -> float:
    way.prepare()
    started = time.perf_counter()
    way.read()
    return (time.perf_counter() - started) * 1e6


def ways(shape: Shape, redis: Redis, plain: diskcache.Cache, data: Data, on_disk: Data) -> dict[str, Way]:
    """All ways to one range of days."""
    rows = data.frame(DAILY, shape.span).rows
    assert on_disk.frame(DAILY, shape.span).rows.equals(rows)
    as_bytes = encode(key(DAILY), Value(rows, datetime.now(UTC), 3_600.0, 1, 1.0))
    redis.set(shape.name, as_bytes)
    plain.set(shape.name, as_bytes)
    sql, obvious = data.catalogue[DAILY].sql, Obvious(data.database, redis)
    assert obvious.frame(sql, shape.span).equals(rows)
    return {
        "memory": Way(lambda: data.frame(DAILY, shape.span)),
        "redis": Way(lambda: data.frame(DAILY, shape.span), lambda: forget(data)),
        "GET": Way(lambda: redis.get(shape.name)),
        "JSON": Way(lambda: obvious.frame(sql, shape.span)),
        "disk": Way(lambda: on_disk.frame(DAILY, shape.span), lambda: forget(on_disk)),
        "diskcache": Way(lambda: plain.get(shape.name)),
    }


def forget(data: Data) -> None:
    """Empty the memory level."""
    _, *below = data.reader.levels.backends
    data.reader.levels.backends = (MemoryCache(256_000_000, 86_400.0), *below)


def run(orders: int = ORDERS, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Measure; a row each: shape, ours, other (ways), ours_us, other_us (medians), ratio (ours / other), aim."""
    with shop(orders) as made, ExitStack() as stack:
        data = stack.enter_context(made.data())
        on_disk = stack.enter_context(made.data(redis_url=None))
        plain = stack.enter_context(diskcache.Cache(str(made.settings.data_dir / "plain")))
        return [
            row
            for shape in SHAPES
            for row in _rows(shape, medians_us(ways(shape, made.redis, plain, data, on_disk), rounds))
        ]


def _rows(shape: Shape, median: Mapping[str, float]) -> list[dict[str, Any]]:
    compared: Sequence[tuple[str, str, float | None]] = (
        ("memory", "GET", MEMORY_AIM),
        ("redis", "GET", shape.aim),
        ("memory", "JSON", JSON_AIM),
        ("redis", "JSON", JSON_AIM),
        ("disk", "diskcache", None),
    )
    return [
        {
            "shape": shape.name,
            "ours": ours,
            "other": other,
            "ours_us": round(median[ours]),
            "other_us": round(median[other]),
            "ratio": round(median[ours] / median[other], 3),
            "aim": aim,
        }
        for ours, other, aim in compared
    ]


def main(orders: int = ORDERS, rounds: int = ROUNDS) -> None:
    """Measure and print."""
    rows = run(orders, rounds)
    table = Table(
        "range", "hit in", "against", title=f"Cached reads of {DAILY}, medians of {rounds * IN_A_ROW:,}"
    )
    for column in ("µs", "other µs", "ratio", "aim"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        aim = "" if row["aim"] is None else f"{row['aim']:g}"
        figures = f"{row['ours_us']:,}", f"{row['other_us']:,}", f"{row['ratio']:g}", aim
        table.add_row(row["shape"], row["ours"], row["other"], *figures)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)

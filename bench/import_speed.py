"""``load olist`` with all its checks, against ``psql \\copy`` of the same files into bare tables."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from dashboard import embedded, schema
from dashboard.database import Database
from dashboard.loading.demo import load_demo
from dashboard.loading.olist import load_olist
from dashboard.loading.tables import TABLES
from dashboard.settings import Settings

ORDERS = 200_000
ROUNDS = 3

_REFRESHES = "SELECT coalesce(sum(duration_seconds), 0) FROM dashboard.refreshes WHERE reason = 'load olist'"


def main() -> None:
    """Print the median of some rounds that alternate between the two."""
    with tempfile.TemporaryDirectory() as name, embedded.running(Path(name)) as url:
        folder = Path(name) / "files"
        folder.mkdir()
        with _database(url, "source", Path(name)) as database:
            _export_demo(database, folder)
        bare, loads, views = [], [], []
        for number in range(ROUNDS):
            with _database(url, f"round_{number}", Path(name)) as database:
                bare.append(_timed(_copy_into_bare_tables, database, folder))
                total = _timed(_load, database, folder)
                views.append(_refresh_seconds(database))
                loads.append(total - views[-1])
        _print(folder, bare, loads, views)


@contextmanager
def _database(url: str, name: str, data_dir: Path) -> Iterator[Database]:
    """A database of its own, migrated, that is dropped in the end."""
    settings = Settings(_env_file=None, data_dir=data_dir)
    server = Database(url, settings)
    _psql(server, f"CREATE DATABASE {name}")
    database = Database(sa.make_url(url).set(database=name).render_as_string(hide_password=False), settings)
    schema.prepare(database)
    yield database
    database.close()
    _psql(server, f"DROP DATABASE {name}")


def _export_demo(database: Database, folder: Path) -> None:
    with Progress() as progress:
        load_demo(database, orders=ORDERS, last_day=date(2024, 12, 31), progress=progress)
    for table in TABLES:
        columns = ", ".join(table.column_names)
        _psql(database, f"\\copy shop.{table.name} ({columns}) TO '{folder / table.file}' CSV HEADER")


def _copy_into_bare_tables(database: Database, folder: Path) -> None:
    """One psql for all files: typed columns, but no key, index or check."""
    commands = ["CREATE SCHEMA bare"]
    for table in TABLES:
        columns = ", ".join(table.column_names)
        commands.append(f"CREATE TABLE bare.{table.name} AS SELECT {columns} FROM shop.{table.name} LIMIT 0")
        commands.append(f"\\copy bare.{table.name} FROM '{folder / table.file}' CSV HEADER")
    _psql(database, *commands)


def _load(database: Database, folder: Path) -> None:
    with Progress(disable=True) as progress:
        summary = load_olist(database, folder, rejects_dir=folder, progress=progress)
    assert summary.rejects_file is None


def _refresh_seconds(database: Database) -> float:
    with database.writer() as writer:
        [(seconds,)] = writer.rows(_REFRESHES)
    return float(seconds)


def _psql(database: Database, *commands: str) -> None:
    arguments = [argument for command in commands for argument in ("-c", command)]
    program = [str(embedded.program("psql")), "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"]
    subprocess.run([*program, *arguments], env=database.psql_environment(), check=True)


def _timed(work: Callable[[Database, Path], None], database: Database, folder: Path) -> float:
    started = time.perf_counter()
    work(database, folder)
    return time.perf_counter() - started


def _print(folder: Path, bare: list[float], loads: list[float], views: list[float]) -> None:
    size_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    shown = Table(title=f"Import of {ORDERS:,} orders, {size_mb:.0f} MB, median of {ROUNDS}")
    for name in ("", "Seconds", "MB/s", "Speed against psql"):
        shown.add_column(name, justify="left" if not name else "right")
    reference = statistics.median(bare)
    both = [load + view for load, view in zip(loads, views, strict=True)]
    rows = (("psql \\copy, bare tables", bare), ("load olist", loads), ("load olist and views", both))
    for name, times in rows:
        seconds = statistics.median(times)
        shown.add_row(name, f"{seconds:.2f}", f"{size_mb / seconds:.0f}", f"{reference / seconds:.2f}")
    Console().print(shown)

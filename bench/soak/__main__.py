"""``python -m bench.soak [--seconds N] [--seed S]``: soak, print what was counted, and fail if anything was wrong."""

import secrets
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from bench.soak import Outcome, run
from dashboard import embedded, schema
from dashboard.database import Database
from dashboard.settings import Settings
from tests import shop

SHOWN = 10

console = Console()


def main(seconds: float = 600.0, seed: str = "") -> None:
    """Soak for a time; the same seed makes the same changes, troubles and reads, though not at the same moments."""
    seed = seed or secrets.token_hex(4)
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as name, embedded.running(Path(name) / "data") as url:
        settings = Settings(_env_file=None, data_dir=Path(name))
        with closing(Database(url, settings)) as database:
            schema.prepare(database)
        shop.fill(url, Path(name))
        outcome = run(url, Path(name), seconds=seconds, seed=seed)
    show(outcome)
    sys.exit(not outcome.is_clean)


def show(outcome: Outcome) -> None:
    table = Table("what", "", title=f"{outcome.states} states of the data")
    table.columns[1].justify = "right"
    counted = outcome.changes, outcome.troubles, outcome.sources, outcome.endings
    for title, counts in zip(("change", "trouble", "read from", "ended"), counted, strict=True):
        for name, count in sorted(counts.items()):
            table.add_row(f"{title}: {name}", f"{count:,}")
    must_not_be = {"wrong rows": outcome.wrong, "torn readings": outcome.torn, "errors": outcome.errors}
    for name, found in must_not_be.items():
        table.add_row(name, f"{len(found):,}", style="bold red" if found else "bold green")
    console.print(table)
    for found in must_not_be.values():
        for one in found[:SHOWN]:
            console.print(one)


if __name__ == "__main__":
    typer.run(main)

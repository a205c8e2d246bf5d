"""``python -m bench.freshness_soak [--seconds N] [--seed S]``: soak, print what was counted, fail if it was wrong."""

import secrets
import sys
import tempfile
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from bench.freshness_soak import Outcome, run

SHOWN = 20

console = Console()


def main(seconds: float = 180.0, seed: str = "") -> None:
    """Soak for a time; the same seed makes the same changes and troubles, though not at the same moments."""
    seed = seed or secrets.token_hex(4)
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as name:
        outcome = run(Path(name), seconds=seconds, seed=seed)
    show(outcome)
    sys.exit(bool(outcome.problems))


def show(outcome: Outcome) -> None:
    table = Table("what", "", title="A soak of freshness")
    table.columns[1].justify = "right"
    for title, counts in outcome.counts.items():
        for name, count in sorted(counts.items()):
            table.add_row(f"{title}: {name}", f"{count:,}")
    table.add_row("longest time until all was shown, s", f"{outcome.longest_rest_seconds:.1f}")
    table.add_row(
        "problems", f"{len(outcome.problems):,}", style="bold red" if outcome.problems else "bold green"
    )
    console.print(table)
    for problem in outcome.problems[:SHOWN]:
        console.print(problem, markup=False)


if __name__ == "__main__":
    typer.run(main)

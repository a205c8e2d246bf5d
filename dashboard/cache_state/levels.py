"""The levels of the cache of this process: its traffic, its faults, and what each of them holds."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from dashboard.cache import BUDGET_SECONDS, Backend, Inspection, Stats


@dataclass(frozen=True, slots=True)
class Level:
    """``stats`` count this process's traffic; ``inspection`` is None while the level does not answer."""

    stats: Stats
    inspection: Inspection | None

    @property
    def name(self) -> str:
        return self.stats.backend

    @property
    def hit_share(self) -> float | None:
        """Of what this process looked for here."""
        asked = self.stats.hits + sum(self.stats.misses.values())
        return self.stats.hits / asked if asked else None

    def tags(self) -> pl.DataFrame:
        """``tag`` (String), ``entries`` and ``size_bytes`` (Int64), the largest first."""
        schema = {"tag": pl.String, "entries": pl.Int64, "size_bytes": pl.Int64}
        return pl.DataFrame(self.inspection.tags if self.inspection else [], schema, orient="row")

    def biggest(self) -> pl.DataFrame:
        """``tag``, ``name`` (String), ``size_bytes`` (Int64), ``age_seconds``, ``ends_seconds`` (Float64, nullable)."""
        schema = {
            "tag": pl.String,
            "name": pl.String,
            "size_bytes": pl.Int64,
            "age_seconds": pl.Float64,
            "ends_seconds": pl.Float64,
        }
        return pl.DataFrame(self.inspection.biggest if self.inspection else [], schema, orient="row")

    def slow(self) -> pl.DataFrame:
        """``at`` (Datetime, UTC), ``server``, ``command`` (String), ``arguments`` (Int64), ``milliseconds``."""
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "at": pl.Datetime("us", "UTC"),
            "server": pl.String,
            "command": pl.String,
            "arguments": pl.Int64,
            "milliseconds": pl.Float64,
        }
        rows = [
            (int(one.at * 1e6), one.server, one.command, one.arguments, one.milliseconds)
            for one in (self.inspection.slow if self.inspection else ())
        ]
        return pl.DataFrame(rows, schema, orient="row")


def levels(backends: Iterable[Backend]) -> tuple[Level, ...]:
    """From the top down. Takes a few round trips to a level below, each with the timeout of any other."""
    found = []
    for backend in backends:
        stats = backend.stats()
        found.append(Level(stats, backend.inspect(BUDGET_SECONDS) if stats.is_available else None))
    return tuple(found)


def servers(level: Level) -> pl.DataFrame:
    """A row for each server of a level: the numbers of a Server."""
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "name": pl.String,
        "version": pl.String,
        "policy": pl.String,
        **dict.fromkeys(_COUNTS, pl.Int64),
        **dict.fromkeys(_RATIOS, pl.Float64),
    }
    found = level.inspection.servers if level.inspection else ()
    return pl.DataFrame([{name: getattr(one, name) for name in schema} for one in found], schema)


_COUNTS = (
    *("size_bytes", "max_bytes", "evicted", "expired"),
    *("operations_per_second", "clients", "uptime_seconds"),
)
_RATIOS = ("used_share", "hit_share", "ping_ms")

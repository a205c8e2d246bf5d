"""What reads, statements and requests cost: counted in memory, written to the database by a thread."""

from dashboard.telemetry.asker import asker, asking
from dashboard.telemetry.flushing import RETENTION_DAYS, flushing, prune
from dashboard.telemetry.heartbeat import beating
from dashboard.telemetry.reads import KEPT_MINUTES, Statistics, recent
from dashboard.telemetry.recording import (
    RECORDED_ROWS,
    Block,
    Recorded,
    Seen,
    block_name,
    packed,
    unpacked,
)
from dashboard.telemetry.tallies import ELAPSED_BOUNDS_MS, Told
from dashboard.telemetry.timings import BOUNDS_SECONDS, Timing, Timings, quantile, together
from dashboard.telemetry.traffic import TRAFFIC, Traffic

__all__ = [
    "BOUNDS_SECONDS",
    "ELAPSED_BOUNDS_MS",
    "KEPT_MINUTES",
    "RECORDED_ROWS",
    "RETENTION_DAYS",
    "TRAFFIC",
    "Block",
    "Recorded",
    "Seen",
    "Statistics",
    "Timing",
    "Timings",
    "Told",
    "Traffic",
    "asker",
    "asking",
    "beating",
    "block_name",
    "flushing",
    "packed",
    "prune",
    "quantile",
    "recent",
    "together",
    "unpacked",
]

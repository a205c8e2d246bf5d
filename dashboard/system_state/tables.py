"""What several processes told, put together for tables and charts."""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from dashboard.system_state.processes import Labels, Process
from dashboard.telemetry import BOUNDS_SECONDS, Timing, quantile, together

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""What machines ask, time and again: a 503 of one of these is its answer, not a failure."""

_REQUESTS = {
    "endpoint": pl.String,
    "method": pl.String,
    "status": pl.String,
    "requests": pl.Int64,
    "median_ms": pl.Float64,
    "p95_ms": pl.Float64,
}
_RERUNS = {"page": pl.String, "runs": pl.Int64, "median_ms": pl.Float64, "p95_ms": pl.Float64}
_BUCKETS = {"up_to_seconds": pl.Float64, "number": pl.Int64}
_POOLS = {
    "process": pl.String,
    "pool": pl.String,
    "in_use": pl.Int64,
    "size": pl.Int64,
    "waiting": pl.Int64,
}
_VERSIONS = {"what": pl.String, "version": pl.String, "where": pl.String}


def all_requests(processes: Iterable[Process]) -> dict[Labels, Timing]:
    """The requests of all in their last hour, by endpoint, method and status."""
    return _joined(one.requests for one in processes)


def all_reruns(processes: Iterable[Process]) -> dict[Labels, Timing]:
    """The runs of pages of all in their last hour, by page."""
    return _joined(one.reruns for one in processes)


def request_rows(requests: Mapping[Labels, Timing]) -> pl.DataFrame:
    """A row for each endpoint, method and status, the most asked first; columns as in ``_REQUESTS``."""
    return _rows(requests, _REQUESTS)


def rerun_rows(reruns: Mapping[Labels, Timing]) -> pl.DataFrame:
    """A row for each page, the most run first: page, runs, median_ms, p95_ms."""
    return _rows(reruns, _RERUNS)


def buckets(timings: Iterable[Timing]) -> pl.DataFrame:
    """How many took how long: ``up_to_seconds`` (Float64, null for what took longer) and ``number`` (Int64)."""
    counts = together(timings).buckets
    return pl.DataFrame({"up_to_seconds": [*BOUNDS_SECONDS, None], "number": counts}, _BUCKETS)


def pool_rows(processes: Iterable[Process]) -> pl.DataFrame:
    """A row for each pool of each process: process, pool, in_use, size, waiting."""
    rows = [
        (one.name, pool.name, pool.in_use, pool.size, pool.waiting) for one in processes for pool in one.pools
    ]
    return pl.DataFrame(rows, _POOLS, orient="row")


def version_rows(processes: Sequence[Process], servers: Mapping[str, str]) -> pl.DataFrame:
    """A row for each version of each thing: what, version and where (Strings); ``servers`` are asked by all.

    Where several processes have the same, they are counted.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for one in processes:
        for what, version in (("Daybook", one.version), *sorted(one.versions.items())):
            found.setdefault((what, version), []).append(one.name)
    rows = [(what, version, "for all") for what, version in servers.items()]
    for (what, version), names in found.items():
        where = names[0] if len(names) == 1 else f"{len(names)} processes"
        rows.append((what, version, "all processes" if len(names) == len(processes) > 1 else where))
    return pl.DataFrame(rows, _VERSIONS, orient="row")


def _joined(all_timings: Iterable[Mapping[Labels, Timing]]) -> dict[Labels, Timing]:
    by_labels: dict[Labels, list[Timing]] = {}
    for timings in all_timings:
        for labels, timing in timings.items():
            by_labels.setdefault(labels, []).append(timing)
    return {labels: together(some) for labels, some in by_labels.items()}


def _milliseconds(timing: Timing, share: float) -> float:
    return (quantile(timing, share) or 0.0) * 1_000


def _rows(timings: Mapping[Labels, Timing], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    rows = [
        (*labels, timing.count, *(_milliseconds(timing, share) for share in (0.5, 0.95)))
        for labels, timing in sorted(timings.items(), key=lambda item: (-item[1].count, item[0]))
    ]
    return pl.DataFrame(rows, dict(schema), orient="row")

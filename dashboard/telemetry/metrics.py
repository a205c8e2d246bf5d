"""What Prometheus is told of this process: the counters of the rooms, read when it asks."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from dashboard.cache import Backend, Stats
from dashboard.catalogue import catalogue
from dashboard.database import Database
from dashboard.errors import ServerError
from dashboard.telemetry.families import METRICS, PREFIX
from dashboard.telemetry.identity import program_version
from dashboard.telemetry.reads import Statistics
from dashboard.telemetry.tallies import ELAPSED_BOUNDS_MS
from dashboard.telemetry.timings import Labels, Timing, together
from dashboard.telemetry.traffic import DONE, FAILED, Traffic
from dashboard.telemetry.vitals import Pulse

STATS_SECONDS = 10.0
"""Asking the cache what it holds may take a round trip: that often, however many scrape."""

# What has not failed has failed 0 times: Prometheus sees no rise in a series that begins with its first failure.
# https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics
_ERROR = "error"  # the source of a read that failed
_FAILED_STATUS = "500"
_FAULTS = {
    "redis": ("ConnectionError", "TimeoutError", "StoreFull"),
    "disk": ("OperationalError", "Timeout", "StoreFull"),
}
"""Of a level, those that are to be expected."""

Rows = Sequence[tuple[Labels, float]]


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(
        self, statistics: Statistics, backends: Sequence[Backend], database: Database, traffic: Traffic
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Process(statistics, _Held(backends), database, traffic))
        ProcessCollector(registry=self._registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """All of them in the format that an ``Accept`` header prefers, and the content type of that."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # it names a version that is no number
            encode, content_type = choose_encoder("")
        return encode(self._registry), content_type

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[int]:
        """Answer Prometheus by themselves while the block lasts, for a process that has no pages.

        The port, of which 0 picks one. Raises ServerError.
        """
        try:
            server, thread = start_http_server(port, host, self._registry)
        except OSError as error:
            raise ServerError(
                f"Metrics can't be served on {host}, port {port}: {error.strerror}. Choose another --metrics-port."
            ) from error
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Held:
    """What the levels of the cache hold, asked every ``STATS_SECONDS`` at the most."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends
        self._asking = threading.Lock()
        self._until = 0.0
        self._stats: list[Stats] = []

    def stats(self) -> list[Stats]:
        with self._asking:
            if time.monotonic() >= self._until:
                self._stats = [backend.stats() for backend in self._backends]
                self._until = time.monotonic() + STATS_SECONDS
            return self._stats


class _Process(Collector):
    def __init__(self, statistics: Statistics, held: _Held, database: Database, traffic: Traffic) -> None:
        self._statistics, self._held, self._database, self._traffic = statistics, held, database, traffic
        self._pulse = Pulse()

    def describe(self) -> list[Family]:
        return []  # nothing needs to be asked to be registered

    def collect(self) -> Iterator[Family]:
        yield from self._traffic_metrics()
        yield from self._own_metrics()
        yield from self._read_metrics()
        yield from self._cache_metrics()
        yield from self._shared_metrics()

    def _traffic_metrics(self) -> Iterator[Family]:
        traffic = self._traffic
        requests = traffic.requests
        by_status = requests.totals()
        bounds = requests.bounds_seconds
        yield _histogram("api_request_duration_seconds", _without_last(by_status), bounds)
        never = {(*labels[:-1], _FAILED_STATUS): 0 for labels in by_status}
        counts = never | {labels: one.count for labels, one in by_status.items()}
        yield _counter("api_requests_total", [*counts.items()])
        reruns = traffic.reruns
        yield _histogram(f"{PREFIX}rerun_duration_seconds", reruns.totals(), reruns.bounds_seconds)
        for name, timings in (("job", traffic.jobs), ("refresh", traffic.refreshes)):
            told = _with_both_outcomes(timings.totals(), len(timings.bounds_seconds) + 1)
            yield _histogram(f"{PREFIX}{name}_duration_seconds", told, timings.bounds_seconds)

    def _own_metrics(self) -> Iterator[Family]:
        vitals = self._pulse.measure()
        yield _gauge("memory_usage_bytes", [((), vitals.resident_bytes)])
        yield _gauge(f"{PREFIX}machine_memory_bytes", [((), vitals.memory_bytes)])
        yield _gauge(f"{PREFIX}machine_memory_available_bytes", [((), vitals.available_bytes)])
        yield _gauge(f"{PREFIX}threads", [((), vitals.threads)])
        yield _gauge(f"{PREFIX}sessions", [((), self._traffic.sessions)])
        lag_seconds = self._traffic.loop.seconds()
        yield _gauge(f"{PREFIX}event_loop_lag_seconds", [] if lag_seconds is None else [((), lag_seconds)])
        yield _gauge(f"{PREFIX}build_info", [((program_version(),), 1)])
        pools = self._database.pools()
        yield _gauge(f"{PREFIX}pool_in_use", [((pool.name,), pool.in_use) for pool in pools])
        yield _gauge(f"{PREFIX}pool_size", [((pool.name,), pool.size) for pool in pools])
        yield _gauge(f"{PREFIX}pool_waiting", [((pool.name,), pool.waiting) for pool in pools])

    def _read_metrics(self) -> Iterator[Family]:
        totals = self._statistics.totals()
        known = {name for name in catalogue().queries if not name.startswith("ops/")}
        queries = known.union(query for query, *_ in totals)
        reads: dict[Labels, float] = {(query, _ERROR, ""): 0 for query in sorted(queries)}
        by_query: dict[str, dict[Labels, float]] = {
            name: {} for name in ("coalesced", "size_bytes", "spent_ms", "saved_ms")
        }
        waits: dict[Labels, list[Timing]] = {}
        for (query, source, reason, is_coalesced), sums in totals.items():
            _add(reads, (query, source, reason), sums["reads"])
            _add(by_query["coalesced"], (query,), sums["reads"] * is_coalesced)
            for name in ("size_bytes", "spent_ms", "saved_ms"):
                _add(by_query[name], (query,), sums[name])
            wait = Timing(sums["reads"], sums["elapsed_ms"] / 1_000, tuple(sums["elapsed_buckets"]))
            waits.setdefault((source,), []).append(wait)
        bounds = tuple(bound / 1_000 for bound in ELAPSED_BOUNDS_MS)
        yield _counter(f"{PREFIX}reads_total", [*reads.items()])
        yield _counter(f"{PREFIX}reads_coalesced_total", [*by_query["coalesced"].items()])
        yield _counter(f"{PREFIX}read_bytes_total", [*by_query["size_bytes"].items()])
        yield _counter(f"{PREFIX}database_spent_seconds_total", _in_seconds(by_query["spent_ms"]))
        yield _counter(f"{PREFIX}database_saved_seconds_total", _in_seconds(by_query["saved_ms"]))
        joined = {source: together(some, len(bounds) + 1) for source, some in waits.items()}
        yield _histogram(f"{PREFIX}read_duration_seconds", joined, bounds)
        yield _counter(f"{PREFIX}statistics_dropped_reads_total", [((), self._statistics.dropped_reads)])

    def _cache_metrics(self) -> Iterator[Family]:
        levels = self._held.stats()
        yield _counter(f"{PREFIX}cache_hits_total", [((one.backend,), one.hits) for one in levels])
        misses = [((one.backend, str(why)), n) for one in levels for why, n in one.misses.items()]
        yield _counter(f"{PREFIX}cache_misses_total", misses)
        yield _counter(f"{PREFIX}cache_stored_total", [((one.backend,), one.stored) for one in levels])
        faults = [
            ((one.backend, fault), n)
            for one in levels
            for fault, n in (dict.fromkeys(_FAULTS.get(one.backend, ()), 0) | dict(one.faults)).items()
        ]
        yield _counter(f"{PREFIX}cache_faults_total", faults)
        yield _gauge(
            f"{PREFIX}cache_available", [((one.backend,), float(one.is_available)) for one in levels]
        )
        for name in ("entries", "size_bytes", "max_bytes"):
            figures = [((one.backend,), getattr(one, name)) for one in levels]
            yield _gauge(f"{PREFIX}cache_{name}", [row for row in figures if row[1] is not None])

    def _shared_metrics(self) -> Iterator[Family]:
        figures = self._traffic.figures
        if not figures:
            return  # nothing was read yet, or the database does not answer
        jobs = {"queued": 0.0, "running": 0.0, **figures.get("jobs", {})}
        yield _gauge(f"{PREFIX}jobs", [((status,), number) for status, number in jobs.items()])
        refreshed = figures.get("refreshed_at_seconds", {})
        rows = [((view,), at) for view, at in refreshed.items()]
        yield _gauge(f"{PREFIX}view_refreshed_timestamp_seconds", rows)


def _add(to: dict[Labels, float], labels: Labels, value: float) -> None:
    to[labels] = to.get(labels, 0) + value


def _in_seconds(milliseconds: Mapping[Labels, float]) -> Rows:
    return [(labels, value / 1_000) for labels, value in milliseconds.items()]


def _without_last(timings: Mapping[Labels, Timing]) -> dict[Labels, Timing]:
    """Those that differ in the last label only, together."""
    parts: dict[Labels, list[Timing]] = {}
    for labels, timing in timings.items():
        parts.setdefault(labels[:-1], []).append(timing)
    return {labels: together(some) for labels, some in parts.items()}


def _with_both_outcomes(timings: Mapping[Labels, Timing], buckets: int) -> dict[Labels, Timing]:
    """What never failed has failed 0 times."""
    never = Timing(0, 0.0, (0,) * buckets)
    both = {(*labels[:-1], outcome): never for labels in timings for outcome in (DONE, FAILED)}
    return both | dict(timings)


def _counter(name: str, rows: Rows) -> Family:
    family = CounterMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _gauge(name: str, rows: Rows) -> Family:
    family = GaugeMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _histogram(name: str, timings: Mapping[Labels, Timing], bounds_seconds: Sequence[float]) -> Family:
    family = HistogramMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
    for labels, timing in timings.items():
        up_to, buckets = 0, []
        for bound, count in zip(map(floatToGoString, (*bounds_seconds, inf)), timing.buckets, strict=True):
            up_to += count
            buckets.append((bound, up_to))
        family.add_metric(labels, buckets, timing.seconds)
    return family

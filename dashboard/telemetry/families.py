"""The metrics by name, with their labels and what they say; ``docs/metrics.md`` has the same table."""

from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

PREFIX = "daybook_"

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]


class Metric(NamedTuple):
    """One family of series. Every label has few values: names of the program's own, never what somebody typed."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str


_ALL = (
    Metric(
        "api_request_duration_seconds",
        "histogram",
        ("endpoint", "method"),
        "HTTP requests by how long they took to be answered; streams, until they began.",
    ),
    Metric(
        "api_requests_total",
        "counter",
        ("endpoint", "method", "status"),
        "HTTP requests by status; 499 is one whose caller left.",
    ),
    Metric("memory_usage_bytes", "gauge", (), "Memory that the process holds (resident)."),
    Metric(
        f"{PREFIX}machine_memory_bytes", "gauge", (), "Memory of the machine, or what its container may take."
    ),
    Metric(f"{PREFIX}machine_memory_available_bytes", "gauge", (), "What of that is not in use."),
    Metric(f"{PREFIX}threads", "gauge", (), "Threads of the process."),
    Metric(f"{PREFIX}sessions", "gauge", (), "Pages that are open in browsers."),
    Metric(
        f"{PREFIX}event_loop_lag_seconds",
        "gauge",
        (),
        "How late the event loop came to what was due, at the worst in the last minute; of servers.",
    ),
    Metric(f"{PREFIX}build_info", "gauge", ("version",), "Always 1; the label says which program runs."),
    Metric(
        f"{PREFIX}rerun_duration_seconds",
        "histogram",
        ("page",),
        "Runs of a page by how long they took, waits included; fragments that run alone do not count.",
    ),
    Metric(
        f"{PREFIX}reads_total",
        "counter",
        ("query", "source", "reason"),
        "Reads by where the answer came from (a level of the cache, database, stale, error) and why it was a miss.",
    ),
    Metric(
        f"{PREFIX}reads_coalesced_total",
        "counter",
        ("query",),
        "Reads that waited for somebody else's computation.",
    ),
    Metric(f"{PREFIX}read_bytes_total", "counter", ("query",), "Bytes of the rows that were answered."),
    Metric(
        f"{PREFIX}read_duration_seconds", "histogram", ("source",), "Reads by how long the reader waited."
    ),
    Metric(
        f"{PREFIX}database_spent_seconds_total",
        "counter",
        ("query",),
        "Time of the database that reads took.",
    ),
    Metric(
        f"{PREFIX}database_saved_seconds_total",
        "counter",
        ("query",),
        "Time of the database that the cache spared the reads.",
    ),
    Metric(
        f"{PREFIX}statistics_dropped_reads_total",
        "counter",
        (),
        "Reads that are in no statistics, since the database was away for too long.",
    ),
    Metric(f"{PREFIX}cache_hits_total", "counter", ("level",), "Values that a level had."),
    Metric(
        f"{PREFIX}cache_misses_total",
        "counter",
        ("level", "reason"),
        "Values that a level did not have, and why.",
    ),
    Metric(f"{PREFIX}cache_stored_total", "counter", ("level",), "Values that were put into a level."),
    Metric(
        f"{PREFIX}cache_faults_total",
        "counter",
        ("level", "fault"),
        "Faults of a level, by the name of the error.",
    ),
    Metric(f"{PREFIX}cache_available", "gauge", ("level",), "1 while a level answers, 0 after a fault."),
    Metric(
        f"{PREFIX}cache_entries", "gauge", ("level",), "Entries of a level; of a shared one, those of all."
    ),
    Metric(f"{PREFIX}cache_size_bytes", "gauge", ("level",), "Bytes that a level holds."),
    Metric(
        f"{PREFIX}cache_max_bytes",
        "gauge",
        ("level",),
        "Bytes that a level may hold, where there is a bound.",
    ),
    Metric(
        f"{PREFIX}pool_in_use", "gauge", ("pool",), "Places and connections of the database that are taken."
    ),
    Metric(f"{PREFIX}pool_size", "gauge", ("pool",), "Places and connections that there may be."),
    Metric(
        f"{PREFIX}pool_waiting",
        "gauge",
        ("pool",),
        "Callers that wait for a place; who waits for a connection is not counted.",
    ),
    Metric(
        f"{PREFIX}job_duration_seconds",
        "histogram",
        ("task", "outcome"),
        "Attempts at jobs in this process by how long they took; the outcome is done or failed.",
    ),
    Metric(
        f"{PREFIX}refresh_duration_seconds",
        "histogram",
        ("view", "outcome"),
        "Refreshes of views in this process by how long they took; the outcome is done or failed.",
    ),
    Metric(f"{PREFIX}jobs", "gauge", ("status",), "Jobs of the whole database that are queued or running."),
    Metric(
        f"{PREFIX}view_refreshed_timestamp_seconds",
        "gauge",
        ("view",),
        "When a view was filled last, in seconds since 1970.",
    ),
)
METRICS = MappingProxyType({metric.name: metric for metric in _ALL})

STANDARD = (
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
)
"""Those that every program with Prometheus's own library has, on Linux."""

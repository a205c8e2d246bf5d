"""What became of reads: how many were hits, why others were none, what they cost and how long people waited."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import polars as pl

from dashboard.cache import Reason
from dashboard.catalogue import catalogue
from dashboard.data import DATABASE, STALE
from dashboard.database import Snapshot
from dashboard.parts import asked
from dashboard.telemetry import ELAPSED_BOUNDS_MS

ERROR = "error"
_NO_HITS = (DATABASE, STALE, ERROR)
MEDIAN, P95 = 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Outcome:
    """Reads of one query, or of all, as numbers. ``misses`` has the reasons of those that were no hits.

    ``exports`` went past the cache, and could be none. ``spent_ms`` is the time of the database for them all,
    ``saved_ms`` what the cache spared it.
    """

    query: str
    ttl_class: str
    reads: int
    hits: int
    stale: int
    errors: int
    coalesced: int
    size_bytes: int
    spent_ms: float
    saved_ms: float
    misses: Mapping[Reason, int]
    exports: int = 0

    @property
    def asked(self) -> int:
        """Reads that asked the cache."""
        return self.reads - self.exports

    @property
    def hit_share(self) -> float | None:
        return self.hits / self.asked if self.asked else None

    @property
    def stale_share(self) -> float | None:
        return self.stale / self.reads if self.reads else None


@dataclass(frozen=True, slots=True)
class Traffic:
    """``queries`` are the most read ones first.

    ``waits`` has a row for each query and source: ``query``, ``source`` (String), ``reads`` (Int64), ``median_ms`` and
    ``p95_ms`` (Float64): what so many of its reads took at most; null if that is over the greatest bound.
    """

    all: Outcome
    queries: tuple[Outcome, ...]
    waits: pl.DataFrame

    def table(self) -> pl.DataFrame:
        """The queries as rows: the numbers of an Outcome, ``hit_share``, ``stale_share``, times in seconds, reasons."""
        rows = [_row(one) for one in self.queries]
        counts = ("reads", "coalesced", "errors", "size_bytes", *Reason)
        schema = {"query": pl.String, "hit_share": pl.Float64, "stale_share": pl.Float64}
        numbers = dict.fromkeys(counts, pl.Int64) | dict.fromkeys(_SECONDS, pl.Float64)
        return pl.DataFrame(rows, {**schema, **numbers})

    def missed(self) -> pl.DataFrame:
        """The same of the queries of which a read missed."""
        return self.table().filter(pl.sum_horizontal(*Reason) > 0)


_SECONDS = ("spent_seconds", "saved_seconds")


def traffic(snapshot: Snapshot, minutes: int) -> Traffic:
    """The reads of the last ``minutes``, over all processes. Raises DatabaseError."""
    rows = asked(snapshot, "ops/cache_traffic", minutes=minutes).to_dicts()
    by_query: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_query.setdefault(row["query"], []).append(row)
    outcomes = [_outcome(query, some) for query, some in by_query.items()]
    outcomes.sort(key=lambda one: (-one.reads, one.query))
    return Traffic(_outcome("", rows), tuple(outcomes), _waits(rows))


def course(snapshot: Snapshot, minutes: int, bucket_minutes: int) -> pl.DataFrame:
    """Where answers came from: ``bucket`` (Datetime, UTC), ``outcome`` (String), ``reads`` (Int64).

    An outcome is a source, or ``waited`` for who waited for another reader's computation. Raises DatabaseError.
    """
    return asked(snapshot, "ops/cache_course", minutes=minutes, bucket_minutes=bucket_minutes)


def upper_bound_ms(buckets: Sequence[int], share: float) -> float | None:
    """What this share of the reads took at most; None if that is over the greatest bound, or there are no reads.

    Buckets tell no more than their bounds: nothing is put between them.
    """
    wanted = share * sum(buckets)
    if not wanted:
        return None
    for bound, reads in zip(ELAPSED_BOUNDS_MS, accumulate(buckets), strict=False):
        if reads >= wanted:
            return bound
    return None


def _outcome(query: str, rows: Iterable[Mapping[str, Any]]) -> Outcome:
    rows = [*rows]
    misses: Counter[Reason] = Counter()
    for row in rows:
        if row["source"] in _NO_HITS and row["reason"] in [*Reason]:
            misses[Reason(row["reason"])] += row["reads"]
    known = catalogue().queries.get(query)

    def total(name: str, *sources: str) -> Any:
        return sum(row[name] for row in rows if not sources or row["source"] in sources)

    return Outcome(
        query=query,
        ttl_class=known.ttl if known else "",
        reads=total("reads"),
        hits=total("reads") - total("reads", *_NO_HITS),
        stale=total("reads", STALE),
        errors=total("reads", ERROR),
        coalesced=sum(row["reads"] for row in rows if row["is_coalesced"]),
        size_bytes=total("size_bytes"),
        spent_ms=total("spent_ms"),
        saved_ms=total("saved_ms"),
        misses=misses,
        exports=sum(row["reads"] for row in rows if _is_export(row)),
    )


def _is_export(row: Mapping[str, Any]) -> bool:
    """Whoever asks the cache and reads the database says why, or waited for another who did."""
    return row["source"] == DATABASE and not row["reason"] and not row["is_coalesced"]


def _row(one: Outcome) -> dict[str, Any]:
    return {
        "query": one.query,
        "reads": one.reads,
        "hit_share": one.hit_share,
        "stale_share": one.stale_share,
        "coalesced": one.coalesced,
        "errors": one.errors,
        "size_bytes": one.size_bytes,
        "spent_seconds": one.spent_ms / 1_000,
        "saved_seconds": one.saved_ms / 1_000,
        **{reason: one.misses.get(reason, 0) for reason in Reason},
    }


def _waits(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        buckets = [int(number) for number in row["elapsed_buckets"].split()]
        place = (row["query"], row["source"])
        before = found.get(place, [0] * len(buckets))
        found[place] = [sum(pair) for pair in zip(before, buckets, strict=True)]
    schema = {"query": pl.String, "source": pl.String, "reads": pl.Int64} | dict.fromkeys(
        ("median_ms", "p95_ms"), pl.Float64
    )
    return pl.DataFrame(
        [
            (query, source, sum(some), upper_bound_ms(some, MEDIAN), upper_bound_ms(some, P95))
            for (query, source), some in found.items()
        ],
        schema,
        orient="row",
    ).sort("query", "reads", descending=[False, True])

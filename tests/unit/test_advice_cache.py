"""What operators are told of the cache: what is in its way, the worst first, and what to do about it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from dashboard.advice import Level, Now, Verdict, cache, cache_level, cache_lifetimes
from dashboard.cache import Fault, Inspection, Pace, Reason, Server, Stats, TagUse
from dashboard.cache_state import CacheState, Outcome, Part, Replayed, Rules, Traffic, WhatIf
from dashboard.cache_state import Level as CacheLevel
from dashboard.cache_state.traffic import upper_bound_ms
from dashboard.errors import DatabaseUnavailable
from dashboard.notation import Notation
from dashboard.telemetry import ELAPSED_BOUNDS_MS

MOMENT = datetime(2025, 3, 20, 12, tzinfo=UTC)
NOW = Now(MOMENT, Notation("en_US", "BRL"))
DAILY, HOUR = "business/daily_sales", 3_600.0


def outcome(reads: int = 100, hits: int = 90, query: str = DAILY, **chosen: Any) -> Outcome:
    facts: dict[str, Any] = {
        "stale": 0,
        "errors": 0,
        "coalesced": 0,
        "size_bytes": 1_000,
        "misses": {},
    } | chosen
    return Outcome(query, "analytics", reads, hits, spent_ms=400.0, saved_ms=9_000.0, **facts)


def traffic(*queries: Outcome) -> Traffic:
    misses: dict[Reason, int] = {}
    for one in queries:
        for reason, number in one.misses.items():
            misses[reason] = misses.get(reason, 0) + number
    counts = ("reads", "hits", "stale", "errors", "coalesced", "exports")
    total = {name: sum(getattr(one, name) for one in queries) for name in counts}
    return Traffic(outcome(**total, misses=misses, query=""), queries, pl.DataFrame())


def level(name: str = "disk", server: Server | None = None, **chosen: Any) -> CacheLevel:
    stats = Stats(name, max_bytes=2_000_000_000, size_bytes=1_000, entries=3, **chosen)
    inspection = Inspection(servers=(server,) if server else (), tags=(TagUse(DAILY, 3, 900),))
    return CacheLevel(stats, inspection if stats.is_available else None)


def state(
    *queries: Outcome,
    below: CacheLevel | None = None,
    what_if: WhatIf | None = None,
    read: Part[Traffic] | None = None,
    is_on: bool = True,
) -> CacheState:
    of = read or Part(traffic(*(queries or (outcome(),))))
    levels = (level("memory"), below or level())
    course: Part[pl.DataFrame] = Part(pl.DataFrame())
    return CacheState(MOMENT, 60, 1, of, of, course, Part(what_if), levels, is_on)


def missing(reason: Reason, hits: int = 30) -> Outcome:
    return outcome(100, hits, misses={reason: 100 - hits})


def only(found: list[Verdict]) -> Verdict:
    [verdict] = found
    return verdict


def test_all_is_well() -> None:
    verdict = only(cache(NOW, state()))
    assert verdict.level is Level.GOOD
    assert (
        verdict.finding == "Hit ratio 90.0% of 100 reads in the last hour; the cache spared the database 9 s."
    )


@pytest.mark.parametrize(
    ("reason", "found", "told"),
    [
        (Reason.EVICTED, Level.WARNING, "Raise `DASHBOARD_CACHE_MAX_BYTES` (it is 2 GB)"),
        (Reason.COLD, Level.NOTE, "`python -m dashboard cache warm`"),
        (Reason.VERSION, Level.NOTE, "`DASHBOARD_WARM_UP_SECONDS`"),
        (Reason.EXPIRED, Level.NOTE, "once more reads are recorded"),
        (Reason.UNAVAILABLE, Level.WARNING, "The Cache page has its faults"),
        (Reason.BYPASS, Level.NOTE, "Read anew"),
    ],
)
def test_few_hits_are_explained_by_the_reason_of_most_misses(reason: Reason, found: Level, told: str) -> None:
    verdict = only(cache(NOW, state(missing(reason), outcome(50, 50, "business/x"))))
    assert verdict.level is found
    assert verdict.finding.startswith("Hit ratio 53.3% of 150 reads in the last hour; most misses")
    assert DAILY in verdict.finding
    assert told in verdict.advice


FAILED = "400 of them failed or got a kept answer"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"errors": 400}, FAILED),
        ({"stale": 400}, FAILED),
        (
            {"errors": 100, "stale": 295, "misses": {Reason.COLD: 5}},
            "395 of them failed or got a kept answer",
        ),
        ({"errors": 150, "misses": {Reason.COLD: 250}}, "the cache is cold"),
        ({"coalesced": 300, "misses": {Reason.COLD: 100}}, "Most reads waited for somebody else's"),
        ({"coalesced": 250, "misses": {Reason.COLD: 400}}, "the cache is cold"),
    ],
)
def test_few_hits_have_the_reason_of_most_of_the_others(told: dict[str, Any], found: str) -> None:
    [verdict] = [
        one for one in cache(NOW, state(outcome(500, 100, **told))) if one.finding.startswith("Hit ratio 20")
    ]
    assert found in f"{verdict.finding} {verdict.advice}"


def test_exports_are_not_judged_by_their_hits() -> None:
    few = only(cache(NOW, state(outcome(40, 5, exports=33, misses={Reason.COLD: 2}))))
    assert (few.finding, "So few" in few.advice) == ("Hit ratio 71.4% of 7 reads in the last hour.", True)
    well = only(cache(NOW, state(outcome(500, 90, exports=400, misses={Reason.COLD: 10}))))
    assert (well.level, "90.0% of 100 reads" in well.finding) == (Level.GOOD, True)
    assert only(cache(NOW, state(outcome(30, 0, exports=30)))).finding == "Every level of the cache answers."


def test_of_redis_evictions_ask_for_more_maxmemory() -> None:
    said = only(cache(NOW, state(missing(Reason.EVICTED), below=level("redis"))))
    assert "most misses are evictions, most of business/daily_sales" in said.finding
    assert "Raise its `maxmemory` (it is 2 GB), or keep less: business/daily_sales takes most" in said.advice


@pytest.mark.parametrize(
    ("evicted", "used", "is_full"), [(5_000, 0.99, True), (5_000, 0.5, False), (0, 0.99, False)]
)
def test_first_reads_of_a_redis_that_is_full_may_be_evictions(
    evicted: int, used: float, is_full: bool
) -> None:
    server = Server(
        "Redis", policy="allkeys-lru", size_bytes=int(used * 1e9), max_bytes=10**9, evicted=evicted
    )
    missed = outcome(100, 30, misses={Reason.COLD: 55, Reason.EVICTED: 15})
    verdict = only(cache(NOW, state(missed, below=level("redis", server))))
    assert (verdict.level is Level.WARNING) == is_full
    assert ("or evictions that left no trace" in verdict.finding) == is_full
    told = "Redis is full and has evicted 5,000 keys. Raise its `maxmemory` (it is 2 GB), or keep less"
    assert verdict.advice.startswith(told) == is_full
    unseen = only(cache(NOW, state(missing(Reason.COLD), below=level("redis", server))))
    assert (unseen.level, unseen.advice.startswith(told)) == (Level.NOTE, is_full)


def test_expired_ones_are_told_which_lifetime_would_bring_how_much() -> None:
    shares = {0.25: 10, 1: 30, 2: 60, 6: 82, 12: 84, 24: 99}
    others = tuple(
        (hours * HOUR, Replayed(100, hits, database_ms=1_000 - 8 * hits)) for hours, hits in shares.items()
    )
    told = WhatIf(
        MOMENT - timedelta(hours=20),
        MOMENT,
        80,
        Rules({"analytics": HOUR}),
        Replayed(100, 30, database_ms=800.0),
        others,
    )
    said = only(cache(NOW, state(missing(Reason.EXPIRED), what_if=told))).advice
    assert said == (
        "With a lifetime of 6 h it would have been 82.0%, and 57.0% less database time: set "
        "`DASHBOARD_CACHE_ANALYTICS_TTL_SECONDS` to 21600. Versions keep answers right all the same."
    )
    table = cache_lifetimes(NOW, told)
    assert table["lifetime"].to_list() == ["as set", "15 min", "60 min", "2 h", "6 h", "12 h"]
    assert table["hit_share"].to_list() == [0.3, 0.1, 0.3, 0.6, 0.82, 0.84]  # 20 hours were recorded


def test_few_reads_are_not_judged_and_none_are_said() -> None:
    few = only(cache(NOW, state(outcome(10, 1, misses={Reason.COLD: 9}))))
    assert (few.level, "So few reads" in few.advice) == (Level.NOTE, True)
    assert only(cache(NOW, state(outcome(0, 0)))).finding == "Nobody read anything in the last hour."


def test_the_worst_comes_first() -> None:
    gone = level(
        "redis",
        is_available=False,
        faults={"TimeoutError": 2},
        last_fault=Fault(MOMENT - timedelta(seconds=12), "Timeout reading from socket"),
    )
    troubled = outcome(100, 90, stale=2, errors=3, misses={Reason.DAMAGED: 1})
    found = cache(NOW, state(troubled, below=gone))
    assert [one.level for one in found] == [Level.BAD, *[Level.WARNING] * 3]
    assert found[0].finding == ("Redis does not answer (last fault 12 s ago: Timeout reading from socket).")
    assert [one.finding.split(" in the")[0] for one in found[1:]] == [
        "1 read met a damaged value",
        "2 reads got a kept answer",
        "3 reads failed",
    ]
    assert "The Slow queries page has" in found[-1].advice


@pytest.mark.parametrize(
    ("used", "found"), [(0.5, Level.WARNING), (0.95, Level.BAD)], ids=["half full", "nearly full"]
)
def test_a_server_that_makes_no_room(used: float, found: Level) -> None:
    server = Server("Redis", policy="noeviction", size_bytes=int(used * 1e6), max_bytes=1_000_000)
    verdict = cache(NOW, state(below=level("redis", server)))[0]
    assert verdict.level is found
    assert "noeviction" in verdict.finding
    assert "`CONFIG SET maxmemory-policy allkeys-lru`" in verdict.advice


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_refusals_are_told_while_they_are_new(policy: str) -> None:
    server = Server("Redis", policy=policy, size_bytes=500_000, max_bytes=1_000_000)

    def told(minutes: int, kind: str = "StoreFull") -> list[str]:
        fault = Fault(MOMENT - timedelta(minutes=minutes), "no room", kind)
        below = level("redis", server, faults={"StoreFull": 4}, last_fault=fault)
        return [f"{one.level}: {one.finding}" for one in cache(NOW, state(below=below))]

    refused = "warning: Redis had no room for answers of this process: 4 writes refused, the last 30 min ago."
    assert refused in told(30)
    assert refused not in told(30, "TimeoutError")
    assert not any("refused, the last" in one or one.startswith("bad") for one in told(90))


def test_a_server_without_a_bound() -> None:
    server = Server("Redis", policy="allkeys-lru", size_bytes=1_000, max_bytes=None)
    assert "no maxmemory" in only(cache(NOW, state(below=level("redis", server)))).finding


def test_without_a_cache_and_without_a_database() -> None:
    assert "The cache is off" in only(cache(NOW, state(is_on=False))).finding
    gone: Part[Traffic] = Part(None, DatabaseUnavailable("gone"))
    assert only(cache(NOW, state(read=gone))) == Verdict(Level.GOOD, "Every level of the cache answers.")


def test_a_level_is_told_in_words() -> None:
    told = cache_level(NOW, level(hits=3, misses={Reason.COLD: 1}, faults={"TimeoutError": 2}))
    assert told == {
        "Size": "1 kB of 2 GB",
        "Entries": "3",
        "Of this process": "75.0% of 4 looks were there",
        "Not there": "cold 1",
        "Faults": "TimeoutError 2",
    }
    asked = cache_level(NOW, level(pace=Pace(90, 0.254, 12.0)))["In the last minute"]
    assert asked == "1.50 operations/s, answered in 0.25 ms, at worst in 12.00 ms"
    assert cache_level(NOW, level(pace=Pace()))["In the last minute"] == "it was not asked"


def test_waits_are_told_by_the_bounds_of_their_buckets() -> None:
    buckets = [0] * (len(ELAPSED_BOUNDS_MS) + 1)
    assert upper_bound_ms(buckets, 0.5) is None
    buckets[3], buckets[9] = 90, 10  # up to 0.1 and 10 ms
    assert (upper_bound_ms(buckets, 0.5), upper_bound_ms(buckets, 0.95)) == (0.1, 10.0)
    buckets[-1] = 1_000
    assert upper_bound_ms(buckets, 0.5) is None

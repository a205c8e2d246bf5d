"""Whether the cache does its job, and what keeps it from that."""

from collections.abc import Iterator, Sequence

from dashboard.advice.verdict import Level, Now, Verdict, listed
from dashboard.cache import Reason, Server
from dashboard.cache_state import CacheState, Outcome, Traffic, WhatIf
from dashboard.cache_state.levels import Level as CacheLevel
from dashboard.notation import Format
from dashboard.settings import variable

GOOD_SHARE = 0.8
"""From this share of hits up, misses are nothing to worry about."""
FEWEST_READS = 20
"""Of fewer reads, shares say nothing."""
LARGEST_PART = 0.5
"""A reason that stands behind so many of the misses is the one to look at."""
FULL_SHARE = 0.9
"""From this part of its memory up, a server that refuses to make room will soon keep nothing new."""
LEAST_GAIN = 0.02
"""A lifetime that brings fewer hits more, as a share of reads, is not worth a change."""
MOST_OF_GAIN = 0.9

NAMES = {"redis": "Redis", "disk": "the disk cache", "memory": "the memory of this process"}
LIMIT = {
    "redis": "Raise its `maxmemory` (it is {now})",
    "disk": "Raise `DASHBOARD_CACHE_MAX_BYTES` (it is {now})",
    "memory": "Raise `DASHBOARD_CACHE_MEMORY_MAX_BYTES` (it is {now})",
}
_SEVERITY = (Level.BAD, Level.WARNING, Level.NOTE, Level.GOOD)


def cache(now: Now, state: CacheState) -> list[Verdict]:
    """What is the matter with the cache, the worst first; one good verdict if nothing is."""
    found = [*_of_levels(now, state)]
    traffic = state.traffic.otherwise(None)
    if traffic is not None and state.is_on:
        found += _of_traffic(now, state, traffic)
    if not any(verdict.level is not Level.GOOD for verdict in found):
        return found or [Verdict(Level.GOOD, "Every level of the cache answers.")]
    wrong = [verdict for verdict in found if verdict.level is not Level.GOOD]
    return sorted(wrong, key=lambda verdict: _SEVERITY.index(verdict.level))


def _of_levels(now: Now, state: CacheState) -> Iterator[Verdict]:
    if not state.is_on:
        yield Verdict(
            Level.WARNING,
            "The cache is off, so each read asks the database.",
            "Take `DASHBOARD_CACHE=null` away to have it on.",
        )
    for level in state.levels:
        if not level.stats.is_available:
            yield _unavailable(now, level)
        for server in level.inspection.servers if level.inspection else ():
            yield from _careless(now, server, is_refusing=_is_refusing(state, level))
        if _is_refusing(state, level):
            yield _refused(now, level)


def _unavailable(now: Now, level: CacheLevel) -> Verdict:
    fault = level.stats.last_fault
    said = f" (last fault {now.ago(fault.at)}: {fault.problem.rstrip('.')})" if fault else ""
    return Verdict(
        Level.BAD,
        f"{_called(level.name)} does not answer{said.replace('`', '')}.",
        "Memory and database answer meanwhile, and each process computes for itself. It is tried again every "
        "few seconds, and used again as soon as it answers. Check that it runs and can be reached."
        if level.name == "redis"
        else "Memory and database answer meanwhile. Check that the disk has room and its folder can be written.",
    )


def _is_refusing(state: CacheState, level: CacheLevel) -> bool:
    """Whether the last fault in the range is that there was no room: one that goes on is soon the last again."""
    fault = level.stats.last_fault
    return fault is not None and fault.kind == "StoreFull" and fault.at >= state.since


def _careless(now: Now, server: Server, *, is_refusing: bool) -> Iterator[Verdict]:
    """How a server makes room, or doesn't."""
    if server.policy == "noeviction":
        is_full = (server.used_share or 0.0) >= FULL_SHARE or is_refusing
        full = (
            f", and has taken {now.notation.size(server.size_bytes)} of {now.notation.size(server.max_bytes)}"
            if server.max_bytes and server.size_bytes
            else ""
        )
        yield Verdict(
            Level.BAD if is_full else Level.WARNING,
            f"{server.name} makes no room: its maxmemory-policy is noeviction{full}. "
            f"{'New answers are refused.' if is_full else 'Once it is full, new answers are refused.'}",
            "Run there: `CONFIG SET maxmemory-policy allkeys-lru`, and write it into its configuration.",
        )
    if server.policy and server.max_bytes is None and server.size_bytes is not None:
        yield Verdict(
            Level.WARNING,
            f"{server.name} has no maxmemory, so it grows until the machine has none left.",
            "Run there: `CONFIG SET maxmemory 2gb`, or what the machine can spare.",
        )


def _refused(now: Now, level: CacheLevel) -> Verdict:
    fault = level.stats.last_fault
    times = now.counted(level.stats.faults.get("StoreFull", 0), "write")
    return Verdict(
        Level.WARNING,
        f"{_called(level.name)} had no room for answers of this process: {times} refused, "
        f"the last {now.ago(fault and fault.at)}.",
        f"{_room(now, level)}.",
    )


def _of_traffic(now: Now, state: CacheState, traffic: Traffic) -> Iterator[Verdict]:
    every, past = traffic.all, _past(state.minutes)
    if not every.reads:
        yield Verdict(Level.NOTE, f"Nobody read anything in the {past}.", "There is nothing to judge by.")
        return
    yield from _troubled(now, traffic, past)
    share = every.hit_share
    if share is None:
        return
    ratio = f"Hit ratio {now.notation.portion(share)} of {now.counted(every.asked, 'read')} in the {past}"
    if share >= GOOD_SHARE:
        spared = now.notation.duration(every.saved_ms / 1_000)
        yield Verdict(Level.GOOD, f"{ratio}; the cache spared the database {spared}.")
    elif every.asked < FEWEST_READS:
        yield Verdict(Level.NOTE, f"{ratio}.", "So few reads say little: look again when there were more.")
    else:
        yield _why(now, state, traffic, ratio)


def _troubled(now: Now, traffic: Traffic, past: str) -> Iterator[Verdict]:
    """What is wrong whatever the hit ratio."""
    every = traffic.all
    if damaged := every.misses.get(Reason.DAMAGED):
        names = _most(traffic.queries, Reason.DAMAGED)
        yield Verdict(
            Level.WARNING,
            f"{now.counted(damaged, 'read')} met a damaged value in the {past} ({names}).",
            "They were computed anew, and nobody saw them. Something else writes to this store, or its disk fails: "
            "give Daybook a Redis database of its own, or check the disk.",
        )
    if every.stale:
        yield Verdict(
            Level.WARNING,
            f"{now.counted(every.stale, 'read')} got a kept answer in the {past}, since the database did not answer.",
            "They were marked as stale. Check the database if this goes on.",
        )
    if every.errors:
        worst = max(traffic.queries, key=lambda one: one.errors)
        yield Verdict(
            Level.WARNING,
            f"{now.counted(every.errors, 'read')} failed in the {past}, most of them of {worst.query}.",
            "Errors are never cached. The Slow queries page has what PostgreSQL answered, or that it did not.",
        )


def _why(now: Now, state: CacheState, traffic: Traffic, ratio: str) -> Verdict:
    """What kept most reads from being hits, and what to do about it."""
    every = traffic.all
    missed, failed = sum(every.misses.values()), every.errors + every.stale
    waited = every.asked - every.hits - missed - failed
    if failed > max(missed, waited):
        return Verdict(
            Level.NOTE,
            f"{ratio}; {now.notation.exact(failed, Format.COUNT)} of them failed or got a kept answer.",
            "That is no fault of the cache: look at the database first.",
        )
    if waited > missed:
        return Verdict(Level.NOTE, f"{ratio}.", "Most reads waited for somebody else's computation.")
    return _why_missed(now, state, traffic, ratio)


def _why_missed(now: Now, state: CacheState, traffic: Traffic, ratio: str) -> Verdict:
    """The reason of most misses, and what to do about it."""
    misses = traffic.all.misses
    reason = max(Reason, key=lambda one: misses.get(one, 0))
    part = misses[reason] / sum(misses.values())
    share = "most misses" if part >= LARGEST_PART else f"{now.notation.portion(part)} of the misses"
    of = _most(traffic.queries, reason)
    match reason:
        case Reason.EVICTED:
            level = state.below or state.levels[-1]
            return Verdict(
                Level.WARNING,
                f"{ratio}; {share} are evictions, most of {of}.",
                f"There was no room for them. {_room(now, level)}.",
            )
        case Reason.EXPIRED:
            return Verdict(
                Level.NOTE,
                f"{ratio}; {share} are of answers past their lifetime ({of}).",
                _longer(now, state, traffic),
            )
        case Reason.VERSION:
            return Verdict(
                Level.NOTE,
                f"{ratio}; {share} are of new versions of the data ({of}).",
                "That is as it should be: what changed is read anew. The warm-up after a refresh does most of it "
                "before people ask; `DASHBOARD_WARM_UP_SECONDS` says for how long.",
            )
        case Reason.COLD if full := _full(state):
            level, evicted = full
            return Verdict(
                Level.WARNING if misses.get(Reason.EVICTED) else Level.NOTE,
                f"{ratio}; {share} are first reads, or evictions that left no trace ({of}).",
                f"{_called(level.name)} is full and has evicted {now.counted(evicted, 'key')}. {_room(now, level)}.",
            )
        case Reason.COLD:
            return Verdict(
                Level.NOTE,
                f"{ratio}; {share} are first reads: the cache is cold ({of}).",
                "It fills as people read. `python -m dashboard cache warm`, or Warm on the Cache page, does it now.",
            )
        case Reason.UNAVAILABLE:
            return Verdict(
                Level.WARNING,
                f"{ratio}; {share} are of a cache that did not answer ({of}).",
                "The Cache page has its faults.",
            )
        case Reason.BYPASS:
            return Verdict(
                Level.NOTE, f"{ratio}; {share} were wanted fresh ({of}).", "Readers chose Read anew."
            )
    return Verdict(Level.WARNING, f"{ratio}; {share} are of damaged values ({of}).", "See above.")


def _full(state: CacheState) -> tuple[CacheLevel, int] | None:
    """The level below if it drops what it has for want of room, and how many keys that were.

    What a Redis evicts it chooses among a few keys: the record that would tell of it often goes before or with a value.
    """
    level = state.below
    servers = level.inspection.servers if level and level.inspection else ()
    evicted = sum(one.evicted or 0 for one in servers if (one.used_share or 0.0) >= FULL_SHARE)
    return (level, evicted) if level and evicted else None


def _longer(now: Now, state: CacheState, traffic: Traffic) -> str:
    """Which lifetime would bring how much, of those that what was recorded can tell of."""
    told = state.what_if.otherwise(None)
    better = _better(told) if told else None
    if told is None or better is None:
        return "A longer lifetime would bring more hits; how much can be told once more reads are recorded."
    seconds, share, spared = better
    classes = {one.ttl_class for one in traffic.queries if one.misses.get(Reason.EXPIRED) and one.ttl_class}
    names = listed(f"`{variable(f'cache_{name}_ttl_seconds')}`" for name in sorted(classes or {"default"}))
    less = f", and {now.notation.portion(spared)} less database time" if spared > 0 else ""
    return (
        f"With a lifetime of {now.notation.duration(seconds)} it would have been "
        f"{now.notation.portion(share)}{less}: set {names} to {seconds:.0f}. Versions keep answers right all the same."
    )


def _better(told: WhatIf) -> tuple[float, float, float] | None:
    """Of lifetimes that are worth it the shortest: seconds, the share of hits, the share of database time less."""
    before = told.as_set.hit_share or 0.0
    gains = [
        (seconds, done, (done.hit_share or 0.0) - before)
        for seconds, done in told.others
        if seconds < told.seconds
    ]
    most = max((gain for _, _, gain in gains), default=0.0)
    if most < LEAST_GAIN:
        return None
    seconds, done, _ = next(one for one in gains if one[2] >= most * MOST_OF_GAIN)
    spent = told.as_set.database_ms
    return seconds, done.hit_share or 0.0, 1 - done.database_ms / spent if spent else 0.0


def _room(now: Now, level: CacheLevel) -> str:
    limit = now.notation.size(level.stats.max_bytes) if level.stats.max_bytes else "unbounded"
    said = LIMIT.get(level.name, "Give the cache more room").format(now=limit)
    wasted = level.inspection.tags[:1] if level.inspection else ()
    return f"{said}, or keep less: {wasted[0].tag} takes most of it" if wasted else said


def _most(queries: Sequence[Outcome], reason: Reason) -> str:
    """The query with most misses of a reason."""
    return max(queries, key=lambda one: one.misses.get(reason, 0)).query


def _called(name: str) -> str:
    said = NAMES.get(name, name)
    return said[0].upper() + said[1:]


def _past(minutes: int) -> str:
    if minutes <= 60:  # noqa: PLR2004 - the ranges that can be chosen
        return "last hour"
    return "last day" if minutes <= 24 * 60 else "last week"

"""What is told of the cache in words: its levels, and what other lifetimes would have done."""

import polars as pl

from dashboard.advice.verdict import Level, Now, listed
from dashboard.cache import Pace
from dashboard.cache_state import WhatIf, servers
from dashboard.cache_state.levels import Level as CacheLevel
from dashboard.notation import MISSING, Format


def cache_level(now: Now, level: CacheLevel) -> dict[str, str]:
    """What a level holds and how it served this process, by label."""
    stats, notation = level.stats, now.notation
    limit = notation.size(stats.max_bytes) if stats.max_bytes else "no limit"
    said = {
        "Size": f"{notation.size(stats.size_bytes)} of {limit}" if stats.size_bytes is not None else MISSING,
        "Entries": notation.exact(stats.entries, Format.COUNT),
        "Of this process": _served(now, level),
    }
    if stats.pace:
        said["In the last minute"] = _pace(now, stats.pace)
    if misses := {reason: number for reason, number in stats.misses.items() if number}:
        said["Not there"] = ", ".join(
            f"{reason} {notation.exact(number, Format.COUNT)}"
            for reason, number in sorted(misses.items(), key=lambda one: -one[1])
        )
    if level.inspection and level.inspection.oldest_seconds is not None:
        said["Oldest answer"] = notation.ago(level.inspection.oldest_seconds)
    said["Faults"] = _faults(now, level)
    return said


def cache_level_state(level: CacheLevel) -> tuple[str, Level]:
    """In a word, and how bad it is: whether it answers looks, and the circuit breaker lets reads through."""
    return ("answers", Level.GOOD) if level.stats.is_available else ("does not answer", Level.BAD)


def cache_seen(now: Now, level: CacheLevel) -> str:
    """How much of a level the figures by query are of."""
    if level.inspection is None or level.inspection.is_complete:
        return ""
    return f"Of the first {now.counted(level.inspection.seen, 'key')} that could be looked at in time; there are more."


def cache_biggest(now: Now, level: CacheLevel) -> pl.DataFrame:
    """``level.biggest()`` with ``age`` and ``ends`` (String) in words."""
    biggest = level.biggest()
    return biggest.with_columns(
        _durations(now, biggest["age_seconds"], "age"), _durations(now, biggest["ends_seconds"], "ends")
    )


def cache_servers(now: Now, level: CacheLevel) -> pl.DataFrame:
    """``servers(level)`` with ``counted`` (String): for how long it has counted."""
    told = servers(level)
    return told.with_columns(_durations(now, told["uptime_seconds"], "counted"))


def cache_lifetimes(now: Now, told: WhatIf) -> pl.DataFrame:
    """``told.table()`` with ``lifetime`` (String) in words, without those that can't be told from an endless one."""
    table = told.table().filter("is_told")
    words = [
        "as set" if seconds is None else now.notation.duration(seconds)
        for seconds in table["lifetime_seconds"]
    ]
    return table.with_columns(pl.Series("lifetime", words, pl.String))


def cache_replayed(now: Now, told: WhatIf) -> str:
    """What the replay is of, and what it leaves aside."""
    of = now.counted(told.questions, "question")
    lifetimes = listed(
        f"{name} {now.notation.duration(seconds)}" for name, seconds in told.rules.lifetimes.items()
    )
    return (
        f"Replayed from {of} of {now.notation.duration(told.seconds)}, each minute's as one, beginning with an "
        f"empty cache that has room for all. As set, answers live: {lifetimes}, on average. "
        "Lifetimes longer than what was recorded are left out."
    )


def _durations(now: Now, seconds: pl.Series, name: str) -> pl.Series:
    words = [None if one is None else now.notation.duration(one) for one in seconds]
    return pl.Series(name, words, pl.String)


def _served(now: Now, level: CacheLevel) -> str:
    if level.hit_share is None:
        return "nothing was looked for"
    looks = level.stats.hits + sum(level.stats.misses.values())
    return f"{now.notation.portion(level.hit_share)} of {now.counted(looks, 'look')} were there"


def _pace(now: Now, pace: Pace) -> str:
    if not pace.operations:
        return "it was not asked"
    of = (pace.per_second, pace.mean_ms, pace.worst_ms)
    per_second, mean, worst = (now.notation.exact(number, Format.SCORE) for number in of)
    return f"{per_second} operations/s, answered in {mean} ms, at worst in {worst} ms"


def _faults(now: Now, level: CacheLevel) -> str:
    faults = level.stats.faults
    if not faults:
        return "none"
    kinds = listed(
        f"{name} {now.notation.exact(number, Format.COUNT)}" for name, number in sorted(faults.items())
    )
    last = level.stats.last_fault
    return f"{kinds}; last {now.ago(last.at)}: {last.problem}" if last else kinds

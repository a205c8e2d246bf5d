"""Whether the program's processes live, have room, and answer in time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from dashboard.advice.verdict import NAMED, Level, Now, Verdict, listed
from dashboard.notation import Format
from dashboard.system_state import PROBES, Process, all_requests, all_reruns, roll
from dashboard.telemetry import Timing, quantile, together

FULL_SHARE, TOO_FULL_SHARE = 0.85, 0.95
"""Of a machine's memory in use: worth a warning, and about to end in a process being killed."""

SLOW_RERUN_SECONDS = 1.0
"""A page whose 95th percentile is longer feels slow."""

FEW_RERUNS = 20
"""Of fewer, a 95th percentile says nothing."""

MANY_KILLED, KILLED_WITHIN = 3, timedelta(hours=1)
"""One may be killed by hand; so many are not, and that they were started again hides it."""

LATE_SECONDS, HANGING_SECONDS = 2.0, 10.0
"""Of an event loop: everybody feels it, and most have given up."""

BAD_ERROR_SHARE = 0.05
BUSY_CPU_SHARE = 0.9

_WORST_FIRST = (Level.BAD, Level.WARNING, Level.NOTE, Level.GOOD)


def system(now: Now, processes: Sequence[Process]) -> list[Verdict]:
    """What is the matter with the servers and workers, the worst first; one good verdict if nothing is."""
    alive, lost, replaced = roll(processes, now.moment)
    found = (
        _nobody(alive),
        _silent(now, lost),
        _killed(now, replaced),
        _failing(now, all_requests(alive)),
        _late(now, alive),
        *_crowded(now, alive),
        _queueing(alive),
        _slow(now, all_reruns(alive)),
        _busy(alive),
        _different(alive),
    )
    said = [verdict for verdict in found if verdict]
    return sorted(said, key=lambda one: _WORST_FIRST.index(one.level)) or [_well(now, alive)]


def process_facts(now: Now, told: Process) -> dict[str, str]:
    """What a process is and does, by label."""
    said = {"Kind": told.kind}
    if told.kind == "server":
        said["Open pages"] = now.notation.exact(told.sessions, Format.COUNT)
    if told.lag_seconds is not None:
        said["Event loop"] = f"up to {now.notation.duration(told.lag_seconds)} late in the last minute"
    return said | {
        "Threads": now.notation.exact(told.threads, Format.COUNT),
        "Processor": f"{now.notation.duration(told.cpu_seconds)} since its start",
        "Started": now.ago(told.started_at),
        "Heard of": now.ago(told.heard_at),
        "Version": told.version,
    }


def spread(now: Now, timings: Sequence[Timing], what: str) -> str:
    """How long they took, as a text in the place of a chart: ``Of 12 requests, half took up to 5 ms …``."""
    timing = together(timings)
    half, most = quantile(timing, 0.5), quantile(timing, 0.95)
    if half is None or most is None:
        return f"There were no {what}s in the last hour."
    return (
        f"Of {now.counted(timing.count, what)} in the last hour, half took up to {now.notation.duration(half)} "
        f"and 95% up to {now.notation.duration(most)}."
    )


def _nobody(alive: Sequence[Process]) -> Verdict | None:
    if any(one.kind == "server" for one in alive):
        return None
    return Verdict(
        Level.NOTE,
        "No server has given a sign of life in the last minute.",
        "Start one with `python -m dashboard serve`. One that runs gives its first when the database answers.",
    )


def _silent(now: Now, lost: Sequence[Process]) -> Verdict | None:
    if not lost:
        return None
    names = [f"{one.kind.capitalize()} {one.name}" for one in lost[-NAMED:]]
    if more := len(lost) - len(names):
        names.append(now.counted(more, "other"))
    return Verdict(
        Level.WARNING,
        f"{listed(names)} went silent; the last sign of life came {now.ago(lost[-1].heard_at)}.",
        "It was killed, perhaps for want of memory, or has lost the database: look at its log, and start it again.",
    )


def _killed(now: Now, replaced: Sequence[Process]) -> Verdict | None:
    recent = [one for one in replaced if now.moment - one.heard_at <= KILLED_WITHIN]
    if len(recent) < MANY_KILLED:
        return None
    kinds = listed(sorted({f"{one.kind}s" for one in recent}))
    return Verdict(
        Level.WARNING,
        f"{kinds.capitalize()} were killed {len(recent)} times in the last hour and started again, "
        f"the last of them {now.ago(recent[-1].heard_at)}.",
        "Look at the log of what starts them, and whether they were killed for want of memory.",
    )


def _failing(now: Now, requests: Mapping[tuple[str, ...], Timing]) -> Verdict | None:
    asked = {labels: one.count for labels, one in requests.items() if not _answers_a_probe(*labels)}
    failed = {labels: count for labels, count in asked.items() if labels[2].startswith("5")}
    if not failed:
        return None
    endpoint, method, status = max(failed, key=lambda labels: failed[labels])
    share = sum(failed.values()) / sum(asked.values())
    return Verdict(
        Level.BAD if share >= BAD_ERROR_SHARE else Level.WARNING,
        f"{now.counted(sum(failed.values()), 'request')} of the last hour failed "
        f"({now.notation.portion(share)} of all), most of them {method} {endpoint} with {status}.",
        "The log of the server says why.",
    )


def _answers_a_probe(endpoint: str, _: str, status: str) -> bool:
    """That it is not ready is what it was asked; that it crashed is not."""
    return endpoint in PROBES and (status == "503" or not status.startswith("5"))


def _late(now: Now, alive: Sequence[Process]) -> Verdict | None:
    lags = [(one.lag_seconds, one.pid, one.name) for one in alive if one.lag_seconds]
    seconds, pid, name = max(lags, default=(0.0, 0, ""))
    if seconds < LATE_SECONDS:
        return None
    return Verdict(
        Level.BAD if seconds >= HANGING_SECONDS else Level.WARNING,
        f"The event loop of {name} came up to {now.notation.duration(seconds)} late in the last minute: "
        "whatever pages and callers asked of it waited so long.",
        f"If that goes on, `py-spy dump --pid {pid}` shows what holds it; start the server again.",
    )


def _crowded(now: Now, alive: Sequence[Process]) -> list[Verdict]:
    """One for each machine that has little memory left."""
    newest = {one.host: one for one in sorted(alive, key=lambda one: one.heard_at)}
    said = []
    for host, told in newest.items():
        share = 1 - told.available_bytes / max(told.memory_bytes, 1)
        if share < FULL_SHARE:
            continue
        ours = sum(one.resident_bytes for one in alive if one.host == host)
        said.append(
            Verdict(
                Level.BAD if share >= TOO_FULL_SHARE else Level.WARNING,
                f"{host} has {now.notation.size(told.available_bytes)} of "
                f"{now.notation.size(told.memory_bytes)} of memory left; "
                f"Daybook holds {now.notation.size(ours)} of it.",
                "Give the machine more, or the cache less: `DASHBOARD_CACHE_MEMORY_MAX_BYTES` for each process.",
            )
        )
    return said


def _queueing(alive: Sequence[Process]) -> Verdict | None:
    full = [(one, pool) for one in alive for pool in one.pools if pool.waiting and pool.in_use >= pool.size]
    if not full:
        return None
    one, pool = max(full, key=lambda pair: pair[1].waiting)
    setting = {"statements": "DASHBOARD_MAX_STATEMENTS", "exports": "DASHBOARD_MAX_EXPORTS"}.get(pool.name)
    return Verdict(
        Level.WARNING,
        f"All {pool.size} {pool.name} at a time of {one.name} are taken, and {pool.waiting} more wait.",
        "Look for slow statements first"
        + (f"; if PostgreSQL has room for more, raise `{setting}`." if setting else "."),
    )


def _slow(now: Now, reruns: Mapping[tuple[str, ...], Timing]) -> Verdict | None:
    slow = {
        page: seconds
        for (page,), timing in reruns.items()
        if timing.count >= FEW_RERUNS and (seconds := quantile(timing, 0.95) or 0) > SLOW_RERUN_SECONDS
    }
    if not slow:
        return None
    page = max(slow, key=lambda page: slow[page])
    others = f", and {now.counted(len(slow) - 1, 'other')} took over a second" if len(slow) > 1 else ""
    return Verdict(
        Level.WARNING,
        f"One in twenty runs of {page} took over {now.notation.duration(slow[page])} in the last hour{others}.",
        "If the processor is busy, start more server processes; else look for slow statements and misses of the cache.",
    )


def _busy(alive: Sequence[Process]) -> Verdict | None:
    """By the mean of the last minutes: a page that is drawn takes a core for a moment."""
    minutes = 5
    busy = []
    for one in alive:
        last = one.cpu_course[-minutes:]
        if one.kind == "server" and len(last) == minutes and sum(last) / minutes >= BUSY_CPU_SHARE:
            busy.append(one.name)
    if not busy:
        return None
    return Verdict(
        Level.WARNING,
        f"{listed(busy)} took a whole core for the last {minutes} minutes; a Python process computes on little more.",
        "Start more server processes behind the proxy.",
    )


def _different(alive: Sequence[Process]) -> Verdict | None:
    versions = sorted({one.version for one in alive})
    if len(versions) < 2:  # noqa: PLR2004 - there is nothing to differ from
        return None
    counts = listed(f"{version} ({sum(one.version == version for one in alive)})" for version in versions)
    return Verdict(
        Level.WARNING,
        f"The processes run different programs: {counts}.",
        "If no update is under way, bring them to one checkout and start them again.",
    )


def _well(now: Now, alive: Sequence[Process]) -> Verdict:
    sessions = sum(one.sessions for one in alive)
    running = f"{len(alive)} processes run" if len(alive) > 1 else "The one process runs"
    return Verdict(
        Level.GOOD,
        f"{running} well: {now.counted(sessions, 'page')} {'is' if sessions == 1 else 'are'} open in browsers, "
        "no request failed, and there is memory left.",
    )

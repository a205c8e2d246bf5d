"""The course of a soak, and what came of it."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.soak.changes import Changes
from bench.soak.claim import Claim
from bench.soak.history import History
from bench.soak.reader import entries
from bench.soak.trouble import Crew, Trouble, crew
from dashboard.database import Database
from dashboard.settings import Settings, variable
from tests import servers

READERS = 3

# So short and small that answers end, are renewed and have to go all the time, in memory as in Redis.
HASTE: Mapping[str, float] = {
    "cache_analytics_ttl_seconds": 4.0,
    "cache_soft_share": 0.5,
    "cache_jitter_share": 0.3,
    "cache_memory_max_bytes": 1_000_000,
    "cache_lock_seconds": 1.0,
    "redis_retry_seconds": 0.3,
    "versions_poll_seconds": 0.1,
    "statistics_flush_seconds": 1.0,
    "max_statements": 3,
}
_REDIS_ARGUMENTS = ("--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of what was done and read, and everything that must not be."""

    states: int
    changes: Mapping[str, int]
    troubles: Mapping[str, int]
    sources: Mapping[str, int]  # reads by where they were answered from
    endings: Mapping[str, int]  # readings that came to no end, for reasons that they may have
    wrong: list[str]
    torn: list[str]
    errors: list[str]

    @property
    def is_clean(self) -> bool:
        return not (self.wrong or self.torn or self.errors)


def run(url: str, folder: Path, *, seconds: float, seed: str) -> Outcome:
    """Soak for a time. The database holds the demo shop of ``tests.shop``."""
    settings = Settings(_env_file=None, data_dir=folder)
    with (
        closing(Database(url, settings)) as database,
        servers.single(folder / "valkey", *_REDIS_ARGUMENTS) as redis,
        crew(folder / "readers", _environment(url, redis.port, folder), READERS, seed) as readers,
    ):
        history = History()
        history.record(database)
        changes = Changes(database, history, random.Random(f"{seed} changes"))
        trouble = Trouble(redis, readers, random.Random(f"{seed} trouble"))
        stop = threading.Event()
        readers.await_first_reads()
        with ThreadPoolExecutor(1) as pool:
            troubling = pool.submit(trouble.make, stop)
            try:
                changes.make(time.monotonic() + seconds)
            finally:
                stop.set()
            troubling.result()
    return _judged(history, changes, trouble, readers)


def _environment(url: str, redis_port: int, folder: Path) -> dict[str, str]:
    redis_url = f"redis://127.0.0.1:{redis_port}"
    chosen = {**HASTE, "database_url": url, "redis_url": redis_url, "data_dir": folder}
    return {**os.environ, **{variable(name): str(value) for name, value in chosen.items()}}


def _judged(history: History, changes: Changes, trouble: Trouble, readers: Crew) -> Outcome:
    logged = [entry for log in readers.logs() for entry in entries(log)]
    claims = [entry for entry in logged if isinstance(entry, Claim)]
    endings = Counter(entry for entry in logged if isinstance(entry, str))
    return Outcome(
        len(history.states),
        changes.counts,
        trouble.counts,
        Counter(claim.source for claim in claims),
        {name: count for name, count in endings.items() if not name.startswith("error")},
        history.wrong(claims),
        history.torn(claims),
        [
            *readers.problems,
            *(f"{count} × {name}" for name, count in endings.items() if name.startswith("error")),
        ],
    )

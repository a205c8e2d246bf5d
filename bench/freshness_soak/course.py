"""The course of the soak: rounds of changes and trouble, each of which has to come to rest by itself."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.freshness_soak import cluster, program
from bench.freshness_soak.cluster import Cluster
from bench.freshness_soak.program import Program
from bench.freshness_soak.trouble import Trouble
from bench.freshness_soak.witness import Witness
from bench.freshness_soak.writer import CHANGED_MONTHS, Author
from bench.soak.claim import Claim
from bench.soak.reader import entries
from bench.soak.trouble import Crew, crew
from dashboard import schema
from dashboard.data import STALE
from dashboard.database import Database
from dashboard.errors import DatabaseUnavailable
from dashboard.settings import Settings, variable
from tests import servers, shop

AUTHORS, READERS = 3, 2
ROUND_SECONDS = (3.0, 8.0)
LOOK_SECONDS = 0.15  # between two looks
REST_SECONDS = 90.0  # after a round, at most
START_SECONDS = 120.0
JOBS_SECONDS = 90.0

# Versions reach readers by NOTIFY alone.
SETTINGS: Mapping[str, object] = {
    "versions_poll_seconds": 3_600.0,
    "changes_poll_seconds": 0.3,
    "cache_memory_max_bytes": 4_000_000,
    "statistics_flush_seconds": 1.0,
}
# Whoever asks while PostgreSQL is down, and has nothing to fall back on, is told so.
_MAY_BE = ("DataMoved", "Left", "error DatabaseUnavailable")
_UNDONE_JOBS = """
SELECT task || ' ' || status || ' since ' || coalesce(started_at, scheduled_at, queued_at) AS job
FROM dashboard.jobs
WHERE status = 'running' OR status = 'queued' AND coalesce(scheduled_at, queued_at) < now() - interval '5 s'
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of what was done and seen, and everything that must not be."""

    counts: Mapping[str, Mapping[str, int]]
    longest_rest_seconds: float
    problems: list[str]


def run(
    folder: Path,
    *,
    seconds: float,
    seed: str,
    troubles: int = 0,
    commands: tuple[str, ...] = ("worker", "serve"),
) -> Outcome:
    """Soak for a time, and until there was this much trouble, in an empty folder, with these programs at work."""
    with (
        cluster.running(folder / "data") as postgres,
        closing(Database(postgres.url, Settings(_env_file=None, data_dir=folder))) as database,
    ):
        schema.prepare(database)
        shop.fill(postgres.url, folder)
        soak = _Soak(folder, postgres, database, commands, random.Random(seed))
        with (
            program.running(*soak.programs),
            crew(folder / "readers", soak.environment, READERS, seed) as readers,
        ):
            soak.run(readers, time.monotonic() + seconds, troubles)
        return soak.outcome(readers)


class _Soak:
    def __init__(
        self,
        folder: Path,
        postgres: Cluster,
        database: Database,
        commands: tuple[str, ...],
        draw: random.Random,
    ) -> None:
        self._database, self._draw = database, draw
        self._port = servers.free_port()
        chosen = {**SETTINGS, "database_url": postgres.url, "data_dir": folder, "port": self._port}
        self.environment = {**os.environ, **{variable(name): str(value) for name, value in chosen.items()}}
        self.programs = [Program([name], self.environment, folder / f"{name}.log") for name in commands]
        self._authors = [Author(database, n, AUTHORS, random.Random(draw.random())) for n in range(AUTHORS)]
        self._trouble = Trouble(postgres, self.programs, random.Random(draw.random()))
        self._witness = Witness(database)
        self._rests: list[float] = []
        self._problems: list[str] = []

    def run(self, readers: Crew, until: float, troubles: int) -> None:
        self._expect(self._is_up, START_SECONDS, "the programs start")
        readers.await_first_reads()
        self._rest(readers)
        while time.monotonic() < until or self._trouble.counts.total() < troubles:
            self._round()
            self._rest(readers)
        self._expect(lambda: not self._undone_jobs(), JOBS_SECONDS, "all jobs are done", self._undone_jobs)

    def outcome(self, readers: Crew) -> Outcome:
        logged = [entry for log in readers.logs() for entry in entries(log)]
        claims = [entry for entry in logged if isinstance(entry, Claim)]
        endings = Counter(entry.split("(")[0] for entry in logged if isinstance(entry, str))
        problems = [*self._found(readers, claims, logged)]  # which counts what it compares
        counts = {
            "change": sum((author.counts for author in self._authors), Counter()),
            "trouble": self._trouble.counts,
            "started in vain": Counter({each.arguments[0]: each.vain_starts for each in self.programs}),
            "read from": Counter(claim.source for claim in claims),
            "reading ended": endings,
            "seen": Counter(self._witness.counts, states=len(self._witness.history.states)),
        }
        return Outcome(counts, max(self._rests), problems)

    def _found(self, readers: Crew, claims: list[Claim], logged: list[Claim | str]) -> Iterator[str]:
        yield from self._problems
        yield from self._witness.problems
        yield from self._witness.judge(claims)
        yield from self._changed_for_nothing()
        yield from readers.problems
        for worker in (*self._authors, *self.programs):
            yield from worker.problems
        yield from {one for one in logged if isinstance(one, str) and not one.startswith(_MAY_BE)}

    def _changed_for_nothing(self) -> Iterator[str]:
        others = [month for month in range(1, 13) if month not in CHANGED_MONTHS]
        for view in ("daily_sales_metrics", "daily_sales_by_state"):
            if not self._witness.is_at_first_version(view, others):
                yield f"months of {view} that nobody changed have new versions"

    def _round(self) -> None:
        stop = threading.Event()
        with ThreadPoolExecutor(len(self._authors) + 1) as pool, self._ended_by(stop):
            at_work = [pool.submit(author.write, stop) for author in self._authors]
            at_work.append(pool.submit(self._trouble.make, stop))
            deadline = time.monotonic() + self._draw.uniform(*ROUND_SECONDS)
            while time.monotonic() < deadline:
                self._look()
                time.sleep(LOOK_SECONDS)
            stop.set()
            for one in at_work:
                one.result()

    @staticmethod
    @contextmanager
    def _ended_by(stop: threading.Event) -> Iterator[None]:
        try:
            yield
        finally:
            stop.set()

    def _look(self) -> bool:
        """Whether all views show everything."""
        with suppress(DatabaseUnavailable):
            return not self._witness.look()
        return False

    def _is_fresh(self) -> bool:
        """Whether the programs, all of which run, have made all views show everything."""
        self._tend()
        return self._look()

    def _rest(self, readers: Crew) -> None:
        """Nobody helps: in a while all views show everything, and all readers know their versions."""
        began = time.monotonic()
        self._expect(self._is_fresh, REST_SECONDS, "the views show every change", self._in_the_way)
        self._rests.append(time.monotonic() - began)
        self._expect(self._is_up, START_SECONDS, "the programs answer")
        seen = _Seen(readers)
        self._expect(lambda: seen.is_everyone(self._knows), REST_SECONDS, "all readers know the new versions")

    def _knows(self, claim: Claim) -> bool:
        return claim.source != STALE and self._witness.is_current(claim)

    def _tend(self) -> None:
        for each in self.programs:
            each.tend()

    def _is_up(self) -> bool:
        self._tend()
        if "serve" not in (program.arguments[0] for program in self.programs):
            return True
        address = f"http://127.0.0.1:{self._port}/readyz"
        with suppress(URLError, ConnectionError, TimeoutError), urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def _in_the_way(self) -> list[str]:
        """What lacks something, which jobs are not done, and what the programs said last."""
        with suppress(DatabaseUnavailable):
            said = [f"{each.log.name}: {each.last_words()}" for each in self.programs]
            return [*self._witness.look(), *self._undone_jobs(), *said]
        return ["PostgreSQL does not answer"]

    def _undone_jobs(self) -> list[str]:
        with self._database.snapshot() as snapshot:
            return snapshot.frame(_UNDONE_JOBS)["job"].to_list()

    def _expect(
        self,
        is_so: Callable[[], bool],
        seconds: float,
        what: str,
        state: Callable[[], object] = lambda: "",
    ) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                self._problems.append(f"waited {seconds:g} s in vain until {what}: {state()}")
                return
            time.sleep(LOOK_SECONDS)


class _Seen:
    """What readers write down from now on."""

    def __init__(self, readers: Crew) -> None:
        self._readers = readers
        self._read = {log: len(list(entries(log))) for log in readers.logs()}

    def is_everyone(self, is_right: Callable[[Claim], bool]) -> bool:
        """Whether every reader made claims since this was asked last, all of which are right."""
        verdicts = []
        for log in self._readers.logs()[-len(self._readers.seats) :]:
            found = list(entries(log))
            new, self._read[log] = found[self._read.get(log, 0) :], len(found)
            claims = [entry for entry in new if isinstance(entry, Claim)]
            verdicts.append(bool(claims) and all(map(is_right, claims)))
        return all(verdicts)

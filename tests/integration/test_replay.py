"""What other lifetimes would have done, replayed from recorded reads, against a real cache that has those lifetimes."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dashboard.cache import reader as cache_reader
from dashboard.cache import store
from dashboard.cache_state import Read, Replayed, Rules, replay
from dashboard.cache_state.what_if import recorded
from dashboard.data import DATABASE, statement
from dashboard.data.question import parts_of
from dashboard.database import Database
from dashboard.settings import Settings
from dashboard.telemetry import Statistics
from dashboard.window import Span
from tests.reads import Opener, bump_months, catch_up, opening, wait_until

DAILY, WHOLE = "business/daily_sales", "business/data_span"
HOUR = 3_600.0
CLASSES = ("default", "analytics", "session")
START = datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp()


class Step(NamedTuple):
    """A read by one of two processes some seconds after the one before; ``bumped`` gets a new version first."""

    seconds: float
    process: int
    query: str
    span: Span | None
    is_fresh: bool
    is_asked: bool
    bumped: date | None


class Clock:
    """Stands still until it is put on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def steps(seed: int, number: int = 50) -> list[Step]:
    """Reads of ranges that overlap, over a day and a half."""
    draw = random.Random(seed)
    found = []
    for _ in range(number):
        first = date(2016, 9, 1) + timedelta(days=draw.randrange(500))
        days = draw.choice((20, 45, 120, 250, 400))
        query = draw.choice((DAILY, DAILY, DAILY, WHOLE))
        found.append(
            Step(
                seconds=draw.choice((61, 400, 900, 1_900, 3_000)),
                process=draw.randrange(2),
                query=query,
                span=Span(first, first + timedelta(days=days)) if query == DAILY else None,
                is_fresh=draw.random() < 0.05,
                is_asked=draw.random() < 0.9,
                bumped=date(2017, draw.randrange(1, 7), 1) if draw.random() < 0.08 else None,
            )
        )
    return found


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all that judges ages."""
    clock = Clock()

    class Faked(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(clock.now, tz)

    monkeypatch.setattr(time, "time", clock)
    for module in (statement, store, cache_reader):
        monkeypatch.setattr(module, "datetime", Faked)
    return clock


class Real:
    """Two processes over one disk cache with some lifetime, which make steps and count what that takes."""

    def __init__(self, open_data: Opener, url: str, folder: Path, clock: Clock, **chosen: Any) -> None:
        self._clock = clock
        self._both = [open_data(url, data_dir=folder, cache_jitter_share=0.0, **chosen) for _ in range(2)]
        for data in self._both:
            data.statistics = Statistics(clock)
        self.done = Replayed()

    def run(self, made: list[Step], monkeypatch: pytest.MonkeyPatch) -> Replayed:
        run = statement.Statement.run

        def counted(one: statement.Statement, keys: Any) -> Any:
            self.done.computed += sum(len(parts_of(one._parts[key])) for key in keys)
            return run(one, keys)

        self._clock.now = START
        with monkeypatch.context() as patch:
            patch.setattr(statement.Statement, "run", counted)
            for step in made:
                self._make(step)
        return self.done

    def _make(self, step: Step) -> None:
        self._clock.now += step.seconds
        if step.bumped:
            with self._both[0].database.writer() as writer:
                bump_months(writer, "daily_sales_metrics", [step.bumped])
            for data in self._both:
                catch_up(data)
        reading = self._both[step.process].reading(is_asked=step.is_asked)
        frame = reading.frame(step.query, step.span, step.is_fresh)
        wait_until(lambda: not any(data.reader._flights._flights for data in self._both), "all is renewed")
        self.done.reads += step.is_asked
        self.done.hits += step.is_asked and frame.provenance.source != DATABASE

    def flush(self, database: Database) -> None:
        for data in self._both:
            data.statistics.recording.flush(database, is_last=True)


def lifetimes(seconds: float) -> dict[str, Any]:
    return {f"cache_{name}_ttl_seconds": seconds for name in CLASSES}


def all_recorded(database: Database) -> list[Read]:
    with database.snapshot() as snapshot:
        return recorded(snapshot)


@pytest.mark.parametrize(("seed", "soft_share"), [(1, 1.0), (2, 0.8)])
def test_replay_does_what_the_cache_does_with_another_lifetime(
    database: Database,
    database_url: str,
    open_data: Opener,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    soft_share: float,
) -> None:
    made = steps(seed)
    real: dict[float, Replayed] = {}
    for seconds in (2 * HOUR, HOUR / 4, 12 * HOUR):
        process = Real(
            open_data,
            database_url,
            tmp_path / str(seconds),
            clock,
            cache_soft_share=soft_share,
            **lifetimes(seconds),
        )
        real[seconds] = process.run(made, monkeypatch)
        if len(real) == 1:  # what the others do is replayed from what was recorded with this one
            process.flush(database)
    reads = all_recorded(database)
    rules = Rules(dict.fromkeys(CLASSES, 1.0), soft_share)
    told = {seconds: replay(reads, rules.all_living(seconds)) for seconds in real}
    for seconds, done in real.items():
        replayed = told[seconds]
        assert (replayed.reads, replayed.hits, replayed.computed) == (done.reads, done.hits, done.computed), (
            seconds
        )
    assert any(one.renewed for one in told.values()) == (soft_share < 1)
    hits = [real[seconds].hits for seconds in sorted(real)]
    assert hits == sorted(hits)
    assert hits[0] < hits[-1]

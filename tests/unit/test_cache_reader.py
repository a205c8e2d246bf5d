"""One computation a question in a process, renewed before it ends, cancelled when nobody waits."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dashboard.cache import Hit, Key, Miss, Reader, Value, key, open_levels
from dashboard.settings import Settings
from tests.answers import answer
from tests.servers import wait_until

KEY, OTHER, THIRD = (
    key("business/daily_sales", 1),
    key("business/daily_sales", 2),
    key("business/daily_sales", 3),
)
READERS = 40


class Computing:
    """Makes computations, and knows what became of them."""

    def __init__(self, outcome: Callable[[Key], Value] | Exception | None = None) -> None:
        self.outcome = outcome or (lambda key: answer(version=key.version))
        self.runs: list[tuple[Key, ...]] = []
        self.may_end = threading.Event()
        self.may_end.set()
        self.cancelled = threading.Event()

    def __call__(self) -> "Computing":
        return self

    def run(self, keys: Sequence[Key]) -> Mapping[Key, Value]:
        self.runs.append(tuple(keys))
        wait_until(lambda: self.may_end.is_set() or self.cancelled.is_set(), "it may end")
        if self.cancelled.is_set():
            raise InterruptedError("nobody waits")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return {key: self.outcome(key) for key in keys}

    def cancel(self) -> None:
        self.cancelled.set()

    def is_running(self, times: int = 1) -> bool:
        return len(self.runs) == times


class Left(Exception):
    """A reader wants no more."""


@pytest.fixture
def open_reader(tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    with ExitStack() as stack:

        def opened(while_waiting: Callable[[], None] = lambda: None, **chosen: Any) -> Reader:
            settings = Settings(_env_file=None, **{"cache": "memory", "data_dir": tmp_path, **chosen})
            reader = Reader(open_levels(settings), settings, while_waiting)
            stack.callback(reader.close)
            return reader

        yield opened


@pytest.fixture
def reader(open_reader: Callable[..., Reader]) -> Reader:
    return open_reader()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(READERS) as pool:
        yield pool


def kept(reader: Reader, key: Key) -> Value | None:
    found = reader.look([key], Computing())[key]
    return found.value if isinstance(found, Hit) else None


def keep(reader: Reader, key: Key, age_seconds: float, ttl_seconds: float = 100.0) -> Value:
    created = datetime.now(UTC) - timedelta(seconds=age_seconds)
    value = answer(version=key.version, created=created, ttl_seconds=ttl_seconds)
    reader.levels.keep({key: value})
    return value


def test_what_is_missing_is_computed_once_for_all_who_ask(reader: Reader, pool: ThreadPoolExecutor) -> None:
    computing = Computing()
    computing.may_end.clear()
    asked = [pool.submit(reader.obtain, [KEY], computing) for _ in range(READERS)]
    wait_until(computing.is_running, "it is computed")
    computing.may_end.set()
    values = [future.result()[0][KEY] for future in asked]
    assert all(value is values[0] for value in values)
    assert computing.runs == [(KEY,)]


def test_who_asks_later_finds_it(reader: Reader) -> None:
    computing = Computing()
    for _ in range(2):
        reader.obtain([KEY], computing)
    assert computing.runs == [(KEY,)]
    assert kept(reader, KEY) is not None


def test_an_answer_that_comes_as_patience_ends_is_an_answer(
    open_reader: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    computing = Computing()
    computing.may_end.clear()

    class Landing(Future[Any]):
        """Lands just after somebody has waited in vain."""

        def result(self, timeout: float | None = None) -> Any:
            if timeout is None:
                return super().result()
            computing.may_end.set()
            super().result()
            raise TimeoutError

    monkeypatch.setattr("dashboard.cache.flight.Future", Landing)
    reader = open_reader(while_waiting=computing.may_end.set)
    assert reader.obtain([KEY], computing)[0].keys() == {KEY}


def test_a_reader_computes_only_what_nobody_else_does(reader: Reader, pool: ThreadPoolExecutor) -> None:
    slow, quick = Computing(), Computing()
    slow.may_end.clear()
    first = pool.submit(reader.obtain, [KEY, OTHER], slow)
    wait_until(slow.is_running, "it is computed")
    second = pool.submit(reader.obtain, [OTHER, THIRD], quick)
    wait_until(quick.is_running, "the rest is computed")
    slow.may_end.set()
    assert first.result()[0].keys() == {KEY, OTHER}
    values, owed = second.result()
    assert values.keys() == {OTHER, THIRD}
    assert owed == {OTHER: ""}
    assert (slow.runs, quick.runs) == ([(KEY, OTHER)], [(THIRD,)])


def test_an_error_reaches_all_who_wait_once_and_is_not_kept(reader: Reader, pool: ThreadPoolExecutor) -> None:
    error = ZeroDivisionError("no sales")
    failing = Computing(error)
    failing.may_end.clear()
    asked = [pool.submit(reader.obtain, [KEY], failing) for _ in range(READERS)]
    wait_until(failing.is_running, "it is computed")
    failing.may_end.set()
    assert all(future.exception() is error for future in asked)
    assert len(failing.runs) == 1
    values, _ = reader.obtain([KEY], Computing())
    assert values[KEY].rows.item() == 49


def test_the_last_reader_who_leaves_cancels(
    open_reader: Callable[..., Reader], pool: ThreadPoolExecutor
) -> None:
    leaving: set[int] = set()

    def while_waiting() -> None:
        if threading.get_ident() in leaving:
            raise Left

    reader, computing = open_reader(while_waiting), Computing()
    computing.may_end.clear()
    threads: list[int] = []

    def read() -> None:
        threads.append(threading.get_ident())
        reader.obtain([KEY], computing)

    readers = [pool.submit(read) for _ in range(2)]
    wait_until(lambda: len(threads) == 2 and computing.is_running(), "both wait")
    leaving.add(threads[0])
    wait_until(lambda: any(reader.done() for reader in readers), "one has left")
    assert not computing.cancelled.is_set()
    leaving.add(threads[1])
    wait_until(computing.cancelled.is_set, "it is cancelled")
    assert all(isinstance(reader.exception(), Left) for reader in readers)
    values, _ = reader.obtain([KEY], Computing())
    assert values[KEY].rows.item() == 49


def test_what_is_past_its_soft_age_is_served_and_renewed_once(
    reader: Reader, pool: ThreadPoolExecutor
) -> None:
    old, renewing = keep(reader, KEY, age_seconds=81), Computing()
    renewing.may_end.clear()
    for found in pool.map(lambda _: reader.look([KEY], renewing)[KEY], range(READERS)):
        assert isinstance(found, Hit)
        assert found.value is old
    assert reader.recall(KEY) is None
    renewing.may_end.set()
    wait_until(lambda: reader.recall(KEY) is not None, "it is renewed")
    assert len(renewing.runs) == 1


def test_what_is_young_is_left_alone(reader: Reader) -> None:
    young, renewing = keep(reader, KEY, age_seconds=79), Computing()
    assert reader.look([KEY], renewing)[KEY] == Hit(young, "memory")
    assert reader.recall(KEY) is young
    assert renewing.runs == []


def test_a_renewal_that_fails_is_not_tried_again_at_once(
    reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    keep(reader, KEY, age_seconds=90)
    failing = Computing(ZeroDivisionError("no sales"))
    reader.look([KEY], failing)
    wait_until(lambda: "could not be renewed" in caplog.text, "it has failed")
    for _ in range(10):
        assert isinstance(reader.look([KEY], failing)[KEY], Hit)
    assert len(failing.runs) == 1


def test_past_its_lifetime_it_is_a_miss(reader: Reader) -> None:
    keep(reader, KEY, age_seconds=101)
    assert isinstance(reader.look([KEY], Computing())[KEY], Miss)


def test_lifetimes_are_shortened_by_up_to_the_jitter(open_reader: Callable[..., Reader]) -> None:
    reader = open_reader(cache_jitter_share=0.5)
    keys = [key("business/daily_sales", n) for n in range(50)]
    lifetimes = [reader.obtain([one], Computing())[0][one].ttl_seconds for one in keys]
    assert all(1_800 < lifetime <= 3_600 for lifetime in lifetimes)
    assert len(set(lifetimes)) > 40
    together, _ = reader.obtain(keys, Computing(), is_fresh=True)
    assert len({value.ttl_seconds for value in together.values()}) == 1


def test_a_fresh_read_computes_what_is_there_and_replaces_it(reader: Reader) -> None:
    reader.obtain([KEY], Computing())
    newer = pl.DataFrame({"orders": [50]})
    reader.obtain([KEY], Computing(lambda key: answer(newer, version=key.version)), is_fresh=True)
    value = kept(reader, KEY)
    assert value is not None
    assert value.rows.item() == 50


def test_an_answer_is_kept_under_the_version_that_it_is_of(reader: Reader) -> None:
    values, _ = reader.obtain([KEY.at(7)], Computing(lambda _: answer(version=6)))
    assert values[KEY.at(7)].version == 6
    assert kept(reader, KEY.at(7)) is None
    assert kept(reader, KEY.at(6)) is not None

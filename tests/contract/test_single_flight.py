"""One computation a question among processes that share a store, whatever becomes of who computes."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dashboard.cache import Hit, Key, Locks, Reader, Value, key, open_levels
from dashboard.errors import ComputationFailed, StatementTimeout
from dashboard.settings import ROOT, Settings
from tests.answers import answer
from tests.servers import wait_until

Opener = Callable[..., Reader]

PROCESSES, THREADS = 4, 50
SOON_SECONDS = 0.3


class Computing:
    """Waits until it may end, then answers or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.runs: list[tuple[Key, ...]] = []
        self.may_end = threading.Event()

    def __call__(self) -> "Computing":
        return self

    def run(self, keys: Sequence[Key]) -> Mapping[Key, Value]:
        self.runs.append(tuple(keys))
        assert self.may_end.wait(60)
        if self.error:
            raise self.error
        return {key: answer(version=key.version) for key in keys}

    def cancel(self) -> None:
        self.may_end.set()


@pytest.fixture(params=["disk", "redis", "cluster", "sentinel"])
def url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "disk" else str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def open_reader(url: str, tmp_path: Path) -> Iterator[Opener]:
    """Open a reader with a memory of its own, as another process would."""
    with ExitStack() as stack:

        def opened(lock_seconds: float = 60.0) -> Reader:
            settings = Settings(
                _env_file=None,
                REDIS_URL=url or None,
                data_dir=tmp_path,
                redis_timeout_seconds=2.0,
                cache_lock_seconds=lock_seconds,
            )
            reader = Reader(open_levels(settings), settings)
            stack.callback(reader.close)
            return reader

        yield opened


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def asked(tag: str) -> Key:
    return key(tag, version=3)


def waits(
    pool: ThreadPoolExecutor, reader: Reader, asked: Key, computing: Computing
) -> Future[tuple[dict[Key, Value], dict[Key, str]]]:
    return pool.submit(reader.obtain, [asked], computing)


def asking_for_locks(reader: Reader) -> threading.Event:
    """Set once the reader knows who has the locks that it wants."""
    lock, known = reader.levels.lock, threading.Event()

    @contextmanager
    def watched(keys: Sequence[Key], lifetime_seconds: float) -> Iterator[Locks]:
        with lock(keys, lifetime_seconds) as locks:
            known.set()
            yield locks

    reader.levels.lock = watched  # type: ignore[method-assign]
    return known


def test_who_waits_gets_the_answer_of_the_process_that_computes(
    open_reader: Opener, pool: ThreadPoolExecutor, asked: Key
) -> None:
    mine, theirs = Computing(), Computing()
    first = waits(pool, open_reader(), asked, mine)
    wait_until(lambda: bool(mine.runs), "it is computed")
    second = waits(pool, open_reader(), asked, theirs)
    mine.may_end.set()
    assert first.result()[0][asked].rows.equals(second.result()[0][asked].rows)
    assert second.result()[1][asked] in ("disk", "redis")
    assert theirs.runs == []


def test_who_waits_gets_the_error_of_the_process_that_computes(
    open_reader: Opener, pool: ThreadPoolExecutor, asked: Key
) -> None:
    failing, theirs = Computing(StatementTimeout("It took too long.")), Computing()
    first = waits(pool, open_reader(), asked, failing)
    wait_until(lambda: bool(failing.runs), "it is computed")
    reader = open_reader()
    has_seen_the_lock = asking_for_locks(reader)
    second = waits(pool, reader, asked, theirs)
    assert has_seen_the_lock.wait(60)
    failing.may_end.set()
    theirs.may_end.set()
    assert isinstance(first.exception(), StatementTimeout)
    assert isinstance(second.exception(), StatementTimeout)
    assert str(second.exception()) == "It took too long."
    assert theirs.runs == []
    later = Computing()
    later.may_end.set()
    assert reader.obtain([asked], later)[0][asked].rows.item() == 49


def test_a_stranger_s_error_says_where_it_comes_from(
    open_reader: Opener, pool: ThreadPoolExecutor, asked: Key
) -> None:
    failing = Computing(ZeroDivisionError("no sales"))
    waits(pool, open_reader(), asked, failing)
    wait_until(lambda: bool(failing.runs), "it is computed")
    reader = open_reader()
    has_seen_the_lock = asking_for_locks(reader)
    second = waits(pool, reader, asked, Computing())
    assert has_seen_the_lock.wait(60)
    failing.may_end.set()
    assert isinstance(second.exception(), ComputationFailed)
    assert "ZeroDivisionError" in str(second.exception())
    assert "no sales" in str(second.exception())


def test_a_given_up_computation_is_taken_over(
    open_reader: Opener, pool: ThreadPoolExecutor, asked: Key
) -> None:
    owner, given_up, theirs = open_reader(), Computing(InterruptedError()), Computing()
    theirs.may_end.set()
    waits(pool, owner, asked, given_up)
    wait_until(lambda: bool(given_up.runs), "it is computed")
    second = waits(pool, open_reader(), asked, theirs)
    owner._flights.abandon()
    assert second.result()[0][asked].rows.item() == 49
    assert len(theirs.runs) == 1


def test_processes_that_want_some_of_the_same_compute_each_once(
    open_reader: Opener, pool: ThreadPoolExecutor, tag: str
) -> None:
    keys = [key(tag, n) for n in range(5)]
    mine, theirs = Computing(), Computing()
    first = pool.submit(open_reader().obtain, keys[:3], mine)
    wait_until(lambda: bool(mine.runs), "some are computed")
    second = pool.submit(open_reader().obtain, keys[1:], theirs)
    wait_until(lambda: bool(theirs.runs), "the rest is computed")
    mine.may_end.set()
    theirs.may_end.set()
    assert [*first.result()[0]] == keys[:3]
    assert {*second.result()[0]} == {*keys[1:]}
    assert (mine.runs, theirs.runs) == ([(*keys[:3],)], [(*keys[3:],)])


def test_what_one_process_renewed_the_other_takes_over(
    open_reader: Opener, pool: ThreadPoolExecutor, asked: Key
) -> None:
    one, other = open_reader(), open_reader()
    created = datetime.now(UTC) - timedelta(seconds=90)
    one.levels.keep({asked: answer(version=3, created=created, ttl_seconds=100.0)})
    renewing, idle = Computing(), Computing()
    renewing.may_end.set()
    assert isinstance(other.look([asked], renewing)[asked], Hit)
    wait_until(lambda: other.recall(asked) is not None, "it is renewed")
    assert isinstance(one.look([asked], idle)[asked], Hit)
    wait_until(lambda: one.recall(asked) is not None, "it is taken over")
    assert (len(renewing.runs), idle.runs) == (1, [])


_PROCESS = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from dashboard.cache import Reader, key, open_levels
from dashboard.settings import Settings
from tests.answers import answer

folder, url, tag, threads, lock_seconds = sys.argv[1:6]
settings = Settings(_env_file=None, REDIS_URL=url or None, data_dir=folder, redis_timeout_seconds=5.0,
                    cache_lock_seconds=float(lock_seconds))
reader = Reader(open_levels(settings), settings)
runs = Path(folder) / "runs"

class Computing:
    def run(self, keys):
        with runs.open("a") as log:
            log.write("run\\n")
        if lock_seconds != "60":
            print("computing", flush=True)
            time.sleep(600)
        time.sleep(0.5)
        return {key: answer(version=key.version) for key in keys}
    def cancel(self):
        pass

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(int(threads)) as pool:
    found = [*pool.map(lambda _: reader.obtain([key(tag)], Computing)[0][key(tag)], range(int(threads)))]
assert all(value.rows.item() == 49 for value in found)
print(len(found), flush=True)
reader.close()
"""


def started(folder: Path, url: str, tag: str, threads: int, lock_seconds: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROCESS, str(folder), url, tag, str(threads), lock_seconds],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_hundred_readers_in_four_processes_cause_one_computation(
    url: str, tmp_path: Path, tag: str
) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(started(tmp_path, url, tag, THREADS, "60")) for _ in range(PROCESSES)
        ]
        assert [told(process) for process in processes] == ["ready"] * PROCESSES
        for process in processes:
            go(process)
        assert [told(process) for process in processes] == [str(THREADS)] * PROCESSES
        for process in processes:
            process.communicate()
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_killed_owner_delays_the_others_by_the_lock_s_lifetime_at_most(
    url: str, open_reader: Opener, tmp_path: Path, tag: str
) -> None:
    with started(tmp_path, url, tag, 1, str(SOON_SECONDS)) as owner:
        assert told(owner) == "ready"
        go(owner)
        assert told(owner) == "computing"
        owner.kill()
    computing = Computing()
    computing.may_end.set()
    values, owed = open_reader(SOON_SECONDS).obtain([key(tag)], computing)
    assert values[key(tag)].rows.equals(pl.DataFrame({"orders": [49]}))
    assert owed == {}

"""What every backend of the cache does, held against each of them."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dashboard.cache import NOT_KEPT, Backend, Miss, Reason, Value, key
from dashboard.settings import ROOT
from tests.answers import ALL_TYPES, answer, found, hit, miss, same, store
from tests.servers import wait_until

Opener = Callable[..., Backend]

KEEPING = ["disk", "redis", "cluster", "sentinel"]


@pytest.fixture(params=KEEPING)
def reopen(request: pytest.FixtureRequest, open_store: Opener) -> Opener:
    """Opens the same store once more, as another process would."""
    if request.param == "disk":
        return open_store
    url = request.getfixturevalue(f"{request.param}_url")
    return lambda **chosen: open_store(redis_url=url, **chosen)


@pytest.fixture
def cache(reopen: Opener) -> Backend:
    return reopen()


@pytest.fixture(params=["null", *KEEPING])
def any_cache(request: pytest.FixtureRequest, open_store: Opener) -> Backend:
    match request.param:
        case "null":
            return open_store(cache="null")
        case "disk":
            return open_store()
        case server:
            return open_store(redis_url=request.getfixturevalue(f"{server}_url"))


def test_what_nobody_stored_is_a_cold_miss(any_cache: Backend, tag: str) -> None:
    assert miss(any_cache, key(tag)).reason is Reason.COLD
    assert any_cache.stats().misses == {Reason.COLD: 1}


def test_nothing_is_asked_and_nothing_answered(any_cache: Backend) -> None:
    assert any_cache.get_many([]) == []
    any_cache.set_many({})
    assert any_cache.stats().faults == {}


def test_an_answer_that_must_not_be_kept_is_not(any_cache: Backend, tag: str) -> None:
    any_cache.set_many({key(tag): answer(NOT_KEPT)})
    assert miss(any_cache, key(tag)).reason is Reason.COLD


def test_somebody_may_compute_and_an_error_on_the_way_passes_through(any_cache: Backend, tag: str) -> None:
    with pytest.raises(ZeroDivisionError), any_cache.lock(key(tag), 60):
        _ = 1 / 0
    with any_cache.lock(key(tag), 60) as is_mine:
        assert is_mine


def test_a_tag_that_redis_would_misread_is_refused(any_cache: Backend) -> None:
    for bad in ("", "a b", "{a}", "a*", "ação"):
        with pytest.raises(ValueError, match="no cache tag"):
            any_cache.invalidate(bad)


def test_an_invalidated_tag_has_nothing_to_serve(any_cache: Backend, tag: str) -> None:
    store(any_cache, key(tag))
    any_cache.invalidate(tag)
    assert isinstance(found(any_cache, key(tag)), Miss)


def test_null_keeps_nothing_and_says_so(open_store: Opener, tag: str) -> None:
    cache = open_store(cache="null")
    store(cache, key(tag))
    assert miss(cache, key(tag)) == Miss(Reason.COLD, NOT_KEPT)
    with cache.lock(key(tag), 60) as mine, cache.lock(key(tag), 60) as yours:
        assert mine
        assert yours
    assert (cache.stats().backend, cache.stats().entries, cache.stats().stored) == ("null", 0, 0)


def test_an_answer_comes_back_with_all_that_is_known_of_it(cache: Backend, tag: str) -> None:
    kept = store(cache, key(tag), ALL_TYPES, data_through=date(2018, 9, 3))
    assert same(hit(cache, key(tag)), kept)


@pytest.mark.parametrize("rows", [pl.DataFrame(), ALL_TYPES.clear(), pl.concat([ALL_TYPES] * 5_000)])
def test_frames_without_columns_without_rows_and_with_many_come_back(
    cache: Backend, tag: str, rows: pl.DataFrame
) -> None:
    kept = store(cache, key(tag), rows)
    assert same(hit(cache, key(tag)), kept)


def test_answers_come_in_the_order_of_the_keys(cache: Backend, tag: str) -> None:
    keys = [key(f"{tag}/{n % 3}", n) for n in range(12)]
    for n in range(0, 12, 2):
        store(cache, keys[n], pl.DataFrame({"n": [n]}))
    asked = [*reversed(keys), keys[0]]
    rows = [one.rows.item() if isinstance(one, Value) else one.reason for one in cache.get_many(asked)]
    assert rows == [n if n % 2 == 0 else Reason.COLD for n in range(11, -1, -1)] + [0]


def test_many_answers_are_stored_at_once(cache: Backend, tag: str) -> None:
    keys = [key(f"{tag}/{n % 3}", n) for n in range(12)]
    found = zip(keys, cache.get_many(keys), strict=True)
    cache.set_many({key: answer(one.generation, version=n) for n, (key, one) in enumerate(found)})
    assert [one.version for one in cache.get_many(keys) if isinstance(one, Value)] == list(range(12))
    assert cache.stats().stored == 12


def test_a_newer_answer_replaces_the_older(cache: Backend, tag: str) -> None:
    store(cache, key(tag), version=1)
    store(cache, key(tag), version=2)
    assert hit(cache, key(tag)).version == 2


def test_another_process_sees_what_this_one_stored_and_invalidates_it(
    reopen: Opener, cache: Backend, tag: str
) -> None:
    other = reopen()
    kept = store(cache, key(tag))
    assert same(hit(other, key(tag)), kept)
    other.invalidate(tag)
    assert miss(cache, key(tag)).reason is Reason.VERSION


def test_what_was_stored_outlives_its_process(reopen: Opener, cache: Backend, tag: str) -> None:
    kept = store(cache, key(tag))
    cache.close()
    assert same(hit(reopen(), key(tag)), kept)


def test_an_expired_answer_is_a_miss_that_carries_it(cache: Backend, tag: str) -> None:
    old = store(cache, key(tag), created=datetime.now(UTC) - timedelta(seconds=61), ttl_seconds=60.0)
    expired = miss(cache, key(tag))
    assert (expired.reason, expired.generation) == (Reason.EXPIRED, old.generation)
    assert expired.stale is not None
    assert same(expired.stale, old)


def test_an_expired_answer_is_gone_after_a_while(reopen: Opener, tag: str) -> None:
    cache = reopen(cache_max_stale_seconds=0.05)
    before = store(cache, key(tag), ttl_seconds=0.05)
    wait_until(lambda: found(cache, key(tag)) == Miss(Reason.COLD, before.generation), "it is gone")


def test_invalidation_is_a_miss_of_its_own_kind_and_for_its_tag_only(cache: Backend, tag: str) -> None:
    store(cache, key(tag, 1))
    store(cache, key(tag, 2))
    store(cache, key(f"{tag}_other"))
    cache.invalidate(tag)
    again = cache.get_many([key(tag, 1), key(tag, 2), key(f"{tag}_other")])
    assert [type(one) for one in again] == [Miss, Miss, Value]
    assert miss(cache, key(tag, 1)) == Miss(Reason.VERSION, again[0].generation)


def test_an_answer_that_an_invalidation_overtook_is_never_served(cache: Backend, tag: str) -> None:
    before = found(cache, key(tag))
    cache.invalidate(tag)
    cache.set_many({key(tag): answer(before.generation, version=1)})
    assert miss(cache, key(tag)).reason is Reason.VERSION
    store(cache, key(tag), version=2)
    cache.set_many({key(tag): answer(before.generation, version=1)})
    assert miss(cache, key(tag)).reason is Reason.VERSION


def test_a_renewed_answer_carries_on_the_generation_of_the_hit(cache: Backend, tag: str) -> None:
    store(cache, key(tag), version=1)
    before = hit(cache, key(tag))
    cache.set_many({key(tag): answer(before.generation, version=2)})
    assert hit(cache, key(tag)).version == 2


def test_invalidating_what_nobody_read_is_no_error(cache: Backend, tag: str) -> None:
    cache.invalidate(tag)
    cache.invalidate(tag)
    store(cache, key(tag))
    assert hit(cache, key(tag)).version == 7


def test_one_reader_has_the_lock_and_the_others_know(reopen: Opener, cache: Backend, tag: str) -> None:
    other = reopen()
    with cache.lock(key(tag), 60) as mine:
        assert mine
        with other.lock(key(tag), 60) as yours, other.lock(key(tag, "else"), 60) as elsewhere:
            assert not yours
            assert elsewhere
        with other.lock(key(tag), 60) as yours:
            assert not yours  # leaving without the lock did not release it
    with other.lock(key(tag), 60) as yours:
        assert yours


def test_a_dead_owner_keeps_the_lock_for_its_lifetime_only(reopen: Opener, cache: Backend, tag: str) -> None:
    other = reopen()

    def is_free() -> bool:
        with other.lock(key(tag), 60) as yours:
            return yours

    with cache.lock(key(tag), 0.1):
        wait_until(is_free, "the lock's lifetime is over")


def test_a_late_owner_does_not_release_another_s_lock(reopen: Opener, cache: Backend, tag: str) -> None:
    other, third = reopen(), reopen()
    with ExitStack() as holding:
        with cache.lock(key(tag), 0.05) as mine:
            assert mine
            wait_until(lambda: holding.enter_context(other.lock(key(tag), 60)), "another has the lock")
        with third.lock(key(tag), 60) as yours:
            assert not yours


def test_threads_share_a_cache(cache: Backend, tag: str) -> None:
    start = threading.Barrier(8)

    def work(n: int) -> list[int]:
        start.wait()
        for turn in range(5):
            store(cache, key(tag, n, turn), version=n)
        return [hit(cache, key(tag, n, turn)).version for turn in range(5)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[n] * 5 for n in range(8)]
    assert cache.stats().faults == {}


def test_statistics_tell_hits_and_misses_by_reason(cache: Backend, tag: str) -> None:
    store(cache, key(tag))
    hit(cache, key(tag))
    cache.invalidate(tag)
    miss(cache, key(tag))
    stats = cache.stats()
    assert (stats.hits, stats.stored) == (1, 1)
    assert stats.misses == {Reason.COLD: 1, Reason.VERSION: 1}
    assert stats.is_available
    assert stats.entries is not None
    assert stats.entries >= 1
    assert stats.size_bytes is not None
    assert stats.size_bytes > 0


_WORK = """
import sys
from dashboard.cache import key, open_cache
from dashboard.settings import Settings
from dashboard.settings import ROOT
from tests.answers import hit, store

cache = open_cache(Settings(_env_file=None, data_dir=sys.argv[1]))
for n in range(50):
    store(cache, key("shared", sys.argv[2], n), version=n)
    assert hit(cache, key("shared", sys.argv[2], n)).version == n
assert cache.stats().faults == {}, cache.stats()
"""


def test_processes_that_start_together_share_the_disk(open_store: Opener, tmp_path: Path) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", _WORK, str(tmp_path / "data"), str(n)], cwd=ROOT)
        for n in range(2)
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    cache = open_store()
    assert [hit(cache, key("shared", str(worker), 49)).version for worker in range(2)] == [49, 49]

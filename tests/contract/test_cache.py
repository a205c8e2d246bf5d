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

from dashboard.cache import Backend, Key, Locks, Miss, Reason, Value, key
from dashboard.cache.redis_url import connect, parse
from dashboard.cache.store import Store, StoreCache
from dashboard.cache.value import FORMAT
from dashboard.settings import ROOT
from tests.answers import ALL_TYPES, answer, found, hit, last_good, miss, same, store
from tests.contract.conftest import SERVERS, SHARED, Opener, opener
from tests.servers import wait_until

DEAD_OWNER = b"16 bytes, a dead"


@pytest.fixture(params=SHARED)
def reopen_shared(request: pytest.FixtureRequest) -> Opener:
    return opener(request.param, request)


def store_of(cache: Backend) -> Store:
    assert isinstance(cache, StoreCache)
    return cache._store


def long_ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def reasons(cache: Backend, keys: list[Key]) -> list[Reason | int]:
    """Of each miss; of a hit its version."""
    return [one.version if isinstance(one, Value) else one.reason for one in cache.get_many(keys)]


def test_what_nobody_stored_is_a_cold_miss_and_was_never_good(any_cache: Backend, tag: str) -> None:
    assert miss(any_cache, key(tag)) == Miss(Reason.COLD)
    assert last_good(any_cache, key(tag)) is None
    assert any_cache.stats().misses == {Reason.COLD: 1}


def test_nothing_is_asked_and_nothing_answered(any_cache: Backend) -> None:
    assert any_cache.get_many([]) == []
    assert any_cache.last_good([]) == []
    any_cache.set_many({})
    with any_cache.lock([], 60) as locks:
        assert (locks.mine, locks.owners) == (frozenset(), {})
    assert any_cache.stats().faults == {}


def test_somebody_may_compute_and_an_error_on_the_way_passes_through(any_cache: Backend, tag: str) -> None:
    with pytest.raises(ZeroDivisionError), any_cache.lock([key(tag)], 60):
        _ = 1 / 0
    with any_cache.lock([key(tag)], 60) as locks:
        assert locks.mine == {key(tag)}


def test_null_keeps_nothing_and_says_so(open_store: Opener, tag: str) -> None:
    cache = open_store(cache="null")
    store(cache, key(tag))
    assert miss(cache, key(tag)) == Miss(Reason.COLD)
    assert last_good(cache, key(tag)) is None
    with cache.lock([key(tag)], 60) as mine, cache.lock([key(tag)], 60) as yours:
        assert mine.mine == yours.mine == {key(tag)}
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
    cache.set_many({keys[n]: answer(version=n) for n in range(0, 12, 2)})
    asked = [*reversed(keys), keys[0]]
    assert reasons(cache, asked) == [n if n % 2 == 0 else Reason.COLD for n in range(11, -1, -1)] + [0]
    assert [one and one.version for one in cache.last_good(asked)] == [
        n if n % 2 == 0 else None for n in range(11, -1, -1)
    ] + [0]


def test_many_answers_are_stored_at_once(cache: Backend, tag: str) -> None:
    keys = [key(f"{tag}/{n % 3}", n) for n in range(12)]
    cache.set_many({key: answer(version=n) for n, key in enumerate(keys)})
    assert reasons(cache, keys) == list(range(12))
    assert cache.stats().stored == 12


def test_a_newer_answer_replaces_the_older(cache: Backend, tag: str) -> None:
    store(cache, key(tag), version=1)
    store(cache, key(tag), version=2)
    assert hit(cache, key(tag)).version == 2


def test_another_process_sees_what_this_one_stored(reopen: Opener, cache: Backend, tag: str) -> None:
    other = reopen()
    kept = store(cache, key(tag))
    assert same(hit(other, key(tag)), kept)


def test_what_was_stored_outlives_its_process(reopen: Opener, cache: Backend, tag: str) -> None:
    kept = store(cache, key(tag))
    cache.close()
    assert same(hit(reopen(), key(tag)), kept)


def test_an_answer_of_another_state_of_the_data_is_not_served_but_told_of(cache: Backend, tag: str) -> None:
    asked = key(tag, version=4)
    store(cache, asked)
    assert reasons(cache, [asked.at(5), asked.at(3), asked]) == [Reason.VERSION, Reason.VERSION, 7]


def test_answers_of_two_states_are_kept_side_by_side(cache: Backend, tag: str) -> None:
    for version in (4, 5):
        store(cache, key(tag, version=version), version=version)
    assert reasons(cache, [key(tag, version=4), key(tag, version=5)]) == [4, 5]


def test_the_last_good_answer_is_the_one_stored_last_whatever_its_version(cache: Backend, tag: str) -> None:
    for version in (4, 6, 5):
        store(cache, key(tag, version=version), version=version)
    assert [one and one.version for one in cache.last_good([key(tag, version=n) for n in (4, 5, 9)])] == [
        5
    ] * 3


def test_an_expired_answer_is_a_miss_and_still_the_last_good_one(cache: Backend, tag: str) -> None:
    old = store(cache, key(tag), created=long_ago(61), ttl_seconds=60.0)
    assert miss(cache, key(tag)) == Miss(Reason.EXPIRED)
    good = last_good(cache, key(tag, version=1))
    assert good is not None
    assert same(good, old)


def test_the_last_good_answer_is_served_within_its_bound_only(reopen: Opener, tag: str) -> None:
    cache = reopen(cache_max_stale_seconds=60.0)
    for n, age in enumerate((119, 121)):
        store(cache, key(tag, n), created=long_ago(age), ttl_seconds=60.0)
    within, beyond = cache.last_good([key(tag, 0), key(tag, 1)])
    assert within is not None
    assert beyond is None


def test_another_process_holds_the_bound_of_its_own_settings(reopen_shared: Opener, tag: str) -> None:
    store(reopen_shared(), key(tag), created=long_ago(121), ttl_seconds=60.0)
    assert last_good(reopen_shared(), key(tag)) is not None
    assert last_good(reopen_shared(cache_max_stale_seconds=60.0), key(tag)) is None


def test_nothing_is_left_of_an_answer_after_a_while(reopen: Opener, tag: str) -> None:
    cache = reopen(cache_max_stale_seconds=0.05)
    store(cache, key(tag), ttl_seconds=0.05)
    wait_until(lambda: found(cache, key(tag)) == Miss(Reason.COLD), "it is gone")
    assert found(cache, key(tag, version=1)) == Miss(Reason.COLD)
    assert last_good(cache, key(tag)) is None


@pytest.mark.parametrize("name", SERVERS)
def test_what_a_server_had_no_room_for_is_told_from_what_was_never_there(
    name: str, request: pytest.FixtureRequest, tag: str
) -> None:
    cache = opener(name, request)()
    keys = [key(tag, n, version=4) for n in range(4)]
    cache.set_many({one: answer() for one in keys})
    store(cache, keys[1], created=long_ago(61), ttl_seconds=60.0)
    store(cache, keys[2].at(5))
    connection = connect(parse(request.getfixturevalue(f"{name}_url")), 2.0)
    for one in keys[:3]:
        assert connection.client.delete(f"daybook:{FORMAT}:{{{tag}}}:{one.digest}:{one.version}") == 1
    connection.close()
    assert reasons(cache, [*keys, key(tag)]) == [
        Reason.EVICTED,
        Reason.EXPIRED,
        Reason.VERSION,
        7,
        Reason.COLD,
    ]
    assert last_good(cache, keys[0]) is None


def test_statistics_tell_hits_and_misses_by_reason(cache: Backend, tag: str) -> None:
    store(cache, key(tag))
    store(cache, key(tag, "old"), created=long_ago(61), ttl_seconds=60.0)
    reasons(cache, [key(tag), key(tag), key(tag, version=1), key(tag, "old"), key(tag, "cold")])
    stats = cache.stats()
    assert (stats.hits, stats.stored) == (2, 2)
    assert stats.misses == {Reason.COLD: 1, Reason.VERSION: 1, Reason.EXPIRED: 1}
    assert stats.is_available
    assert stats.entries is not None
    assert stats.entries >= 2
    assert stats.size_bytes is not None
    assert stats.size_bytes > 0


def test_one_reader_has_the_lock_and_the_others_know_who(reopen: Opener, cache: Backend, tag: str) -> None:
    other = reopen()
    with cache.lock([key(tag)], 60) as mine:
        assert (mine.mine, mine.owners) == ({key(tag)}, {})
        for _ in range(2):  # leaving without the lock does not release it
            with other.lock([key(tag)], 60) as yours:
                assert (yours.mine, yours.owners) == (frozenset(), {key(tag): mine.token})
        with other.lock([key(tag, "else")], 60) as elsewhere:
            assert elsewhere.mine
    with other.lock([key(tag)], 60) as yours:
        assert yours.mine == {key(tag)}


def test_a_lock_is_for_one_state_of_the_data(cache: Backend, tag: str) -> None:
    with cache.lock([key(tag, version=4)], 60), cache.lock([key(tag, version=5)], 60) as locks:
        assert locks.mine == {key(tag, version=5)}


def test_many_locks_are_asked_for_at_once_and_each_has_its_owner(
    reopen: Opener, cache: Backend, tag: str
) -> None:
    keys = [key(f"{tag}/{n % 3}", n) for n in range(6)]
    other, third = reopen(), reopen()
    with cache.lock(keys[:2], 60) as one, other.lock(keys[1:4], 60) as two, third.lock(keys, 60) as three:
        assert (one.mine, one.owners) == (set(keys[:2]), {})
        assert (two.mine, two.owners) == (set(keys[2:4]), {keys[1]: one.token})
        assert three.mine == set(keys[4:])
        assert three.owners == dict.fromkeys(keys[:2], one.token) | dict.fromkeys(keys[2:4], two.token)
    with third.lock([*keys, *keys], 60) as all_of_them:
        assert (all_of_them.mine, all_of_them.owners) == (set(keys), {})


def test_the_lock_of_a_living_owner_outlasts_its_lifetime(reopen: Opener, cache: Backend, tag: str) -> None:
    other = reopen()
    keys = [key(f"{tag}/{n}") for n in range(3)]
    begin = datetime.now(UTC)
    with cache.lock(keys, 1.2) as mine:

        def is_over() -> bool:
            with other.lock(keys, 1.2) as yours:
                assert dict(yours.owners) == dict.fromkeys(keys, mine.token)
            return datetime.now(UTC) - begin > timedelta(seconds=1.8)

        wait_until(is_over, "more than its lifetime has passed")
    with other.lock(keys, 60) as yours:
        assert yours.mine == set(keys)


def test_a_late_owner_does_not_take_back_or_release_another_s_lock(reopen_shared: Opener, tag: str) -> None:
    cache, other, third = reopen_shared(), reopen_shared(), reopen_shared()
    late = store_of(cache)
    assert late.acquire([key(tag)], DEAD_OWNER, 0.05) == [DEAD_OWNER]
    with ExitStack() as holding:

        def is_taken() -> frozenset[Key]:
            return holding.enter_context(other.lock([key(tag)], 60)).mine

        wait_until(lambda: bool(is_taken()), "another has the lock")
        late.prolong([key(tag)], DEAD_OWNER, 60)
        late.release([key(tag)], DEAD_OWNER)
        with third.lock([key(tag)], 60) as locks:
            assert not locks.mine
            assert locks.owners[key(tag)] != DEAD_OWNER


_OWNER = """
import sys, time
from dashboard.cache import key, open_levels
from dashboard.settings import Settings

*_, cache = open_levels(Settings(_env_file=None, data_dir=sys.argv[1], redis_url=sys.argv[2] or None))
with cache.lock([key(sys.argv[3])], 0.9) as locks:
    print(locks.token.hex(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("name", ["disk", "redis"])
def test_the_lock_of_a_killed_process_ends_after_its_lifetime(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, tag: str
) -> None:
    cache = opener(name, request)()
    url = request.getfixturevalue("redis_url") if name == "redis" else ""

    def asked() -> Locks:
        with cache.lock([key(tag)], 60) as locks:
            return locks

    command = [sys.executable, "-c", _OWNER, str(tmp_path / "data"), url, tag]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        token = bytes.fromhex(owner.stdout.readline())
        try:
            assert asked().owners == {key(tag): token}
        finally:
            owner.kill()
    wait_until(lambda: bool(asked().mine), "the lock's lifetime is over")


def test_threads_share_a_cache(cache: Backend, tag: str) -> None:
    start = threading.Barrier(8)

    def work(n: int) -> list[int]:
        start.wait()
        for turn in range(5):
            with cache.lock([key(tag, n, turn), key(tag, "all")], 60) as locks:
                assert key(tag, n, turn) in locks.mine
                store(cache, key(tag, n, turn), version=n)
        return [hit(cache, key(tag, n, turn)).version for turn in range(5)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[n] * 5 for n in range(8)]
    assert cache.stats().faults == {}


_WORK = """
import sys
from dashboard.cache import key, open_levels
from dashboard.settings import Settings
from tests.answers import hit, store

_, cache = open_levels(Settings(_env_file=None, data_dir=sys.argv[1]))
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


@pytest.fixture(params=["memory", "disk"])
def open_bounded(request: pytest.FixtureRequest, open_store: Opener) -> Callable[[int], Backend]:
    if request.param == "memory":
        return lambda max_bytes: open_store(cache="memory", cache_memory_max_bytes=max_bytes)
    return lambda max_bytes: open_store(cache_max_bytes=max_bytes)


def test_a_cache_stays_within_its_bound_and_keeps_what_is_used(
    open_bounded: Callable[[int], Backend], tag: str
) -> None:
    max_bytes = 1_000_000
    cache = open_bounded(max_bytes)
    rows = pl.DataFrame({"n": range(5_000)})
    store(cache, key("used"))
    for n in range(60):
        store(cache, key(tag, n), rows)
        hit(cache, key("used"))
    stats = cache.stats()
    assert stats.max_bytes == max_bytes
    assert stats.size_bytes is not None
    assert stats.size_bytes < 1.3 * max_bytes
    assert miss(cache, key(tag, 0)).reason is Reason.EVICTED
    assert miss(cache, key(tag, 0, version=1)).reason is Reason.VERSION
    assert hit(cache, key(tag, 59)).rows.equals(rows)


def test_what_is_over_is_removed_from_the_disk_with_the_next_write(open_store: Opener, tag: str) -> None:
    cache = open_store(cache_max_stale_seconds=0.05)
    cache.set_many({key(tag, n): answer(ttl_seconds=0.05) for n in range(5)})
    wait_until(lambda: found(cache, key(tag, 4)) == Miss(Reason.COLD), "they are over")
    store(cache, key(tag))
    assert cache.stats().entries == 2  # the answer, and the record of which is the latest


def test_what_was_not_used_for_longest_goes_first(open_bounded: Callable[[int], Backend], tag: str) -> None:
    cache = open_bounded(1_000_000)
    rows = pl.DataFrame({"n": range(5_000)})
    unused, used, new = ([key(tag, name, n) for n in range(8)] for name in ("unused", "used", "new"))
    for one in [*used, *unused]:
        store(cache, one, rows)
    cache.get_many(used)
    for one in new:
        store(cache, one, rows)
    is_left = [isinstance(one, Value) for one in cache.get_many([*unused, *used, *new])]
    assert is_left == sorted(is_left)
    assert 0 < is_left.count(False) <= 16


def test_an_answer_that_would_evict_all_others_is_not_kept(
    open_bounded: Callable[[int], Backend], tag: str
) -> None:
    cache = open_bounded(100_000)
    store(cache, key("used"))
    store(cache, key(tag), pl.DataFrame({"n": range(5_000)}))
    assert isinstance(found(cache, key(tag)), Miss)
    assert hit(cache, key("used")).version == 7

"""What only the cache in memory does; the rest is the contract's."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from dashboard.cache import Reason, key
from dashboard.cache.memory import LATEST_BYTES, LATEST_SHARE, OVERHEAD_BYTES, MemoryCache
from tests.answers import answer, found, hit, last_good, miss, store

ROWS = pl.DataFrame({"n": range(1_000)})  # 8,000 bytes
KEY = key("tag")


def cache(max_bytes: int = 1_000_000) -> MemoryCache:
    return MemoryCache(max_bytes, keep_stale_seconds=60.0)


def test_the_rows_are_the_very_ones_that_were_stored() -> None:
    memory = cache()
    kept = store(memory, KEY, ROWS)
    assert hit(memory, KEY) is kept
    assert last_good(memory, KEY.at(1)) is kept


def test_its_size_counts_rows_records_and_what_a_value_takes_besides() -> None:
    memory = cache()
    store(memory, KEY, ROWS)
    once = memory.stats().size_bytes
    assert once == 8_000 + OVERHEAD_BYTES + LATEST_BYTES
    store(memory, KEY, ROWS)
    assert (memory.stats().size_bytes, memory.stats().entries) == (once, 1)
    store(memory, KEY.at(1), ROWS)
    assert memory.stats().size_bytes == once + 8_000 + OVERHEAD_BYTES


def test_it_never_takes_more_than_its_room() -> None:
    memory = cache(100_000)
    for n in range(1_000):
        store(memory, key("tag", n % 300), ROWS.head(n))
        size = memory.stats().size_bytes
        assert size is not None
        assert size <= 100_000
    assert memory.stats().entries


def test_records_of_what_was_stored_last_are_bounded_too() -> None:
    memory = cache(100_000)
    for n in range(1_000):
        store(memory, key("tag", n))
    assert len(memory._latest) == int(100_000 * LATEST_SHARE / LATEST_BYTES)
    assert miss(memory, key("tag", 0)).reason is Reason.COLD


def test_a_value_whose_record_had_to_go_is_still_a_good_one() -> None:
    memory = cache(100_000)
    store(memory, KEY)
    for n in range(40):
        store(memory, key("tag", n), version=n)
        hit(memory, KEY)
    assert miss(memory, KEY.at(1)).reason is Reason.COLD
    assert last_good(memory, KEY) is hit(memory, KEY)


def test_what_is_too_large_is_not_kept_and_replaces_what_was() -> None:
    memory = cache(100_000)
    store(memory, KEY)
    store(memory, KEY, pl.DataFrame({"n": range(4_000)}))
    assert miss(memory, KEY).reason is Reason.EVICTED
    assert (memory.stats().entries, memory.stats().stored) == (0, 1)


def test_no_room_at_all_is_lived_with() -> None:
    memory = cache(1)
    store(memory, KEY)
    assert miss(memory, KEY).reason is Reason.COLD
    assert memory.stats().size_bytes == 0


def test_what_is_evicted_is_let_go_of() -> None:
    memory = cache(100_000)
    rows = [ROWS.clone() for _ in range(100)]
    alive = [weakref.ref(frame) for frame in rows]
    while rows:
        store(memory, key("tag", len(rows)), rows.pop())
    gc.collect()
    assert len([one for one in alive if one() is not None]) == memory.stats().entries


def test_threads_leave_it_in_order() -> None:
    memory = cache(200_000)
    start = threading.Barrier(8)

    def work(n: int) -> None:
        start.wait()
        for turn in range(300):
            asked = key("tag", (n * 7 + turn) % 40)
            memory.set_many({asked: answer(ROWS.head(turn))})
            with memory.lock([asked], 1):
                found(memory, key("tag", turn % 40))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    kept = memory._kept.values()
    assert memory._values_bytes == sum(one.size_bytes for one in kept)
    assert memory._locks == {}
    assert sum(memory.stats().misses.values()) + memory.stats().hits == 8 * 300

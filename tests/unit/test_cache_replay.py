"""The rules of the cache, by which recorded reads are made again."""

import pytest

from dashboard.cache_state import Read, Replayed, Rules, replay
from dashboard.telemetry import Block, packed, unpacked

HOUR = 3_600.0
HOUR_LONG = Rules({"default": HOUR})


def year(name: bytes = b"year17") -> Block:
    return Block(name, tuple(b"%06d" % number for number in range(12)))


def month(number: int) -> Block:
    return Block(b"%06d" % number)


def read(at: float, *blocks: Block, **chosen: object) -> Read:
    name = b"".join(block.name for block in blocks)
    facts = {"process": "a", "name": name, "ttl_class": "default", "is_fresh": False, "reads": 1} | chosen
    return Read(at, database_ms=12.0, blocks=blocks, **facts)  # type: ignore[arg-type]


def figures(done: Replayed) -> tuple[int, int, int, float]:
    return done.reads, done.hits, done.computed, done.database_ms


def test_within_its_lifetime_a_block_is_computed_once() -> None:
    reads = [read(0, month(1)), read(HOUR - 1, month(1)), read(HOUR, month(1))]
    assert figures(replay(reads, HOUR_LONG)) == (3, 1, 2, 24.0)
    assert figures(replay(reads, HOUR_LONG.all_living(2 * HOUR))) == (3, 2, 1, 12.0)


def test_a_year_is_made_of_its_months_and_as_old_as_the_oldest() -> None:
    reads = [read(0, month(1)), read(1_800, year()), read(HOUR - 1, year()), read(HOUR, year())]
    done = replay(reads, HOUR_LONG)
    assert (done.hits, done.computed) == (1, 1 + 11 + 1)  # in the end but the first month is over
    assert done.database_ms == pytest.approx(12 + 11 + 1)


def test_who_asks_within_the_minute_finds_what_the_first_one_computed() -> None:
    assert replay([read(0, month(1), reads=5)], HOUR_LONG).hits == 4


def test_reads_that_nobody_asked_for_fill_the_cache_and_do_not_count() -> None:
    done = replay([read(0, month(1), reads=0), read(60, month(1))], HOUR_LONG)
    assert figures(done) == (1, 1, 1, 12.0)


def test_a_fresh_read_computes_and_keeps_all() -> None:
    reads = [read(0, month(1)), read(1_800, month(1), is_fresh=True), read(HOUR + 1_000, month(1))]
    assert figures(replay(reads, HOUR_LONG)) == (3, 1, 2, 24.0)


def test_past_its_soft_age_a_block_is_renewed_behind_the_reader() -> None:
    rules = Rules({"default": HOUR}, soft_share=0.5)
    done = replay([read(0, month(1)), read(2_000, month(1)), read(2_000 + 1_700, month(1))], rules)
    assert (done.hits, done.computed, done.renewed) == (2, 2, 1)


def test_processes_that_share_no_level_compute_each_for_itself() -> None:
    reads = [read(0, month(1)), read(60, month(1), process="b")]
    assert replay(reads, HOUR_LONG).computed == 1
    assert replay(reads, Rules({"default": HOUR}, is_shared=False)).computed == 2


def test_nothing_comes_of_nothing() -> None:
    done = replay([], HOUR_LONG)
    assert figures(done) == (0, 0, 0, 0.0)
    assert done.hit_share is None


def test_blocks_come_back_from_their_bytes() -> None:
    blocks = (year(), month(3))
    assert unpacked(packed(blocks)) == blocks
    assert unpacked(b"") == ()
    with pytest.raises(ValueError, match="cut off"):
        unpacked(packed(blocks)[:-1])
